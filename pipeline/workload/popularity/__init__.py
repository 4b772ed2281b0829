"""Which adapter a request names: one law a module."""
