"""How long prompts may be: as the user wants them, and as the model has room for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.errors import UsageError
from pipeline.workload.room import BOUNDLESS, ModelLimits

_T = TypeVar("_T")

SHORTEST, LONGEST = "workload.min_prompt_tokens", "workload.max_prompt_tokens"
LONGEST_ANSWER = "workload.max_answer_tokens"


@dataclass(frozen=True)
class Bounds:
    """What a prompt is judged by, as soon as it is read.

    What the user's own bounds exclude is left out and counted; what the model has no room for is
    refused, so that nothing is left out which nobody asked to leave out.

    Attributes:
        shortest: prompts of fewer tokens are left out; None leaves none out.
        longest: prompts of more tokens are left out; None leaves none out.
        longest_answer: prompts that say their answers have more tokens are left out; None leaves
            none out.
        answer: tokens that a request asks for at most, where its prompt doesn't say.
        answer_key: what makes such answers shorter, for messages.
        explicit_answer_key: what makes answers shorter whose length a prompt says.
        before: tokens that stand before every prompt.
        room: what the model has room for.
        text: whether engines get the text, and so make the token ids themselves.
        as_asked: makes prompts what the model gets of them, by the chat template; None where they
            are that already.
    """

    shortest: int | None = None
    longest: int | None = None
    longest_answer: int | None = None
    answer: int = 1
    answer_key: str = "workload.max_new_tokens"
    explicit_answer_key: str = "its max_tokens"
    before: int = 0
    room: ModelLimits = BOUNDLESS
    text: bool = True
    as_asked: Callable[[Sequence[Any]], Sequence[Any]] | None = None

    def __post_init__(self) -> None:
        if self.shortest and self.longest and self.shortest > self.longest:
            raise UsageError(f"{SHORTEST}={self.shortest}: is above {LONGEST}={self.longest}")

    def sieve(
        self, source: str, measured: Iterable[tuple[_T, str, int, int | None]]
    ) -> tuple[list[_T], tuple[str, ...]]:
        """What is kept of a file, and a note if something wasn't.

        Args:
            source: the file, for messages.
            measured: what may be kept, where it stands, the tokens of its prompt, and the tokens
                of the answer where it says how many.

        Raises:
            UsageError: the model has no room for something that wasn't left out, or nothing is
                left; with file and line.
        """
        kept, shorter, longer, answers = [], 0, 0, 0
        for item, where, tokens, answer in measured:
            if self.shortest is not None and self.before + tokens < self.shortest:
                shorter += 1
            elif self.longest is not None and self.before + tokens > self.longest:
                longer += 1
            elif self.longest_answer is not None and (answer or 0) > self.longest_answer:
                answers += 1
            else:
                self.admit(where, tokens, answer)
                kept.append(item)
        why = [f"{shorter} shorter than {SHORTEST}={self.shortest}"] * (shorter > 0)
        why += [f"{longer} longer than {LONGEST}={self.longest}"] * (longer > 0)
        why += [f"{answers} with answers longer than {LONGEST_ANSWER}={self.longest_answer}"] * (
            answers > 0
        )
        out = shorter + longer + answers
        total = len(kept) + out
        if not kept:
            raise UsageError(f"{source}: leaves no prompt of {total}: {', '.join(why)}; widen it")
        note = f"{out} of the {total} prompts in {source} were left out: {', '.join(why)}"
        return kept, (note,) * (out > 0)

    def admit(self, where: str, tokens: int, answer: int | None = None) -> None:
        """Refuse a prompt that the model has no room for.

        Raises:
            UsageError: with what to do.
        """
        prompt, wanted, most = self.before + tokens, answer or self.answer, self.room.positions
        key = self.explicit_answer_key if answer else self.answer_key
        if not tokens:
            raise UsageError(f"{where}: makes no token; {SHORTEST}=1 leaves out what is empty")
        if wanted >= most:
            raise UsageError(
                f"{where if answer else key}: asks for {wanted} tokens, and the model has {most} "
                f"positions; ask for fewer{f' ({key})' * bool(answer)}"
            )
        if prompt + wanted > most:
            raise UsageError(
                f"{where}: {prompt} tokens and the {wanted} asked for need {prompt + wanted} "
                f"positions, and the model has {most}; {LONGEST}={most - wanted} leaves out what "
                f"is longer, {key} makes the answer shorter"
            )

    def make(self, where: str, tokens: int) -> None:
        """Refuse to make a prompt of so many tokens, which nobody could be surprised by.

        Raises:
            UsageError: it would be out of the user's bounds, or of the model's.
        """
        prompt, most = self.before + tokens, self.room.positions
        for key, bound, out in (
            (SHORTEST, self.shortest, prompt < (self.shortest or 0)),
            (LONGEST, self.longest, prompt > (self.longest or prompt)),
        ):
            if out:
                raise UsageError(
                    f"{where}: makes prompts of {prompt} tokens, and {key} is {bound}; such "
                    "prompts are made, not read, so change their lengths or the bound"
                )
        if prompt + self.answer > most:
            raise UsageError(
                f"{where}: prompts of up to {prompt} tokens and answers of up to {self.answer} "
                f"need {prompt + self.answer} positions, and the model has {most}; make the "
                f"prompts shorter, or the answers ({self.answer_key})"
            )


ANY = Bounds()
"""Nothing to judge by."""
