"""llama.cpp through llama-cpp-python's low-level API: many sequences, one adapter a decode."""
