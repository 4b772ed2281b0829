"""All of a server's answer to one request, and which tokens it is, when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from tokenizers import Tokenizer

from pipeline.engines.openai.chunk import StreamChunk
from pipeline.inference.events import UNKNOWN

Known = Literal["ids", "counted", "retokenised"]
"""How the tokens of an answer are known: by the server's ids; by its count of them, which ids
being found by tokenising the text again; or by that alone."""


@dataclass(slots=True)
class ServerReply:
    """What came of a request.

    Attributes:
        sent: stamp at which it was sent.
        chunks: in the order in which they came.
        ended: stamp at which all was over.
        error: why it can't be answered, or not any further; None where it was.
        lost: the connection to the server was, or never came about.
        cancelled: it was ended before its time.
    """

    sent: float
    chunks: list[StreamChunk] = field(default_factory=list)
    ended: float = 0.0
    error: str | None = None
    lost: bool = False
    cancelled: bool = False

    @property
    def text(self) -> str:
        """What the server wrote, without tokens that it keeps to itself."""
        return "".join(each.text for each in self.chunks)

    @property
    def finish(self) -> str | None:
        """Why it ends, in the server's word; None where it broke off."""
        return next((each.finish for each in self.chunks if each.finish), None)

    @property
    def finished_at(self) -> float:
        """Stamp of the last chunk that brought something, or of the one that ended it."""
        stamps = [each.at for each in self.chunks if each.brings or each.finish]
        return stamps[-1] if stamps and self.error is None else self.ended

    @property
    def prompt_tokens(self) -> int | None:
        """How many tokens the server made of the prompt."""
        return _last([each.prompt_tokens for each in self.chunks])

    @property
    def cached_tokens(self) -> int | None:
        """How many of these it found computed."""
        return _last([each.cached_tokens for each in self.chunks])

    @property
    def output_tokens(self) -> int | None:
        """How many tokens it has, as the server counts them."""
        return _last([each.output_tokens for each in self.chunks])


@dataclass(frozen=True, slots=True)
class ReplyTokens:
    """The tokens of an answer.

    Attributes:
        ids: which; `UNKNOWN` for tokens that the text doesn't tell.
        stamps: when each was there.
        known: how.
        deviates: tokenising the text again gives another number than the server counted, or the
            server's ids are of another number than it counted.
    """

    ids: tuple[int, ...]
    stamps: tuple[float, ...]
    known: Known
    deviates: bool = False


def tokens_of(
    reply: ServerReply, tokenizer: Tokenizer, end_ids: frozenset[int] = frozenset()
) -> ReplyTokens:
    """The tokens of an answer, as exactly as the server lets them be known.

    Tokens of one chunk are there at the same time. Where the server counts its tokens as they
    come, each chunk has as many as it adds; where it only says at the end how many there were and
    there are as many chunks with text, each has one. Else they are spread as the text, tokenised
    again, is.

    Args:
        reply: all that came, also of an answer that broke off.
        tokenizer: the model's.
        end_ids: tokens of which one ended the answer and isn't in the text; empty where none did.
    """
    bringing, total = [each for each in reply.chunks if each.brings], reply.output_tokens
    if bringing and all(each.ids is not None for each in bringing):
        return _told(reply)
    found = tokenizer.encode(reply.text, add_special_tokens=False)
    ids = tuple(found.ids)
    if total is None:
        ends = [end for _, end in found.offsets]
        return ReplyTokens(ids, _stamps(bringing, _spread(bringing, ends, len(ids))), "retokenised")
    if len(ids) == total - 1 and len(end_ids) == 1:
        ids += (*end_ids,)
    counts = _counted(bringing, total) or _spread(
        bringing, [end for _, end in found.offsets], total
    )
    unknown = (UNKNOWN,) * (total - len(ids))
    stamps = _stamps(bringing, counts) if bringing else (reply.finished_at,) * total
    return ReplyTokens((*ids, *unknown)[:total], stamps, "counted", len(ids) != total)


def _told(reply: ServerReply) -> ReplyTokens:
    """By the server's ids; those that it counted and kept to itself are there, but unknown.

    Llama-server, for one, tells no token that ends within a character.
    """
    pairs: list[tuple[int, float]] = []
    for each in reply.chunks:
        ids = each.ids or ()
        missing = (each.output_tokens or 0) - len(pairs) - len(ids)
        at = min(each.at, reply.finished_at)
        pairs += [(id_, at) for id_ in ((UNKNOWN,) * max(0, missing) + ids)]
    ids, stamps = tuple(zip(*pairs, strict=True)) if pairs else ((), ())
    told = len(ids) - ids.count(UNKNOWN)
    return ReplyTokens(ids, stamps, "ids", reply.output_tokens not in (None, told))


def _counted(bringing: Sequence[StreamChunk], total: int) -> list[int] | None:
    """How many tokens there were with each chunk; None where the server doesn't say."""
    if len(bringing) == total:
        return [*range(1, total + 1)]
    if not all(each.output_tokens is not None for each in bringing):
        return None
    counts = [*accumulate((each.output_tokens or 0 for each in bringing), max)]
    return [*counts[:-1], total] if counts and counts[-1] <= total else None


def _spread(bringing: Sequence[StreamChunk], ends: Sequence[int], total: int) -> list[int]:
    """The same by the text: a token is there when its last character is."""
    length, counts, place = 0, [], 0
    for each in bringing:
        length += len(each.text)
        while place < len(ends) and ends[place] <= length:
            place += 1
        counts.append(min(total, place))
    return [*counts[:-1], total] if counts else []


def _stamps(bringing: Sequence[StreamChunk], counts: Sequence[int]) -> tuple[float, ...]:
    """Of each token, from how many there were with each chunk."""
    stamps: list[float] = []
    for each, count in zip(bringing, counts, strict=True):
        stamps += [each.at] * (count - len(stamps))
    return tuple(stamps)


def _last(counts: Sequence[int | None]) -> int | None:
    return next((each for each in reversed(counts) if each is not None), None)
