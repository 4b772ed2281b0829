"""ik_llama.cpp, a fork of llama.cpp with kernels of its own: its library, and its settings."""
