"""Where step times come from: stated, or fitted to runs."""
