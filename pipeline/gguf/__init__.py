"""GGUF: base models, adapters and tokenizers in the format that llama.cpp loads."""
