"""What one client asked for, on its way through the engine: prompts, answers, what they cost."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.serve.answering import Answering
from pipeline.serve.errors import ApiError
from pipeline.serve.json_constraint import JsonGrammar
from pipeline.serve.progress import Progress
from pipeline.serve.protocol.sampling import SamplingFields
from pipeline.serve.readers import Reader
from pipeline.serve.reply import Reply
from pipeline.serve.room import check_room
from pipeline.serve.service import Service


class EncodedPrompt(NamedTuple):
    """Token ids, and what of their text stands before the answer."""

    ids: Sequence[int]
    echoed: str = ""


@dataclass(eq=False)
class Generation:
    """Every prompt's answers, in the order in which they are told.

    Attributes:
        service: the server's.
        reader: of whoever is asked.
        id: by which clients know it.
        model: as it was asked for.
        prompts: one or more.
        replies: all answers, those of the first prompt first.
        progress: of each answer, once the engine was asked.
    """

    service: Service
    reader: Reader
    id: str
    model: str
    prompts: Sequence[EncodedPrompt]
    replies: Sequence[Reply]
    progress: Sequence[Progress] = ()

    @classmethod
    def of(
        cls,
        service: Service,
        reader: Reader,
        kind: str,
        body: SamplingFields,
        prompts: Sequence[EncodedPrompt],
        sampling: SamplingParams,
        grammar: JsonGrammar | None,
    ) -> "Generation":
        """Nothing is asked of the engine yet.

        Args:
            service: the server's.
            reader: of whoever is asked.
            kind: with which its id begins.
            body: whom the client asked, for how many answers, and whether as they come.
            prompts: what.
            sampling: how every token is chosen.
            grammar: what answers have to be; None for any text.

        Raises:
            ApiError: there is no such model, no room, or the engine can't do what is asked.
        """
        service.check_taking()
        adapter = service.names.adapter(body.model)
        for prompt in prompts:
            check_room(reader.model, len(prompt.ids), sampling.max_new_tokens)
        id_, number = f"{kind}-{uuid4().hex}", count()
        stream = bool(body.stream) and service.capabilities.stream
        made = []
        for prompt in prompts:
            for draws in range(body.choices):
                index = next(number)
                request = Request(
                    (id_, index),
                    adapter,
                    prompt_ids=tuple(prompt.ids),
                    sampling=sampling,
                    stream=stream,
                    constraint=None if grammar is None else grammar.constraint(),
                    draws=draws,
                )
                made.append(Reply(index, request, reader.model.decode, prompt.echoed))
        if lacking := service.capabilities.refusal(made[0].request):
            raise ApiError(lacking)
        return cls(service, reader, id_, body.model or service.names.base, prompts, made)

    @contextmanager
    def answering(self) -> Iterator[Answering]:
        """Ask the engine; what is open when the block is left is cancelled."""
        with self.service.desk.answering([each.request for each in self.replies]) as answering:
            self.progress = answering.progress
            yield answering

    async def news(self, answering: Answering) -> list[Reply]:
        """The answers to which something has come, once something has.

        Raises:
            ApiError: one can't be answered, so that none is.
        """
        touched = {}
        for event in await answering.news():
            reply = self.replies[event.request_id[1]]  # type: ignore[index]
            reply.take(event)
            touched[reply.index] = reply
        return list(touched.values())

    @property
    def ends(self) -> list[str | None]:
        """Why each answer ended; None for one that didn't."""
        return [each.reason for each in self.replies]

    @property
    def is_over(self) -> bool:
        """Whether every answer has come to its end."""
        return all(each.is_over for each in self.replies)

    def usage(self) -> dict[str, Any]:
        """Tokens so far: every prompt counts once, however many answers it gets."""
        asked = sum(len(each.ids) for each in self.prompts)
        return usage(asked, sum(each.length for each in self.replies))


def usage(prompt: int, completion: int) -> dict[str, Any]:
    """OpenAI's object."""
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "prompt_tokens_details": None,
    }
