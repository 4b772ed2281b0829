"""What a soak concludes from its files."""

import json

from tests.serve.soak.memory import settled_and_last
from tests.serve.soak.offline import Question, questions


def test_memory_is_looked_at_once_it_has_settled_and_at_the_end():
    samples = [(float(at), 100 if at < 30 else 200 if at < 80 else 300) for at in range(1, 101)]
    assert settled_and_last(samples) == (200, 300)


def test_questions_are_those_of_the_trace(tmp_path):
    row = {"id": 3, "adapter": "sql", "prompt": "a\nb", "max_new_tokens": 4, "scheduled_s": 1.0}
    (tmp_path / "trace.jsonl").write_text(json.dumps(row) + "\n")
    assert questions(tmp_path / "trace.jsonl") == {3: Question("sql", "a\nb", 4)}
