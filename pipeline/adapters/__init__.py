"""LoRA adapters: where they come from, what their files hold, and whether they fit a model."""
