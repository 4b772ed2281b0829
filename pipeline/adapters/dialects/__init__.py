"""What an adapter may look like that PEFT didn't save: each kind read as if PEFT had saved it."""
