"""How a server is told which adapter a request is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.errors import UsageError, shown

Field = Literal["model", "adapter_id", "lora"]
"""Of the request's body: as vLLM and SGLang take it, as LoRAX does, as llama-server does."""


@dataclass(frozen=True)
class Naming:
    """By which names base and adapters are looked for on a server.

    Attributes:
        field: what names an adapter in a request.
        base: the base model's name; None takes the first that the server lists.
        spelling: of an adapter's name, with `{base}` and `{name}`.
        given: other names for some adapters, by ours.
    """

    field: Field
    base: str | None
    spelling: str
    given: Mapping[str, str]

    def adapter(self, name: str, base: str) -> str:
        """What an adapter is called, by our name and the base's."""
        found = self.given.get(name)
        return found or self.spelling.replace("{base}", base).replace("{name}", name)


@dataclass(frozen=True)
class ModelNames:
    """What base and adapters are called by a server.

    Attributes:
        field: what names the adapter.
        base: the base model's name.
        adapters: what the adapters are called, by our names; numbers where `field` is `lora`.
    """

    field: Field
    base: str
    adapters: Mapping[str, str | int]

    def fields(self, adapter: str | None) -> dict[str, Any]:
        """What of a request's body says whom it is for.

        Raises:
            UsageError: the adapter isn't known.
        """
        if adapter is not None and adapter not in self.adapters:
            raise UsageError(f"adapter {shown(adapter)} was never given to this engine")
        name = None if adapter is None else self.adapters[adapter]
        if self.field == "model":
            return {"model": self.base if name is None else name}
        if self.field == "adapter_id":
            return {"model": self.base} | ({} if name is None else {"adapter_id": name})
        return {"model": self.base, "lora": self._scales(name)}

    def _scales(self, number: str | int | None) -> list[dict[str, Any]]:
        """Adapters that aren't listed have the scale 0, unless none is."""
        if number is not None:
            return [{"id": number, "scale": 1.0}]
        return [{"id": 0, "scale": 0.0}] if self.adapters else []
