"""Processes of this project: what they are told, what stops them, and their children."""
