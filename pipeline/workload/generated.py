"""A workload drawn from laws: popularity × arrivals × prompts × lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field

from pydantic import NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT, offered
from pipeline.workload.arrivals.process import Arrivals
from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.popularity.law import Popularity, rounded
from pipeline.workload.prompts.chat import Chat, without_chat
from pipeline.workload.prompts.explicit import check_explicit, counted, without_law
from pipeline.workload.prompts.lanes import later_turns, of_first_turns
from pipeline.workload.prompts.source import Encode, Prompts
from pipeline.workload.prompts.speech import Speech
from pipeline.workload.prompts.text_reader import NO_OWN, Template, TextReaders
from pipeline.workload.randomness import stream
from pipeline.workload.ranges import Count, Rate, Repetitions, Tokens
from pipeline.workload.room import BOUNDLESS, ModelLimits
from pipeline.workload.run_in import RunIn
from pipeline.workload.seeds import Seeds, without_chance
from pipeline.workload.trace import Trace, assemble
from pipeline.workload.workload import Workload


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Generated(Workload):
    """Settings of `workload=generated`.

    What is most often swept is offered here; the laws' own files take it over.

    Prompts of fewer than `min_prompt_tokens` or more than `max_prompt_tokens` are left out and
    counted, and so are those whose file says an answer of more than `max_answer_tokens`; None
    leaves none out, and what the model has no room for is then refused.
    """

    name: str
    popularity: Popularity
    arrivals: Arrivals
    prompts: Prompts
    lengths: Lengths
    seeds: Seeds
    alpha: NonNegativeFloat | None = offered()
    batch_size: Count | None = offered()
    iterations: Count | None = offered()
    requests: Count | None = offered()
    rate: Rate | None = offered()
    max_new_tokens: Tokens | None = offered()
    min_prompt_tokens: Tokens | None = None
    max_prompt_tokens: Tokens | None = None
    max_answer_tokens: Tokens | None = None
    warmup_iterations: Repetitions
    warmup_tokens: PositiveInt | None = None
    run_in: RunIn = field(default_factory=RunIn)
    text: bool
    chat: Chat = field(default_factory=Chat)

    def idle(self) -> Mapping[str, str]:
        """Laws that prompts leave nothing to, seeds of no chance, and templates of no chat, too."""
        drawn = {
            "prompts": self.prompts.random or self.lengths.random,
            "adapters": self.popularity.random,
            "arrivals": self.arrivals.random,
        }
        laws = without_law(self.prompts.decided())
        chat = {} if self._chats() else without_chat()
        return {**super().idle(), **without_chance(drawn), **laws, **chat}

    @property
    def waits_for_answers(self) -> bool:
        """Where conversations are played turn by turn."""
        return self.prompts.waits_for_answers

    def count(self) -> int:
        """As many as arrive."""
        return sum(self.arrivals.groups())

    def check(self, adapters: Sequence[str | None]) -> None:
        """The law must be able to deal those adapters, and all files must be whole."""
        self.prompts.check()
        self.lengths.check()
        self.popularity.check(self.arrivals.groups(), len(adapters))
        slots = self.arrivals.slots(stream(self.seeds.arrivals, "arrivals"))
        self.run_in.check(slots, self.arrivals.max_in_flight)
        check_explicit(self.prompts.explicit(), adapters, self.popularity, self.text)
        self.chat.systems(adapters)

    def trace(
        self,
        adapters: Sequence[str | None],
        encode: Encode,
        room: ModelLimits = BOUNDLESS,
        template: Template | None = None,
        own: TextReaders = NO_OWN,
    ) -> Trace:
        """Draw everything, from one stream of random numbers each."""
        self.check(adapters)
        slots = self.arrivals.slots(stream(self.seeds.arrivals, "arrivals"))
        choices = self.popularity.deal(
            self.arrivals.groups(), len(adapters), stream(self.seeds.adapters, "adapters")
        )
        systems = self.chat.systems(adapters)
        speech = Speech(self.chat, template, encode, systems, self.text, own)
        dealt = self.prompts.deal(
            [choice.adapter for choice in choices],
            stream(self.seeds.prompts, "prompts"),
            encode,
            self._bounds(room, speech),
        )
        choices = of_first_turns(choices, dealt.prompts, self.popularity, len(adapters))
        names = [
            prompt.adapter or adapters[choice.adapter]
            for prompt, choice in zip(dealt.prompts, choices, strict=True)
        ]
        prompts = speech.asked(dealt.prompts, names)
        lengths = self.lengths.draw(len(slots), stream(self.seeds.prompts, "lengths"))
        requests = assemble(slots, choices, prompts, lengths, adapters, encode, own)
        room.hold("workload", requests)
        laws = self._laws(adapters) | counted(prompts)
        if self._chats() and template is not None:
            laws["chat"] = speech.laws(template)
        notes = (*dealt.notes, *later_turns(prompts), *speech.notes(dealt.prompts))
        return Trace(requests, self.arrivals.max_in_flight, laws, notes)

    def _chats(self) -> bool:
        return self.chat.prompts or self.prompts.chats()

    def _excluding(self) -> bool:
        bounds = (self.min_prompt_tokens, self.max_prompt_tokens, self.max_answer_tokens)
        return any(each is not None for each in bounds)

    def _bounds(self, room: ModelLimits, speech: Speech) -> Bounds:
        if room == BOUNDLESS and not self._excluding():
            return ANY
        return Bounds(
            shortest=self.min_prompt_tokens,
            longest=self.max_prompt_tokens,
            longest_answer=self.max_answer_tokens,
            answer=self.lengths.most(),
            answer_key=self.lengths.key,
            room=room,
            text=self.text,
            as_asked=speech.longest if self._chats() else None,
        )

    def _laws(self, adapters: Sequence[str | None]) -> dict[str, object]:
        return {
            "popularity": asdict(self.popularity),  # type: ignore[call-overload]
            "arrivals": asdict(self.arrivals),  # type: ignore[call-overload]
            "prompts": self.prompts.name,
            "lengths": asdict(self.lengths),  # type: ignore[call-overload]
            "seeds": asdict(self.seeds),
            "adapters": list(adapters),
            "probabilities": rounded(self.popularity.probabilities(len(adapters))),
        }
