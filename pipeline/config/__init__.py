"""The configuration of a run: what it may be, and how it is read."""
