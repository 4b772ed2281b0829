"""Our own engine: every request its own adapter in one forward, each weight read once a step."""
