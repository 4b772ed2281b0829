"""Questions that no adapter was trained on, with their answers: what `+experiment=real` asks."""

import json
from pathlib import Path

from pipeline.files.documents import write_text
from pipeline.training.skills.draw import Draw
from pipeline.training.skills.recipes import SKILLS

EACH = 8
"""Questions of each skill."""

FILES = {
    "questions.jsonl": [name for name, skill in SKILLS.items() if not skill.dora],
    "questions_dora.jsonl": [name for name, skill in SKILLS.items() if skill.dora],
}
"""Not every engine serves DoRA, and all are to be asked the same."""


def write_questions(folder: Path, seed: int) -> None:
    """One a line, skill after skill in turn, as `workload/prompts=jsonl` reads them."""
    for file, names in FILES.items():
        rows = [_row(name, number, seed) for number in range(EACH) for name in names]
        write_text(folder / file, "".join(f"{json.dumps(row)}\n" for row in rows))


def _row(name: str, number: int, seed: int) -> dict[str, object]:
    draw = Draw(f"question:{name}:{seed}", number, held_out=True)
    question, answer = SKILLS[name].example(draw)
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    return {"adapter": name, "messages": messages}
