"""By which questions the quality of answers is judged."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Quality:
    """Questions with known answers, put to the engine when all timing is done.

    Attributes:
        path: a JSONL file such as `workload/prompts=jsonl` reads, each row with its answer; None
            puts none.
    """

    path: Path | None = None
