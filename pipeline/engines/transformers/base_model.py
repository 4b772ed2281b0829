"""A transformers model that generates with a stamp for every token."""

from collections.abc import Sequence as Rows
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
)
from transformers.utils.logging import disable_progress_bar

from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.chosen_logits import ChosenLogits
from pipeline.engines.transformers.ended_rows import AnsweredRows, CancelledRows
from pipeline.engines.transformers.own_rows import OwnRows
from pipeline.engines.transformers.sound_rows import SoundRows
from pipeline.engines.transformers.stage_tap import StageTap
from pipeline.engines.transformers.static_batch import Output
from pipeline.engines.transformers.stored_weights import loading, read_bytes, stored_bytes
from pipeline.inference.stage_clock import StageClock
from pipeline.inference.token_sampler import TokenSampler
from pipeline.models.safetensors_copy import library_folder

PAD = 0
"""Fills rows to the length of the longest; what is masked may be any token."""

ATTENTION, CAPPED_ATTENTION = "sdpa", "eager"
"""What transformers takes by itself where a `config.json` asks for nothing, such as for a library
that isn't installed; and where what goes into the softmax is capped, which torch's own can't."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class BaseModel:
    """The base model and `generate`, tapped for stamps and stages.

    Attributes:
        model: transformers' own.
        bytes: of the model, as it is stored.
        weight_bytes: of the weights that a decode step reads.
    """

    def __init__(
        self, serving: Serving, precision: str, clock: StageClock, sampler: TokenSampler
    ) -> None:
        """Load it.

        Args:
            serving: the base model, and how its weights are stored.
            precision: of weights and activations, of `DTYPES`.
            clock: is told where the time goes.
            sampler: chooses tokens where plain greedy decoding isn't all that is asked for.
        """
        disable_progress_bar()
        torch.set_num_threads(serving.threads)
        folder = str(library_folder(serving.checkpoint))
        dtype = DTYPES[precision]
        capped = serving.checkpoint.config.scales.attention_cap is not None
        self.model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=CAPPED_ATTENTION if capped else ATTENTION,
            **loading(serving.quantization, dtype),
        ).eval()
        if serving.vocabulary > serving.checkpoint.config.vocabulary:
            # The rows are random, and nobody's: adapters bring their own.
            self.model.resize_token_embeddings(serving.vocabulary, mean_resizing=False)
        self.bytes = stored_bytes(self.model)
        self.weight_bytes = read_bytes(self.model)
        self.model.generation_config = GenerationConfig()
        self._sampler = sampler
        self._tap = StageTap(self.model, clock)

    @torch.inference_mode()
    def generate(
        self,
        model: Any,
        batch: Rows[Sequence],
        cancelled: CancelledRows,
        answered: AnsweredRows,
        sizes: Rows[int] | None = None,
        **extra: Any,
    ) -> Output:
        """`model.generate` over left-padded prompts, as far as the longest answer.

        Args:
            model: this base model, or a PEFT model around it.
            batch: one row each.
            cancelled: ends rows before their time.
            answered: ends rows in time.
            sizes: how many token ids each row's adapter has; None where all have the model's.
            extra: passed on, such as PEFT's `adapter_names`.
        """
        ids, mask = self._pad([each.prompt for each in batch])
        watch, chosen = SoundRows(), self._chosen(batch)
        own = [OwnRows(sizes)] if sizes else []
        self._tap.begin()
        tokens: Tensor = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=self._config(batch),
            streamer=self._tap,
            logits_processor=LogitsProcessorList([watch, *own, *chosen]),
            stopping_criteria=StoppingCriteriaList([cancelled, answered]),
            **extra,
        )
        rows = tokens[:, ids.shape[1] :].tolist()
        logprobs = [said for each in chosen for said in each.logprobs]
        return Output(rows, self._tap.stamps, watch.broken_at, logprobs, cancelled.ids)

    @torch.inference_mode()
    def score(
        self, model: Any, prompt: Rows[int], continuation: Rows[int], vocabulary: int, **extra: Any
    ) -> Tensor:
        """Log-probabilities at each position of the continuation, fp32 (n, vocabulary).

        Args:
            model: this base model, or a PEFT model around it.
            prompt: token ids before the continuation, at least one.
            continuation: token ids, of which the last isn't fed in.
            vocabulary: number of token ids of the adapter.
            extra: passed on, such as PEFT's `adapter_names`.
        """
        ids = torch.tensor([[*prompt, *continuation[:-1]]])
        logits: Tensor = model(
            input_ids=ids, use_cache=False, logits_to_keep=len(continuation), **extra
        ).logits
        return logits[0, :, :vocabulary].float().log_softmax(-1)

    def _chosen(self, batch: Rows[Sequence]) -> list[ChosenLogits]:
        asked = [each.request.sampling for each in batch]
        plain = all(
            each.is_greedy and not (each.has_penalties or each.min_tokens) and each.logprobs is None
            for each in asked
        )
        if plain and self._sampler.teacher is None:
            return []
        return [ChosenLogits(self._sampler, batch)]

    def _pad(self, prompts: Rows[Rows[int]]) -> tuple[Tensor, Tensor]:
        width = max(len(prompt) for prompt in prompts)
        ids = torch.full((len(prompts), width), PAD)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        return ids, mask

    def _config(self, batch: Rows[Sequence]) -> GenerationConfig:
        return GenerationConfig(
            max_new_tokens=max(each.request.max_new_tokens for each in batch),
            do_sample=False,
            pad_token_id=PAD,
        )
