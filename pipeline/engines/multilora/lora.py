"""Loading an adapter: where its numbers will lie, worked out beforehand, and the one call left."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import WEIGHTS
from pipeline.adapters.variants import TABLES
from pipeline.engines.multilora.embedding_lora import load_update, update_bytes
from pipeline.engines.multilora.expert_updates import ExpertUpdates
from pipeline.engines.multilora.row_factors import RowFactors, has_row_factors
from pipeline.engines.multilora.sites import Place, layer_sites
from pipeline.engines.multilora.whole_modules import WholeModules, whole_shape
from pipeline.files.stamp import stamp
from pipeline.kernels.formats import NUMBER_FORMATS, NumberDtype
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.lora_layout import AdapterLayout, LoraShape
from pipeline.kernels.lora_source import sources
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import SafetensorsFile


@dataclass(frozen=True, eq=False, kw_only=True)
class LoadPlan:
    """All about loading an adapter that can be known before: what remains is one call.

    Attributes:
        adapter: which.
        layout: where its numbers will lie.
        names: its tensors in the order of the layout's places.
        factors: by which each is multiplied: B by the adapter's scaling.
        read: of each of the layout's places, whether one of those tensors goes there.
        rows: what is made of the output row by row; None where nothing is.
        whole: what goes to the other places; None where there are none.
        experts: what goes to the sites of experts; None where nothing does.
        base: whose weights decide about factors and whole modules; None if none will be loaded.
    """

    adapter: Adapter
    layout: AdapterLayout
    names: tuple[str, ...]
    factors: NDArray[np.float32]
    read: NDArray[np.bool_]
    rows: RowFactors | None = None
    whole: WholeModules | None = None
    experts: ExpertUpdates | None = None
    base: Checkpoint | None = None

    @classmethod
    def of(
        cls,
        adapter: Adapter,
        model: ModelConfig,
        dtype: NumberDtype = "fp16",
        base: Checkpoint | None = None,
    ) -> Self:
        """From the shapes in the file's header.

        Args:
            adapter: which.
            model: the base's configuration.
            dtype: of the numbers in memory.
            base: whose weights adapters with DoRA or whole modules are loaded by; None if none
                will be.
        """
        sites = [
            [each for place in site if (each := _Part.of(adapter, model, place)) is not None]
            for site in _sites(model)
        ]
        parts = [each for site in sites for each in site]
        stored = [each.path for each in parts if each.is_stored]
        transformed = tuple(each.path for each in parts if each.shape.affine)
        whole = tuple(each.path for each in parts if each.is_whole)
        experts = {
            number: each.path
            for number, site in enumerate(sites)
            for each in site
            if each.shape.experts
        }
        scalings = [(1.0, adapter.lora.scaling(path)) for path in stored]
        return cls(
            adapter=adapter,
            layout=AdapterLayout.of(
                [[each.shape for each in site] for site in sites], NUMBER_FORMATS[dtype]
            ),
            names=tuple(name for path in stored for name in adapter.lora.update_names(path)),
            factors=np.array(scalings, np.float32).reshape(-1),
            read=np.array([each.is_stored for each in parts if each.has_places], bool).repeat(2),
            rows=RowFactors(adapter, transformed, base) if base and transformed else None,
            whole=WholeModules(adapter, whole, base) if base and whole else None,
            experts=ExpertUpdates(adapter, experts, model.experts.count)
            if model.experts and experts
            else None,
            base=base,
        )

    @property
    def bytes(self) -> int:
        """Memory the adapter will take."""
        return self.layout.bytes + update_bytes(self.adapter.lora, self.layout.format)

    def load(self, kernels: Kernels) -> PackedAdapter:
        """Read the adapter from disk; safe to call beside a running step, which it leaves alone.

        Raises:
            OSError: its file can't be opened.
            EOFError: its file is cut short, or no longer safetensors.
            ValueError: its file has changed, or is of a type that isn't known.
            UsageError: the same, where more than B·A is read, of the base's files too.
        """
        path = self.adapter.folder / WEIGHTS
        try:
            file = SafetensorsFile(path)
        except ValueError as error:
            raise EOFError(f"{path} was cut short or written anew: {error}") from error
        with file:
            places = self.layout.places[self.read]
            table = sources(file.tensors, self.names, self.factors, places)
            packed = kernels.read_adapter(file.fileno(), table, self.layout)
        packed.transform(self.rows.values if self.rows else ())
        if self.whole is not None:
            self.whole.put(packed, self.layout.places[~self.read])
        if self.experts is not None:
            self.experts.put(packed)
        update = load_update(self.adapter.lora, self.layout.format, self.base)
        return replace(packed, embedding=update)


@dataclass(frozen=True)
class _Part:
    """What an adapter does to one projection.

    Attributes:
        path: of the module.
        shape: of what is added.
        is_stored: whether A and B are tensors of its file, to be read as they lie.
    """

    path: str
    shape: LoraShape
    is_stored: bool

    @property
    def has_places(self) -> bool:
        """Whether places of the layout are its own."""
        return bool(self.shape.rank) and not self.shape.experts

    @property
    def is_whole(self) -> bool:
        """Whether the adapter saves the module, and no update of it."""
        return self.has_places and not self.is_stored

    @classmethod
    def of(cls, adapter: Adapter, model: ModelConfig, place: Place) -> "_Part | None":
        """None where it leaves the projection alone."""
        path, column, experts = place.path, place.column, place.experts
        stored, affine = adapter.lora.shapes, has_row_factors(adapter, path)
        a, b = adapter.lora.update_names(path)
        if experts:
            return cls._of_experts(adapter, place)
        if a in stored:
            (outputs, rank), inputs = stored[b], stored[a][1]
            return cls(path, LoraShape(column, rank, inputs, outputs, affine), is_stored=True)
        if whole := whole_shape(adapter.lora, path, column, affine):
            return cls(path, whole, is_stored=False)
        if not affine:
            return None
        outputs, inputs = model.modules()[path]
        return cls(path, LoraShape(column, 0, inputs, outputs, affine), is_stored=False)

    @classmethod
    def _of_experts(cls, adapter: Adapter, place: Place) -> "_Part | None":
        """The two parameters of a layer may be one tensor's wrapper or the other's."""
        if not adapter.lora.targets(place.path):
            return None
        a, b = (adapter.lora.shapes[each] for each in adapter.lora.update_names(place.path))
        rank = a[0] // place.experts
        shape = LoraShape(place.column, rank, a[1], b[0], experts=place.experts)
        return cls(place.path, shape, is_stored=False)


class AdapterFile:
    """An adapter on disk; how it is loaded is worked out when it is first wanted, and kept.

    It is the file that lay there when this was made: what is written in its place later is another
    adapter, of which nothing that was computed before may be used.
    """

    def __init__(self, adapter: Adapter, base: Checkpoint, dtype: NumberDtype) -> None:
        self._adapter, self._base, self._dtype = adapter, base, dtype
        self._path = adapter.folder / WEIGHTS
        self._stamp = stamp(self._path)

    @cached_property
    def plan(self) -> LoadPlan:
        """For loading it."""
        return LoadPlan.of(self._adapter, self._base.config, self._dtype, self._base)

    def load(self, kernels: Kernels) -> PackedAdapter:
        """Read it, as `LoadPlan.load` does.

        Raises:
            ValueError: another file lies there than when it was given to the engine.
        """
        self._check_unchanged()
        packed = self.plan.load(kernels)
        self._check_unchanged()
        return packed

    def _check_unchanged(self) -> None:
        if stamp(self._path) != self._stamp:
            raise ValueError(
                f"{self._path} was written anew since the adapter was added; add it again"
            )


def _sites(model: ModelConfig) -> Iterator[list[Place]]:
    """The places of each site: layer by layer, then the head."""
    for layer in range(model.layers):
        yield from layer_sites(layer, model)
    yield [Place(TABLES["lm_head"], 0)]
