"""Engines on transformers and PEFT: a batch is served from beginning to end."""
