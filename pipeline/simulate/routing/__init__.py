"""Which replica a request goes to: one law a file."""
