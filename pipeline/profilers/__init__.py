"""Profilers: each looks at a run from outside its timed part, in a pass of its own."""
