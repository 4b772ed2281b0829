"""AIPerf, which asks several models in turn."""

import json
from collections.abc import Mapping
from typing import Any

from tests.serve.generators.generator import Generator, Load, finished
from tests.serve.generators.report import Report, Spread

EXPORT = "profile_export_aiperf.json"


class AiPerf(Generator):
    """What it calls inter-token latency is the mean of an answer: vLLM's time per output token.

    Told so, it counts tokens by the answers' `usage`. Else it tokenises their text again, which may
    come to fewer.
    """

    name = "aiperf"
    install = "python -m venv a && a/bin/pip install aiperf==0.13.0; then --aiperf a/bin/aiperf"

    def run(self, load: Load) -> Report:
        """See `Generator`."""
        said = {
            "--model": ",".join(load.models),
            "--model-selection-strategy": "round_robin",
            "--url": load.url,
            "--endpoint-type": load.endpoint,
            "--request-count": load.requests,
            "--num-prompts": load.requests,
            "--concurrency": load.concurrency,
            "--isl": load.prompt_tokens,
            "--osl": load.tokens,
            "--extra-inputs": "ignore_eos:true",
            "--tokenizer": load.tokenizer,
            "--artifact-dir": load.folder / "artifacts",
            "--ui": "none",
        }
        words = [str(word) for pair in said.items() for word in pair]
        flags = ["--streaming", "--use-server-token-count"]
        finished([[self.program, "profile", *flags, *words]], load.folder)
        (file,) = (load.folder / "artifacts").rglob(EXPORT)
        return read(json.loads(file.read_text("utf-8")))


def read(document: Mapping[str, Any]) -> Report:
    """What it exports."""
    tokens = document["output_sequence_length"]
    requests = round(document["request_count"]["avg"])
    return Report(
        requests,
        round(tokens["avg"] * requests),
        document["output_token_throughput"]["avg"],
        _spread(document["time_to_first_token"], requests),
        _spread(document["inter_token_latency"], requests),
    )


def _spread(summary: Mapping[str, float], count: int) -> Spread:
    return Spread(summary["avg"], summary["std"], count)
