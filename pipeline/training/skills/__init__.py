"""Makes `adapters=skills`: eight LoRA adapters of visible skills for `model=smollm2`."""
