"""What requests say: one source a module."""
