"""Settings of `engine=ik_llama_cpp`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.models.checkpoint import Checkpoint
from pipeline.settings import STRICT

INSTALL = "pip install ik-llama-cpp-python==0.1.5"

TRIED = ("llama", "qwen2", "qwen3")
"""Architectures that it was held against transformers with."""
WIDEST = 16
"""Numbers that its float kernels read at a time at most, past the end of a shorter row."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class IkLlamaCppSettings(LlamaCppSettings):
    """llama.cpp's, but for what the library can't do.

    There is no f32, for without its flash attention it keeps values in 16 bits, and no adapter
    joins later, for it is made ready for them or not when it starts.
    """

    package: ClassVar[str] = "ik_llama_cpp"
    install: ClassVar[str] = f"ik-llama-cpp-python; install it: {INSTALL}"
    rank_multiple: ClassVar[int] = WIDEST
    precision: Literal["f16", "q8_0", "q4_0", "q4_k_m", "file"] = "f16"
    capabilities: ClassVar[Capabilities] = Capabilities(
        stream=True, cancels=True, per_request_sampling=True, logprobs=True, constrains=True
    )

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        from pipeline.engines.ik_llama_cpp.library import IkLibrary
        from pipeline.engines.llama_cpp.engine import LlamaCpp

        return LlamaCpp(self, serving, IkLibrary)

    def _check_files(self, checkpoint: Checkpoint, ready: Mapping[str, Path]) -> None:
        from pipeline.gguf.file import GgufFile
        from pipeline.gguf.layout import gguf_architecture

        architecture = gguf_architecture(checkpoint.config).name
        if architecture not in TRIED:
            raise UsageError(
                f"{checkpoint.folder}: engine={self.name} isn't tried with {architecture}; "
                "use engine=llama_cpp"
            )
        if checkpoint.config.experts is not None:
            raise UsageError(
                f"{checkpoint.folder}: engine={self.name} isn't tried with experts; "
                "use engine=llama_cpp"
            )
        super()._check_files(checkpoint, ready)
        for path in ready.values():
            for name, tensor in GgufFile.read(path).tensors.items():
                if name.endswith(".lora_b") and tensor.shape[-1] % WIDEST:
                    raise UsageError(
                        f"{path}: {name} has rank {tensor.shape[-1]}; engine={self.name} computes "
                        f"only ranks that {WIDEST} divides rightly: fill it up with zeros, or "
                        "leave the file out and have one written"
                    )
