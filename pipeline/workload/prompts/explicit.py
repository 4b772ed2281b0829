"""What prompts say of their requests beside the words: adapters, lengths, token ids."""

from collections.abc import Collection, Mapping, Sequence

from pipeline.errors import UsageError
from pipeline.workload.popularity.law import Popularity
from pipeline.workload.prompts.source import ADAPTER, MAX_TOKENS, Prompt
from pipeline.workload.text_file import shown

_LAWS = {
    ADAPTER: ("popularity", "alpha", "seeds.adapters"),
    MAX_TOKENS: ("lengths", "max_new_tokens"),
}
"""Settings of a workload that decide what a row of a file may say instead, by the row's field."""


OTHERS = "*"
"""Stands for all names of a file that aren't mapped by themselves."""


def mapped(name: str | None, adapters: Mapping[str, str | None] | None) -> str | None:
    """The adapter that a name in a file stands for; None where the law shall say.

    Args:
        name: in the file; None where it gives none.
        adapters: what names stand for, `*` for all others; None leaves them as they are.
    """
    if name is None or not adapters:
        return name
    return adapters.get(name, adapters.get(OTHERS, name))


def check_adapter(where: str, name: str, adapters: Sequence[str | None], remedy: str = "") -> None:
    """An adapter that a file or a setting names must be there.

    Args:
        where: it is named, for messages.
        name: of the adapter.
        adapters: those that there are.
        remedy: what to do, behind the message.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in adapters:
        there = ", ".join(each for each in adapters if each is not None) or "none"
        raise UsageError(f"{where}: names the adapter {shown(name)}; there are {there}{remedy}")


def check_explicit(
    prompts: Sequence[Prompt],
    adapters: Sequence[str | None],
    law: Popularity,
    text: bool,
    key: str = "workload.prompts.adapters",
) -> None:
    """What prompts say must be there to be had, and must not break a law.

    Args:
        prompts: those that say more than words.
        adapters: what requests may ask for.
        law: who gets which, where a prompt doesn't say.
        text: whether engines get the text.
        key: the setting that maps a file's names to adapters, for messages.

    Raises:
        UsageError: with file and line.
    """
    for prompt in prompts:
        if prompt.ids and text and not prompt.text:
            raise UsageError(
                f"{prompt.where}: has ids and no text; workload.text=false replays ids alone"
            )
        if prompt.adapter is None:
            continue
        remedy = f" ({key} maps names of the file to them, * all others)"
        check_adapter(prompt.where, prompt.adapter, adapters, remedy)
        if law.probabilities(len(adapters)) is None:
            raise UsageError(
                f"{prompt.where}: names its adapter, and workload/popularity={law.name} fixes who "
                "gets which; take the field out, or a law of independent draws such as zipf"
            )


def counted(prompts: Sequence[Prompt]) -> dict[str, object]:
    """How many requests aren't the laws': their prompts say adapter or length themselves."""
    adapters = sum(prompt.adapter is not None for prompt in prompts)
    lengths = sum(prompt.max_tokens is not None for prompt in prompts)
    said: dict[str, object] = {}
    if adapters:
        said |= {"adapters_from_prompts": adapters, "probabilities": None}
    if lengths:
        said |= {"lengths_from_prompts": lengths}
    return said


def without_law(decided: Collection[str]) -> dict[str, str]:
    """The workload's settings that change nothing, by name, where every prompt says it, and why."""
    return {
        name: f"every row of workload.prompts.path says its own {field}"
        for field in decided
        for name in _LAWS[field]
    }
