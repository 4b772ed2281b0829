"""The seven stages of a run; each takes and returns small frozen dataclasses."""
