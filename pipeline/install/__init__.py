"""Sets up `.venv`: a Python that can, the CPU build of torch, llama.cpp compiled.

Standard library alone: nothing else is there yet.
"""
