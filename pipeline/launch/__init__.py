"""A call of the command as jobs: what it asks for, in which order, each in its own process."""
