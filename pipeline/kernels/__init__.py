"""The arithmetic of a step: native kernels, and a plain-PyTorch reference of each."""
