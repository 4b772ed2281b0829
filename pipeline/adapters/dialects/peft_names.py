"""What PEFT calls a tensor that a trainer, or a wrapper around the model, calls otherwise."""

from dataclasses import dataclass

from pipeline.adapters.lora_file import PREFIX

_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Of torch.compile, FSDP and activation checkpointing, anywhere in a name."""
_AROUND = (("module",), tuple(PREFIX.split(".")[:-1]))
"""Before a name: of data-parallel training and DeepSpeed, and PEFT's own."""
_TEXT_MODELS = (("model", "language_model"), ("language_model", "model"))
"""Where the decoder is in a model that sees, too; trained as one a text model is called so."""
_DECODER = frozenset({"layers", "embed_tokens", "norm"})
"""What a name begins with if the adapter was trained on the decoder without its output layer."""
_PLAIN, _BARE = ("lora_A", "lora_B"), ("lora_embedding_A", "lora_embedding_B")
_MAGNITUDE, _TOKENS, _WHOLE = "lora_magnitude_vector", "token_adapter", "modules_to_save"
_ORIGINALS = ("base_layer", "original_module")
_MARKS = frozenset({*_PLAIN, *_BARE, _MAGNITUDE, _TOKENS, _WHOLE, *_ORIGINALS})
_KINDS = ("weight", "bias")


@dataclass(frozen=True)
class PeftName:
    """A tensor of an adapter's file.

    Attributes:
        module: path of the module inside the model.
        rest: what follows it in PEFT's name.
        adapter: the adapter's own name, which PEFT leaves out of a file; None if it isn't there.
        original: whether it is the base's own, which PEFT keeps beside what was trained.
        inner: whether it is what was trained of a resized table by the name that it has inside the
            model, beside which PEFT saves it by its plain name.
    """

    module: str
    rest: str
    adapter: str | None = None
    original: bool = False
    inner: bool = False

    @classmethod
    def of(cls, stored: str) -> "PeftName":
        """Of a name in a file; the module needn't be one of the model's."""
        parts = inside_model(stored)
        at = next((at for at, part in enumerate(parts) if part in _MARKS), len(parts))
        module, mark, rest = ".".join(parts[:at]), parts[at : at + 1], parts[at + 1 :]
        if not mark:
            return cls(".".join(parts[:-1]), parts[-1] if parts else "")
        if mark[0] in _ORIGINALS or (len(rest) > 1 and rest[-2] in _ORIGINALS):
            return cls(module, rest[-1] if rest else "", original=True)
        if mark[0] == _WHOLE and len(rest) == 1 and rest[0] in _KINDS:
            return cls(module, rest[0], inner=True)
        if mark[0] == _WHOLE:
            return cls(module, ".".join(rest[1:]), adapter=rest[0] if rest else None)
        if mark[0] == _TOKENS:
            return cls(module, ".".join(mark + rest[:1]), adapter=".".join(rest[1:]) or None)
        kind = rest[-1:] if rest[-1:] and rest[-1] in _KINDS else []
        adapter = rest[: len(rest) - len(kind)]
        if len(adapter) > 1:  # No adapter's name has a dot.
            return cls(module, ".".join(mark + rest))
        name = ".".join(mark + (kind if mark[0] in _PLAIN else []))
        return cls(module, name, adapter[0] if adapter else None)

    @property
    def tensor(self) -> str:
        """Its name inside the model."""
        return f"{self.module}.{self.rest}"


def inside_model(stored: str) -> list[str]:
    """The parts of a name, without what wrappers have put around and into it."""
    parts = [part for part in stored.split(".") if part not in _WRAPPERS]
    while around := next((each for each in _AROUND if _begins(parts, each)), None):
        del parts[: len(around)]
    if any(_begins(parts, each) for each in _TEXT_MODELS):
        parts[:2] = ["model"]
    elif _begins(parts, ("language_model", "lm_head")):
        del parts[0]
    if parts and parts[0] in _DECODER:
        parts.insert(0, "model")
    return parts


def _begins(parts: list[str], with_: tuple[str, ...]) -> bool:
    return tuple(parts[: len(with_)]) == with_
