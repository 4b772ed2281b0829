"""A Llama-family decoder over a ragged batch of tokens."""

from dataclasses import replace
from typing import Self

from torch import Tensor

from pipeline.engines.multilora.model_check import check_model
from pipeline.engines.multilora.packed_model import PackedModel
from pipeline.engines.multilora.packing import load_packed, with_longer_tables
from pipeline.engines.multilora.recording import record
from pipeline.engines.multilora.rotations import Rotations
from pipeline.engines.multilora.weight_cache import WeightCache
from pipeline.kernels.formats import NUMBER_FORMATS, ActivationDtype, NumberDtype, Precision
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.step_times import StepTimes
from pipeline.kernels.token_batch import TokenBatch
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig


class Decoder:
    """From the tokens of a step to the logits of its outputs.

    Attributes:
        config: dimensions of the model.
        kernels: what computes.
        weight_bytes: packed weights that a step reads.
        model_bytes: all weights as they are served, the input embedding included.
    """

    def __init__(
        self,
        shape: ModelConfig,
        model: PackedModel,
        kernels: Kernels,
        tokens: int,
        kv_dtype: NumberDtype,
    ) -> None:
        self.config, self.kernels, self._kv_dtype = shape, kernels, kv_dtype
        self._model, self._tokens = model, tokens
        self.weight_bytes, self.model_bytes = model.bytes, model.served_bytes
        self._embedding = model.embedding
        self._rotations = Rotations(shape)
        self._layers = kernels.prepare(record(shape, model), tokens)

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        precision: Precision,
        kernels: Kernels,
        activations: ActivationDtype | None = None,
        tokens: int = 256,
        cache: WeightCache | None = None,
        kv_dtype: NumberDtype = "fp32",
        vocabulary: int | None = None,
    ) -> Self:
        """Read and pack a checkpoint.

        Args:
            checkpoint: the base model.
            precision: how the weights are stored.
            kernels: what computes.
            activations: what int8 weights are multiplied by; None takes what suits the kernels.
            tokens: for which buffers are kept; a larger step gets some of its own.
            cache: where packed weights are kept; None for nowhere.
            kv_dtype: of keys and values.
            vocabulary: number of token ids; those beyond the model's have rows of zeros, for
                adapters to add theirs to. None for the model's.

        Raises:
            UsageError: the model has something that this decoder doesn't compute.
        """
        check_model(checkpoint.config, str(checkpoint.folder))
        activations = activations or kernels.activation_dtype
        shape = replace(checkpoint.config, vocabulary=vocabulary or checkpoint.config.vocabulary)
        model = load_packed(checkpoint, precision, kernels, activations, cache, shape.vocabulary)
        return cls(shape, model, kernels, tokens, kv_dtype)

    def widened(self, checkpoint: Checkpoint, vocabulary: int, packing: Kernels) -> Self:
        """One for more token ids; all but the tables is this one's, which may be in a step.

        Args:
            checkpoint: that this was loaded from.
            vocabulary: number of token ids.
            packing: kernels that pack, on threads of their own.

        Raises:
            UsageError: the checkpoint's files can't be read any more.
        """
        shape = replace(self.config, vocabulary=vocabulary)
        model = with_longer_tables(self._model, checkpoint, vocabulary, packing, self.kernels)
        return type(self)(shape, model, self.kernels, self._tokens, self._kv_dtype)

    def watch(self) -> StepTimes | None:
        """From now on add up what each operation of a step takes; None where nobody looks."""
        return self._layers.watch()

    def new_pool(self, tokens: int) -> KvPool:
        """Room for the keys and values of that many positions."""
        return KvPool.for_tokens(tokens, self.config, NUMBER_FORMATS[self._kv_dtype])

    def forward(self, batch: TokenBatch, pool: KvPool) -> Tensor:
        """One step over all tokens of the batch.

        Keys and values of the tokens are written into the pool.

        Returns:
            Logits of the rows `batch.outputs`, fp32 (outputs, vocabulary), until the next step.
        """
        longest = batch.block_table.shape[1] * pool.block_size
        step = self.kernels.begin(batch, *self._rotations.up_to(longest), pool)
        given = self._embedded(batch)
        if (scale := self.config.scales.embedding) != 1.0:
            given = given.float() * scale
        return self._layers.run(step, given)

    def _embedded(self, batch: TokenBatch) -> Tensor:
        """The rows of the batch's tokens, each with what its adapter adds to it."""
        found = self._embedding[batch.tokens]
        for each in batch.segments:
            if each.adapter is not None and (update := each.adapter.embedding) is not None:
                found, rows = found.float(), slice(each.start, each.stop)
                update.add_to(found[rows], batch.tokens[rows])
        return found
