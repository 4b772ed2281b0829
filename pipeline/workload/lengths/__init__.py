"""How many tokens requests ask for: one law a module."""
