"""Runs side by side: paired ratios, a terminal table and a page that explains itself."""
