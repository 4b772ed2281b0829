"""Figures of a comparison, as SVG to be set into a page."""
