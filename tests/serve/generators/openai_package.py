"""The `openai` package, in a Python that has it: streams of all models at once."""

import json
from pathlib import Path

from tests.serve.generators.generator import Generator, Load, finished
from tests.serve.generators.prompts import prompts
from tests.serve.generators.report import Report, Spread

SCRIPT = Path(__file__).with_name("openai_asks.py")


class OpenAiPackage(Generator):
    """The program is the interpreter."""

    name = "openai"
    install = "python -m venv o && o/bin/pip install openai==3.57.0; then --openai o/bin/python"

    def run(self, load: Load) -> Report:
        """See `Generator`."""
        asked = {
            "url": f"{load.url}/v1",
            "chat": load.endpoint == "chat",
            "concurrency": load.concurrency,
            "tokens": load.tokens,
            "requests": prompts(load),
        }
        (load.folder / "openai.json").write_text(json.dumps(asked), "utf-8")
        command = [self.program, str(SCRIPT), str(load.folder / "openai.json")]
        (said,) = finished([command], load.folder)
        answers = [json.loads(line) for line in said.splitlines()]
        began = min(each["began"] for each in answers)
        ended = max(each["stamps"][-1] for each in answers)
        tokens = sum(each["tokens"] for each in answers)
        return Report(
            len(answers),
            tokens,
            tokens / (ended - began),
            Spread.of([each["stamps"][0] - each["began"] for each in answers]),
            Spread.of(
                [
                    (each["stamps"][-1] - each["stamps"][0]) / (each["tokens"] - 1)
                    for each in answers
                ]
            ),
        )
