"""Makes `model=tiny`: a small Llama, its tokenizer and eight adapters of visible habits."""
