"""PEFT's files under other names than PEFT's, or with copies of the base's tensors among them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from pipeline.adapters.added_tokens import tables_named
from pipeline.adapters.dialects.conversion import Conversion
from pipeline.adapters.dialects.expert_stack import kept
from pipeline.adapters.dialects.folded_tables import folded, table_updates
from pipeline.adapters.dialects.peft_names import PeftName
from pipeline.adapters.dialects.single_experts import experts_together, has_single_experts
from pipeline.adapters.expected_tensors import saved_modules
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS, LoraFile
from pipeline.adapters.variants import ADDED, has_added_tokens
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.stored_shapes import expected as whole_tensors


def renamed(lora: LoraFile, model: ModelConfig) -> tuple[LoraFile, Conversion | None]:
    """The adapter by PEFT's names, and how its file becomes PEFT's; None where it is PEFT's.

    PEFT leaves out what it doesn't know by name, says so in a warning, and serves the base. What
    belongs to no module of the model keeps its name, and is refused for it.

    Raises:
        UsageError: two tensors are the same of PEFT's, two adapters are in one file, or the base's
            tensors in it are of another shape than the model's.
    """
    said, lora = lora, tables_named(lora, model)
    found = _Names.of(lora, model)
    single = has_single_experts(lora, model)
    if (
        said is lora
        and not single
        and len(found.own) == len(lora.shapes)
        and all(name == stored for name, stored in found.own.items())
    ):
        return lora, None
    stored = lora.stored()
    copies = {name: stored[each] for name, each in found.originals.items()}
    tensors = {name: stored[each] for name, each in found.own.items()}
    updates = table_updates(lora, tensors, copies, model)
    for each in updates:
        del copies[f"{each.module}.weight"]
    for name, tensor in copies.items():
        _check_shape(lora, name, tensor, model, found)
    config, made = lora.config, {name: kept(each) for name, each in tensors.items()}
    if single:
        config, made = experts_together(lora, tensors, model)
    config, made = folded(config, made, updates)

    def numbers() -> Iterator[NDArray[Any]]:
        with lora.open() as opened:
            yield from (read(opened) for _, _, read in made.values())

    files = (lora.folder / CONFIG, lora.folder / WEIGHTS)
    declared = {name: (dtype, shape) for name, (dtype, shape, _) in made.items()}
    conversion = Conversion(files, declared, numbers)
    return replace(lora, config=config, shapes=conversion.shapes, copies=copies), conversion


@dataclass(frozen=True)
class _Names:
    """Names in the file: by PEFT's, of the adapter's tensors; by the model's, of the base's."""

    own: Mapping[str, str]
    originals: Mapping[str, str]

    @classmethod
    def of(cls, lora: LoraFile, model: ModelConfig) -> "_Names":
        whole = whole_tensors(model)
        experts = (name.removesuffix(".weight") for name in model.expert_tensors())
        modules = {*model.every_module()} - {*model.routed_modules()}
        modules |= {*model.expert_modules(), *experts}
        trained = tuple(f"{each}." for each in saved_modules(lora.config, model))
        biased = lora.config.get("bias", "none") != "none"
        own: dict[str, str] = {}
        originals: dict[str, str] = {}
        adapters: set[str] = set()
        for stored in lora.shapes:
            each = PeftName.of(stored)
            if each.inner and f"{PREFIX}{each.tensor}" in lora.shapes:
                continue
            original = each.original or not each.tensor.startswith(trained)
            # PEFT trains biases in their place, where others are the base's own.
            if each.tensor in whole and original and not (biased and each.rest == "bias"):
                _put(originals, each.tensor, stored, lora)
            elif each.module in modules:
                _put(own, f"{PREFIX}{each.tensor}", stored, lora)
                adapters |= {each.adapter} if each.adapter else set()
            else:
                _put(own, stored, stored, lora)
        if len(adapters) > 1:
            one, other = sorted(adapters)[:2]
            raise UsageError(
                f"{lora.folder}: holds the adapters {one!r:.80} and {other!r:.80}; save each of "
                "them to a folder of its own"
            )
        return cls(own, originals)


def _put(names: dict[str, str], name: str, stored: str, lora: LoraFile) -> None:
    if twin := names.get(name):
        raise UsageError(
            f"{lora.folder}: {stored} and {twin} are both PEFT's {name}; save the adapter again"
        )
    names[name] = stored


def _check_shape(
    lora: LoraFile, name: str, tensor: StoredTensor, model: ModelConfig, names: _Names
) -> None:
    """Of a table whose vocabulary was resized the adapter's own has to be there, too."""
    wanted = whole_tensors(model)[name]
    added = has_added_tokens(name, tensor.shape, wanted)
    if tensor.shape != wanted and not (added and f"{PREFIX}{name}" in names.own):
        why = "it was trained on another base; serve it on that"
        raise UsageError(
            f"{lora.folder}: saves the base's {name} along as {list(tensor.shape)}, this model's "
            f"is {list(wanted)}: {ADDED if added else why}"
        )
