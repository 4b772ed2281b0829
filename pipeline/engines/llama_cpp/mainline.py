"""llama.cpp itself, through llama-cpp-python's low-level API."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import llama_cpp
from llama_cpp._ggml import libggml

from pipeline.engines.llama_cpp.library import Handle, Room, Say

WHOLE = -1
"""llama.cpp's bound of a range of positions that has none."""

LAST_WORDS = 4
"""The level at which it says why it aborts: an error's."""

ON_ABORT = ctypes.CFUNCTYPE(None, ctypes.c_char_p)


class Mainline:
    """Its functions.

    The KV cache is one pool for all sequences. In llama.cpp's other layout, an equal part for
    each, a decode is cut wherever the numbers of its sequences aren't neighbours, and wherever
    prompts differ in length; weights are then read once for every cut.
    """

    called: ClassVar[Any] = None
    """What the library may call, which outlives whoever asked for it."""

    name = "llama.cpp"
    version = f"llama-cpp-python {llama_cpp.__version__}"
    batch: type[ctypes.Structure] = llama_cpp.llama_batch

    def __init__(self) -> None:
        llama_cpp.llama_backend_init()

    def system_info(self) -> str:
        """As `llama_print_system_info` has it."""
        said: bytes = llama_cpp.llama_print_system_info()
        return said.decode(errors="replace")

    def log_to(self, say: Say) -> None:
        """Its last words, too: else it would call a debugger to print its own stack."""
        log = llama_cpp.llama_log_callback(lambda level, piece, _: say(level, piece))
        end = ON_ABORT(lambda said: say(LAST_WORDS, said.strip() + b"\n"))
        llama_cpp.llama_log_set(log, ctypes.c_void_p(0))
        libggml.ggml_set_abort_callback(end)
        Mainline.called = log, end

    def load(self, path: Path) -> Handle:
        """Mapped into memory; q4_0 is copied into the order that its kernels like."""
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        return llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)

    def unload(self, model: Handle) -> None:
        """By `llama_model_free`."""
        llama_cpp.llama_model_free(model)

    def vocabulary(self, model: Handle) -> int:
        """By `llama_vocab_n_tokens`."""
        return int(llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model)))

    def load_adapter(self, model: Handle, path: Path) -> Handle:
        """By `llama_adapter_lora_init`."""
        return llama_cpp.llama_adapter_lora_init(model, str(path).encode())

    def unload_adapter(self, adapter: Handle) -> None:
        """By `llama_adapter_lora_free`."""
        llama_cpp.llama_adapter_lora_free(adapter)

    def open(self, model: Handle, room: Room) -> Handle:
        """With one pool for all sequences."""
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = room.positions
        parameters.n_seq_max = room.sequences
        parameters.n_threads = parameters.n_threads_batch = room.threads
        parameters.kv_unified = True
        if room.exact:
            parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
        return llama_cpp.llama_init_from_model(model, parameters)

    def close(self, context: Handle) -> None:
        """By `llama_free`."""
        llama_cpp.llama_free(context)

    def most(self, context: Handle) -> int:
        """Its `n_batch`: it finds places for all of a batch before it begins."""
        return int(llama_cpp.llama_n_batch(context))

    def apply(self, context: Handle, adapters: Sequence[Handle]) -> bool:
        """It plans its graph anew at the next decode, which takes part of what a switch costs."""
        count = len(adapters)
        handles = (llama_cpp.llama_adapter_lora_p_ctypes * count)(*adapters)
        scales = (ctypes.c_float * count)(*[1.0] * count)
        return not llama_cpp.llama_set_adapters_lora(context, handles, count, scales)

    def decode(self, context: Handle, batch: ctypes.Structure) -> int:
        """By `llama_decode`."""
        return int(llama_cpp.llama_decode(context, batch))

    def logits(self, context: Handle) -> Any:
        """By `llama_get_logits`."""
        return llama_cpp.llama_get_logits(context)

    def wait(self, context: Handle) -> None:
        """By `llama_synchronize`."""
        llama_cpp.llama_synchronize(context)

    def forget(self, context: Handle, slot: int) -> None:
        """By `llama_memory_seq_rm`."""
        llama_cpp.llama_memory_seq_rm(llama_cpp.llama_get_memory(context), slot, WHOLE, WHOLE)

    def clear(self, context: Handle) -> None:
        """By `llama_memory_clear`, numbers included."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)

    def state(self, context: Handle, slot: int) -> Any:
        """By `llama_state_seq_get_data`."""
        size = llama_cpp.llama_state_seq_get_size(context, slot)
        state = (ctypes.c_uint8 * size)()
        llama_cpp.llama_state_seq_get_data(context, state, size, slot)
        return state

    def restore(self, context: Handle, slot: int, state: Any) -> bool:
        """By `llama_state_seq_set_data`."""
        return bool(llama_cpp.llama_state_seq_set_data(context, state, len(state), slot))
