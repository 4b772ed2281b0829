"""Conversations as a model gets them: by its chat template, behind a system prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.errors import UsageError
from pipeline.workload.prompts.chat import KEY, Chat
from pipeline.workload.prompts.conversation import SYSTEM, USER
from pipeline.workload.prompts.source import Encode, Prompt
from pipeline.workload.prompts.text_reader import NO_OWN, Template, TextReader, TextReaders
from pipeline.workload.text_file import whole_text


@dataclass(frozen=True)
class Speech:
    """Makes prompts what the model gets of them.

    Attributes:
        chat: the settings.
        template: the model's; None where no model is known.
        encode: its tokenizer, as engines call it.
        systems: the system prompt of each adapter that has one.
        text: whether engines get the text, and so make the token ids themselves.
        own: who reads for adapters that have tokens of their own.
    """

    chat: Chat
    template: Template | None
    encode: Encode
    systems: Mapping[str | None, str]
    text: bool
    own: TextReaders = field(default_factory=lambda: NO_OWN)

    def longest(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """As they are asked of the adapter they name, or of that with the longest system prompt."""
        tokens = {each: len(self.encode(each)) for each in {*self.systems.values()}}
        longest = max(self.systems, key=lambda each: tokens[self.systems[each]], default=None)
        return self.asked(prompts, [each.adapter or longest for each in prompts])

    def asked(self, prompts: Sequence[Prompt], adapters: Sequence[str | None]) -> list[Prompt]:
        """As they are asked of those adapters.

        Raises:
            UsageError: the template refuses one, or its text can't be handed over as a text.
        """
        made = list(map(self._unread, prompts, adapters))
        spoken: dict[TextReader, list[int]] = {}
        for number, (prompt, adapter) in enumerate(zip(prompts, adapters, strict=True)):
            if self._spoken(prompt):
                spoken.setdefault(self._reader(prompt, adapter), []).append(number)
        for reader, numbers in spoken.items():
            turns = [self._turns(prompts[n], self.systems.get(adapters[n])) for n in numbers]
            places = [prompts[number].where for number in numbers]
            texts = reader.template.render(turns, places, self.chat.template)
            for number, text in zip(numbers, texts, strict=True):
                made[number] = self._handed(prompts[number], text, reader)
        return made

    def notes(self, prompts: Sequence[Prompt]) -> tuple[str, ...]:
        """How many prompts stand without what was said before them, where some do."""
        alone = sum(bool(each.before) and not self._spoken(each) for each in prompts)
        said = (
            f"{alone} of the {len(prompts)} requests are without what was said before them in the "
            f"file; {KEY}.prompts=true puts it there"
        )
        return (said,) * (alone > 0)

    def _spoken(self, prompt: Prompt) -> bool:
        return prompt.chat or self.chat.prompts

    def _reader(self, prompt: Prompt, adapter: str | None) -> TextReader:
        if (own := self.own.get(adapter)) is not None:
            return own
        if self.template is None:
            raise UsageError(f"{prompt.where}: needs a model, for its chat template")
        return TextReader(self.encode, self.template)

    def _unread(self, prompt: Prompt, adapter: str | None) -> Prompt:
        """Where an adapter has ids of its own for a text, those that the model has aren't any."""
        if adapter in self.own and prompt.ids and tuple(self.encode(prompt.text)) == prompt.ids:
            return replace(prompt, ids=None)
        return prompt

    def laws(self, template: Template) -> dict[str, object]:
        """What `trace.json` says of it."""
        model = template.sha256(self.chat.template)
        return {
            "template_sha256": model,
            **self._own_templates(model),
            "prompts": self.chat.prompts,
            "systems": {str(name): text for name, text in self.systems.items()},
        }

    def _own_templates(self, model: str) -> dict[str, object]:
        """Of those that aren't the model's, by adapter; nothing where there are none."""
        path = self.chat.template
        found = {str(name): each.template.sha256(path) for name, each in self.own.items()}
        others = {name: each for name, each in found.items() if each != model}
        return {"own_templates_sha256": others} if others else {}

    def _turns(self, prompt: Prompt, system: str | None) -> list[tuple[str, str]]:
        if prompt.ids:
            raise UsageError(
                f"{prompt.where}: says its ids itself, so no chat template can be put around it; "
                f"take the field out, or leave {KEY}.prompts off"
            )
        turns = [(each.role, each.content) for each in prompt.before]
        if system is not None and SYSTEM not in [role for role, _ in turns]:
            turns.insert(0, (SYSTEM, system))
        return [*turns, (USER, prompt.text)]

    def _handed(self, prompt: Prompt, text: str, by: TextReader) -> Prompt:
        """The text from which the tokenizer makes the template's tokens, and these.

        Templates begin with the token that begins a text, and many tokenizers add that one too.
        """
        whole_text(f"{prompt.where}: as the chat template makes it", text)
        ids = tuple(by.template.encode(text))
        same = (each for each in _beheaded(text) if tuple(by.encode(each)) == ids)
        found = next(same, None)
        if found is None and self.text:
            raise UsageError(
                f"{prompt.where}: this tokenizer adds tokens to what the chat template makes of "
                "it; workload.text=false hands over the template's own"
            )
        return replace(prompt, text=text if found is None else found, ids=ids)


def _beheaded(text: str) -> Sequence[str]:
    """The text, and what is left of it without a special token at its head, if one is there."""
    ends = {"<": ">", "[": "]"}
    end = text.find(ends.get(text[:1], "\0"))
    return [text] if end < 0 else [text, text[end + 1 :]]
