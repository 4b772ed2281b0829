"""GuideLLM, one process for each model, all at once: it asks one model alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.serve.generators.generator import Generator, Load, finished
from tests.serve.generators.report import Report, Spread


class GuideLlm(Generator):
    """Throughput is the sum of what the processes report."""

    name = "guidellm"
    install = (
        "python -m venv g && g/bin/pip install guidellm==0.8.1; then --guidellm g/bin/guidellm"
    )

    def run(self, load: Load) -> Report:
        """See `Generator`."""
        files = [load.folder / f"guidellm-{number}.json" for number in range(len(load.models))]
        commands = [
            self._command(load, model, file) for model, file in zip(load.models, files, strict=True)
        ]
        finished(commands, load.folder)
        return joined([read(json.loads(file.read_text("utf-8"))) for file in files])

    def _command(self, load: Load, model: str, file: Path) -> list[str]:
        share = len(load.models)
        said = {
            "backend": {
                "kind": "openai_http",
                "target": load.url,
                "model": model,
                "request_format": load.path,
            },
            "profile": {"kind": "concurrent", "streams": [max(1, load.concurrency // share)]},
            "constraint": {"kind": "max_requests", "count": load.requests // share},
            "tokenizer": {"kind": "huggingface_auto", "model": load.tokenizer},
            "data": {
                "kind": "synthetic_text",
                "prompt_tokens": load.prompt_tokens,
                "output_tokens": load.tokens,
            },
            "output": {"kind": "json", "path": str(file)},
        }
        words = [word for name, value in said.items() for word in (f"--{name}", json.dumps(value))]
        return [self.program, "run", "--disable-console", *words]


def read(document: Mapping[str, Any]) -> Report:
    """What the one benchmark of a process came to."""
    (benchmark,) = document["benchmarks"]
    metrics = benchmark["metrics"]
    answered = benchmark["requests"]["successful"]
    return Report(
        len(answered),
        sum(each["output_tokens"] for each in answered),
        metrics["output_tokens_per_second"]["successful"]["mean"],
        _spread(metrics["time_to_first_token_ms"], len(answered)),
        _spread(metrics["inter_token_latency_ms"], len(answered)),
    )


def joined(parts: list[Report]) -> Report:
    """Of processes that asked at the same time."""
    return Report(
        sum(each.requests for each in parts),
        sum(each.tokens for each in parts),
        sum(each.tokens_per_s for each in parts),
        Spread.pooled([each.ttft for each in parts if each.ttft]),
        Spread.pooled([each.itl for each in parts if each.itl]),
    )


def _spread(summary: Mapping[str, Any], count: int) -> Spread:
    """Of so many requests: the tokens of one, by which some means are weighted, go together."""
    told = summary["successful"]
    return Spread(told["mean"], told["std_dev"], count)
