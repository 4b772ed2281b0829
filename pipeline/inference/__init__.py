"""The contract between whoever asks for tokens and whoever computes them."""
