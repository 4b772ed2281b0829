"""A workload from a trace of Mooncake, `workload=mooncake workload.path=…`.

Its calls say which blocks of 512 tokens their prompts are made of: the same ids, the same tokens.
"""

from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.call import Call
from pipeline.workload.lengths.scaled import scaled
from pipeline.workload.mooncake_trace import read_calls
from pipeline.workload.prompts.shared_blocks import SharedBlocks
from pipeline.workload.prompts.source import Encode
from pipeline.workload.ranges import Tokens
from pipeline.workload.recorded import KEY, Recorded


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Mooncake(Recorded):
    """Settings of `workload=mooncake`.

    Attributes:
        block_tokens: tokens of a block, before the prompts are scaled.
    """

    block_tokens: Tokens = 512

    def read(self) -> list[Call]:
        """Its lines."""
        return read_calls(KEY, self.path, self.requests)

    def words(self, calls: Sequence[Call], encode: Encode) -> tuple[list[str], tuple[str, ...]]:
        """Prompts that begin alike where their blocks are the same."""
        shared = SharedBlocks(encode, self.seeds.prompts)
        texts = [shared.prompt(call.blocks, self._ends(call), call.prompt_tokens) for call in calls]
        return texts, self._notes(calls)

    def _ends(self, call: Call) -> list[int]:
        """The token at which each block ends, once scaled."""
        numbers = range(1, len(call.blocks) + 1)
        return [scaled(number * self.block_tokens, self.prompt_factor) for number in numbers]

    def _notes(self, calls: Sequence[Call]) -> tuple[str, ...]:
        """How many prompts and their blocks aren't of one length."""
        whole = [(each, self._ends(each) or [0]) for each in calls]
        over = sum(ends[-2:-1] > [each.prompt_tokens] for each, ends in whole)
        short = sum(ends[-1] < each.prompt_tokens for each, ends in whole)
        said = {
            f"{over} prompts end before the last of their blocks begins": over,
            f"{short} prompts are longer than their blocks; nothing shares their ends": short,
        }
        return tuple(f"{KEY}={self.path}: {each}" for each, count in said.items() if count)
