"""The machine a run is measured on: what it is, and what of it this process gets."""
