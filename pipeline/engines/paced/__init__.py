"""`engine=paced`: the time of an engine that was measured, without its work."""
