"""Simulated replicas held against replicas on Ray."""
