"""A server asked for ten minutes at most of what it can take: nothing lost, doubled or mixed up."""
