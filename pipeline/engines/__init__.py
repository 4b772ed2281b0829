"""Engines serve requests. They know nothing of Hydra, MLflow or statistics."""
