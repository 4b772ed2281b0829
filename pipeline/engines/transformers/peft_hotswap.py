"""The prototype's engine: `set_adapter`, then `generate`, one adapter group after the other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.expected_tensors import saved_modules
from pipeline.adapters.variants import EXPERTS, RESIZED, SHARED, TABLES, VARIANTS
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.peft_engine import PeftEngine, PeftSettings
from pipeline.errors import UsageError
from pipeline.inference.engine import Engine
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.settings import STRICT

TOKENS = "trainable_token_indices"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PeftHotswapSettings(PeftSettings):
    """Settings of `engine=peft_hotswap`."""

    variants: ClassVar[frozenset[str]] = frozenset({RESIZED, SHARED, *VARIANTS})

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return PeftHotswap(self, serving)

    def check(self, checkpoint: Checkpoint, adapters: Mapping[str, Adapter]) -> None:
        """What PEFT can't load beside one another is refused.

        Raises:
            UsageError: some adapters have trainable tokens and some don't, one saves a module
                whole that another adapts, they adapt different parameters, or save tables of
                different sizes.
        """
        super().check(checkpoint, adapters)
        _check_whole_modules(checkpoint.config, adapters)
        _check_parameters(checkpoint.config, adapters)
        _check_tables(checkpoint.config, adapters)
        having = [name for name, each in adapters.items() if TOKENS in each.lora.unusual()]
        without = [name for name in adapters if name not in having]
        if having and without:
            raise UsageError(
                f"engine=peft_hotswap can't serve {having[0]} ({TOKENS}) beside {without[0]}, "
                "which has none; serve them in runs of their own"
            )


def _check_whole_modules(shape: ModelConfig, adapters: Mapping[str, Adapter]) -> None:
    """PEFT wraps what is saved whole, and finds no linear layer there for the next adapter."""
    for name, adapter in adapters.items():
        saved = saved_modules(adapter.lora.config, shape)
        inside = [
            module
            for module in (*shape.modules(), *TABLES.values())
            if any(f"{module}.".startswith(f"{each}.") for each in saved)
        ]
        for other, each in adapters.items() if inside else ():
            if taken := next(filter(each.lora.targets, inside), None):
                raise UsageError(
                    f"engine=peft_hotswap can't serve {name}, whose modules_to_save mean {taken}, "
                    f"beside {other}, which adapts it; serve them in runs of their own"
                )


def _check_parameters(shape: ModelConfig, adapters: Mapping[str, Adapter]) -> None:
    """PEFT wraps what holds them, as a linear layer or for a set of parameters, once for all."""
    linear = (*shape.modules(), *shape.expert_modules())
    named = {name: {*(each.lora.config.get(EXPERTS) or ())} for name, each in adapters.items()}
    first = next((name for name, parameters in named.items() if parameters), None)
    if first is None:
        return
    wrapped = [*filter(adapters[first].lora.targets_parameter, linear)]
    for name, each in adapters.items():
        lora = each.lora
        apart = named[name] and named[name] != named[first]
        if apart or any(lora.targets(m) and not lora.targets_parameter(m) for m in wrapped):
            raise UsageError(
                f"engine=peft_hotswap can't serve {name} beside {first}, whose {EXPERTS} are "
                "others; serve them in runs of their own, or use engine=multilora"
            )


def _check_tables(shape: ModelConfig, adapters: Mapping[str, Adapter]) -> None:
    """The base is resized for those with tokens added, and PEFT copies tables of its size alone."""
    ids = {
        name: each.lora.vocabulary or shape.vocabulary
        for name, each in adapters.items()
        if _changes_tables(shape, each)
    }
    most = max(ids, key=lambda name: ids[name], default="")
    if fewer := next((name for name in ids if ids[name] < ids[most]), None):
        raise UsageError(
            f"engine=peft_hotswap can't serve {most}, whose tables have {ids[most]} rows, beside "
            f"{fewer}, which saves some of {ids[fewer]}; serve them in runs of their own, or use "
            "engine=multilora"
        )


def _changes_tables(shape: ModelConfig, adapter: Adapter) -> bool:
    """Whether it has a table of its own, or an update of one, which is as long."""
    saved = saved_modules(adapter.lora.config, shape)
    return any(each in saved or adapter.lora.targets(each) for each in TABLES.values())


class PeftHotswap(PeftEngine):
    """One adapter a batch; changing it is `PeftModel.set_adapter`."""

    def _make_room(self, adapter: Adapter) -> None:
        """Tables of another length than the base was given have no room, whoever is gone."""
        shape, given = self.serving.checkpoint.config, self.serving.vocabulary
        rows = adapter.lora.vocabulary or shape.vocabulary
        if rows != given and _changes_tables(shape, adapter):
            raise UsageError(
                f"engine=peft_hotswap can't serve {adapter.name}, whose tables have {rows} rows, "
                f"on a base that was loaded with {given}; start again with {adapter.name} and "
                "none of another length, or use engine=multilora"
            )

    def switch(self, loaded: str | None) -> None:
        """Put the adapter into effect; the base model needs no switch, only to be asked."""
        if loaded is not None:
            self.peft.model.set_adapter(loaded)

    @contextmanager
    def adapted(self, adapters: Sequence[str | None]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """The PEFT model with the adapter in effect, or with all of them off."""
        model = self.peft.model_to_call()
        if model is None:
            yield self.base.model, {}
        elif adapters[0] is None:
            with model.disable_adapter():
                yield model, {}
        else:
            yield model, {}
