"""ik_llama.cpp, through the structures of ik-llama-cpp-python and functions that it leaves out."""

import ctypes
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from pipeline.engines.llama_cpp.library import Handle, Room, Say

PACKAGE = "ik_llama_cpp"
NO_PLACE = 1
"""`llama_decode` found no row of free places long enough, and changed nothing."""

WHOLE = -1
"""Its bound of a range of positions that has none."""

POINTER, SLOT, SIZE = ctypes.c_void_p, ctypes.c_int32, ctypes.c_size_t
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "llama_print_system_info": (ctypes.c_char_p, []),
    "llama_log_set": (None, [POINTER, POINTER]),
    "llama_n_batch": (ctypes.c_uint32, [POINTER]),
    "llama_n_ubatch": (ctypes.c_uint32, [POINTER]),
    "llama_get_logits": (ctypes.POINTER(ctypes.c_float), [POINTER]),
    "llama_synchronize": (None, [POINTER]),
    "llama_lora_adapter_init": (POINTER, [POINTER, ctypes.c_char_p]),
    "llama_lora_adapter_free": (None, [POINTER]),
    "llama_lora_adapter_set": (ctypes.c_int32, [POINTER, POINTER, ctypes.c_float]),
    "llama_lora_adapter_clear": (None, [POINTER]),
    "llama_kv_cache_seq_rm": (ctypes.c_bool, [POINTER, SLOT, ctypes.c_int32, ctypes.c_int32]),
    "llama_kv_cache_defrag": (None, [POINTER]),
    "llama_kv_cache_update": (ctypes.c_int32, [POINTER]),
    "llama_state_seq_get_size": (SIZE, [POINTER, SLOT, ctypes.c_uint32]),
    "llama_state_seq_get_data": (SIZE, [POINTER, POINTER, SIZE, SLOT, ctypes.c_uint32]),
    "llama_state_seq_set_data": (SIZE, [POINTER, POINTER, SIZE, SLOT, ctypes.c_uint32]),
}
"""Functions of its `llama.h` that the bindings don't have: what they return, and take."""

ON_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, POINTER)


def bindings() -> ModuleType:
    """The package's structures and functions, its library kept apart from llama.cpp's.

    The two libraries have functions of the same names. llama-cpp-python makes its own visible to
    all that is loaded later, so this one is told to look at itself first.
    """
    spec = find_spec(PACKAGE)
    assert spec and spec.submodule_search_locations
    inside = Path(spec.submodule_search_locations[0]) / "lib" / "libllama.so"
    path = os.environ.get("IK_LLAMA_CPP_LIB_PATH", str(inside))
    ctypes.CDLL(path, mode=os.RTLD_LOCAL | os.RTLD_NOW | os.RTLD_DEEPBIND)
    _ctypes_api = import_module(f"{PACKAGE}._ctypes_api")

    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(_ctypes_api._lib, name)
        function.restype, function.argtypes = result, arguments
    return _ctypes_api


class IkLibrary:
    """Its functions, with what 0.1.5 gets wrong turned off.

    Tried, and read in its source in 2026: its flash attention refuses adapters, and of several
    sequences it takes one's mask for all, so that an assertion fails or an answer is wrong. Its
    joint kernel for gate and up passes an adapter's matrices over.
    """

    called: ClassVar[Any] = None
    """What the library may call, which outlives whoever asked for it."""

    name = "ik_llama.cpp"

    def __init__(self) -> None:
        self._api = bindings()
        self._c = self._api._lib
        self.version = f"ik-llama-cpp-python {version('ik-llama-cpp-python')}"
        self.batch: type[ctypes.Structure] = self._api.llama_batch
        self._api.llama_backend_init()

    def system_info(self) -> str:
        """As `llama_print_system_info` has it."""
        said: bytes = self._c.llama_print_system_info()
        return said.decode(errors="replace")

    def log_to(self, say: Say) -> None:
        """All but its last words: there is no function for those."""
        log = ON_LOG(lambda level, piece, _: say(level, piece))
        self._c.llama_log_set(log, None)
        IkLibrary.called = log

    def load(self, path: Path) -> Handle:
        """Read into memory, every matrix put into the order that its kernels like (`-rtr`)."""
        parameters = self._api.llama_model_default_params()
        parameters.n_gpu_layers = 0
        parameters.repack_tensors = True
        return self._api.llama_model_load_from_file(str(path).encode(), parameters)

    def unload(self, model: Handle) -> None:
        """By `llama_free_model`."""
        self._api.llama_free_model(model)

    def vocabulary(self, model: Handle) -> int:
        """By `llama_vocab_n_tokens`."""
        return int(self._api.llama_vocab_n_tokens(self._api.llama_model_get_vocab(model)))

    def load_adapter(self, model: Handle, path: Path) -> Handle:
        """By `llama_lora_adapter_init`."""
        return self._c.llama_lora_adapter_init(model, str(path).encode())

    def unload_adapter(self, adapter: Handle) -> None:
        """By `llama_lora_adapter_free`."""
        self._c.llama_lora_adapter_free(adapter)

    def open(self, model: Handle, room: Room) -> Handle:
        """With attention in steps, and gate and up apart where an adapter may be applied."""
        parameters = self._api.llama_context_default_params()
        parameters.n_ctx = room.positions
        parameters.n_seq_max = room.sequences
        parameters.n_threads = parameters.n_threads_batch = room.threads
        parameters.flash_attn = False
        parameters.fused_up_gate = not room.adapts
        return self._api.llama_init_from_model(model, parameters)

    def close(self, context: Handle) -> None:
        """By `llama_free`."""
        self._api.llama_free(context)

    def most(self, context: Handle) -> int:
        """What it computes at a time: beyond that it would find a part's places, then fail."""
        return int(min(self._c.llama_n_batch(context), self._c.llama_n_ubatch(context)))

    def apply(self, context: Handle, adapters: Sequence[Handle]) -> bool:
        """In place of those before; then its graph and the memory for it are planned anew.

        It does that by itself only where the number of operations changes: another adapter on
        other modules, but on as many, would be computed in the places of the one before. Moving
        what is cached together plans anew, too, whether anything has to be moved or not.
        """
        self._c.llama_lora_adapter_clear(context)
        if any(self._c.llama_lora_adapter_set(context, each, 1.0) for each in adapters):
            return False
        self._c.llama_kv_cache_defrag(context)
        return not self._c.llama_kv_cache_update(context)

    def decode(self, context: Handle, batch: ctypes.Structure) -> int:
        """It wants places in a row: where none are long enough, they are moved together first."""
        if (code := int(self._api.llama_decode(context, batch))) != NO_PLACE:
            return code
        self._c.llama_kv_cache_defrag(context)
        return int(self._api.llama_decode(context, batch))

    def logits(self, context: Handle) -> Any:
        """By `llama_get_logits`."""
        return self._c.llama_get_logits(context)

    def wait(self, context: Handle) -> None:
        """By `llama_synchronize`."""
        self._c.llama_synchronize(context)

    def forget(self, context: Handle, slot: int) -> None:
        """By `llama_kv_cache_seq_rm`."""
        self._c.llama_kv_cache_seq_rm(context, slot, WHOLE, WHOLE)

    def clear(self, context: Handle) -> None:
        """By `llama_kv_cache_clear`, numbers included."""
        self._api.llama_kv_cache_clear(context)

    def state(self, context: Handle, slot: int) -> Any:
        """By `llama_state_seq_get_data`."""
        size = self._c.llama_state_seq_get_size(context, slot, 0)
        state = (ctypes.c_uint8 * size)()
        self._c.llama_state_seq_get_data(context, state, size, slot, 0)
        return state

    def restore(self, context: Handle, slot: int, state: Any) -> bool:
        """By `llama_state_seq_set_data`."""
        return bool(self._c.llama_state_seq_set_data(context, state, len(state), slot, 0))
