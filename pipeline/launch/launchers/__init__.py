"""Where the jobs of a sweep run: a file a launcher, and what they share."""
