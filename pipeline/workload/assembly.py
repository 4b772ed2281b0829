"""The requests of a trace, put together from what was drawn."""

from collections.abc import Sequence

from pipeline.workload.arrivals.process import Slot
from pipeline.workload.popularity.law import Assignment
from pipeline.workload.prompts.source import Encode, Prompt
from pipeline.workload.request import TraceRequest


def assemble(
    slots: Sequence[Slot],
    choices: Sequence[Assignment],
    prompts: Sequence[Prompt],
    lengths: Sequence[int],
    adapters: Sequence[str | None],
    encode: Encode,
) -> tuple[TraceRequest, ...]:
    """One request from each slot, choice, prompt and length.

    Args:
        slots: when.
        choices: for which adapter, by whom.
        prompts: with what words; what else they say goes before choices and lengths.
        lengths: how many tokens are asked for.
        adapters: names that the choices' numbers stand for.
        encode: the model's tokenizer.
    """
    rows = zip(slots, choices, prompts, lengths, strict=True)
    return tuple(
        TraceRequest(
            id=id_,
            iteration=slot.iteration,
            adapter=prompt.adapter or adapters[choice.adapter],
            prompt=prompt.text,
            prompt_ids=prompt.ids or tuple(encode(prompt.text)),
            max_new_tokens=prompt.max_tokens or length,
            scheduled_s=slot.scheduled_s,
            tenant=choice.tenant,
        )
        for id_, (slot, choice, prompt, length) in enumerate(rows)
    )
