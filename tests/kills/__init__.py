"""Sweeps that are killed at random times: nothing lost, doubled or left behind."""
