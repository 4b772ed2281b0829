"""Numbers from a timeline: pure functions, no I/O."""
