"""What replicas tell the router of themselves, by name."""

ADAPTERS = "adapters"
"""Names of the adapters that are in memory."""
