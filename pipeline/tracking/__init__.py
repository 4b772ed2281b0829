"""What is kept of a run: the run directory is the truth, MLflow its projection."""
