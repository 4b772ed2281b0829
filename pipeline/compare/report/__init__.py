"""A comparison for its readers: the terminal's table, the page, and files to paste."""
