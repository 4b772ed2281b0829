"""When requests arrive: one process a module."""
