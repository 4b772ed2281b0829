"""Who is admitted and what a step computes, where keys and values lie in blocks of a pool."""
