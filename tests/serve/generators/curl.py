"""Curl, one process for each request, as many at once as the load says."""

import json
from concurrent.futures import ThreadPoolExecutor
from subprocess import PIPE, Popen
from time import perf_counter

from tests.serve.generators.generator import Generator, Load
from tests.serve.generators.prompts import prompts
from tests.serve.generators.report import Report, Spread


class Curl(Generator):
    """A token's stamp is when its event could be read from curl's output.

    Of the time to the first token nothing is said: most of it would be curl's own start.
    """

    name = "curl"
    install = "apt-get install curl"

    def run(self, load: Load) -> Report:
        """See `Generator`."""
        began = perf_counter()
        with ThreadPoolExecutor(load.concurrency) as pool:
            answers = list(pool.map(lambda each: self._ask(load, *each), prompts(load)))
        ended = max(stamps[-1] for stamps, _ in answers)
        tokens = sum(count for _, count in answers)
        return Report(
            len(answers),
            tokens,
            tokens / (ended - began),
            None,
            Spread.of([(stamps[-1] - stamps[0]) / (n - 1) for stamps, n in answers]),
        )

    def _ask(self, load: Load, model: str, prompt: str) -> tuple[list[float], int]:
        """The stamps of an answer's pieces, and its tokens."""
        chat = load.endpoint == "chat"
        asked = {"messages": [{"role": "user", "content": prompt}]} if chat else {"prompt": prompt}
        said = {
            **asked,
            "model": model,
            "max_tokens": load.tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "ignore_eos": True,
        }
        words = ["-sSN", "--fail", load.url + load.path, "-d", json.dumps(said)]
        command = [self.program, *words, "-H", "Content-Type: application/json"]
        stamps, tokens = [], 0
        with Popen(command, stdout=PIPE, text=True) as curl:
            assert curl.stdout
            for line in curl.stdout:
                at = perf_counter()
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line.removeprefix("data: "))
                if event["choices"]:
                    stamps.append(at)
                elif event["usage"]:
                    tokens = event["usage"]["completion_tokens"]
        if curl.returncode or not tokens:
            raise RuntimeError(f"curl ended with {curl.returncode}")
        return stamps, tokens
