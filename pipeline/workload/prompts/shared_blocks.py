"""Prompts of exact lengths that begin alike where they are made of the same blocks."""

from collections.abc import Sequence

from pipeline.errors import UsageError
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Encode
from pipeline.workload.randomness import stream


class SharedBlocks:
    """Makes such prompts: a block's words hang on its id, and on what stands before it."""

    def __init__(self, encode: Encode, seed: int) -> None:
        self._encode, self._exact, self._seed = encode, ExactLength(encode), seed
        self._own = stream(seed, "prompts")
        self._begun: dict[tuple[int, int], tuple[int, str]] = {}

    def prompt(self, blocks: Sequence[int], ends: Sequence[int], tokens: int) -> str:
        """A prompt of so many tokens.

        Args:
            blocks: the ids of its blocks; what is behind the last is its own.
            ends: how many tokens it has at the end of each.
            tokens: how many it has in all.

        Raises:
            UsageError: the tokenizer doesn't count as expected, or merges the end of one block
                with the beginning of the next.
        """
        node, text, length = 0, "", 0
        for block, end in zip(blocks, ends, strict=True):
            if end > tokens:
                return self._longer(text, tokens, block)
            node, text = self._whole(node, text, block, end)
            length = end
        return self._longer(text, tokens, None) if length < tokens else text

    def _whole(self, node: int, text: str, block: int, end: int) -> tuple[int, str]:
        """The beginning with one more block; made once."""
        if (node, block) not in self._begun:
            self._begun[node, block] = len(self._begun) + 1, self._longer(text, end, block)
        return self._begun[node, block]

    def _longer(self, text: str, tokens: int, block: int | None) -> str:
        rng = self._own if block is None else stream(self._seed, f"block {block}")
        longer = self._exact.extended(text, tokens, rng)
        begun = list(self._encode(text))
        if list(self._encode(longer)[: len(begun)]) != begun:
            raise UsageError(
                "workload=mooncake: this tokenizer merges the end of a block with what follows, "
                "so its tokens aren't shared; choose another model"
            )
        return longer
