"""Base models: where a checkpoint comes from, and what is known of it without loading it."""
