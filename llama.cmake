# What of llama.cpp is compiled: the library, and nothing of the helpers of its programs.
set(LLAMA_BUILD_COMMON OFF)
