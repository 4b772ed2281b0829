"""What each metric is: name, unit, meaning, direction, and how tables call and show it.

The terminal, the report, MLflow's columns and docs/metrics.md take it from here; where it stands
in their tables is in `tables`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Value = float | str
"""A number, or the reason why there is none: `N_TOO_SMALL` or `NOT_MEASURED`."""

N_TOO_SMALL = "n too small"
"""Stands where a number would be that so small a sample can't carry."""

NOT_MEASURED = "not measured"
"""Stands where the run held nothing to measure: a hit rate without look-ups, for one."""

ADAPTERS, DECILES = "adapters/", "deciles/"
"""What the names of metrics begin with that are of one adapter, or of a tenth of them."""


@dataclass(frozen=True)
class Definition:
    """One family of metrics.

    Attributes:
        unit: unit of the value; empty for a ratio or a share.
        meaning: one sentence, without a full stop.
        better: which way is better, everything else being equal; empty where neither is.
        title: what it is called beside its value; empty for one that stands in no table.
        short: what it is called above a column; its title, if not given.
        shown: the unit in columns, where it isn't the value's or the name says it.
        scale: from the value's unit to that one.
    """

    unit: str
    meaning: str
    better: Literal["higher", "lower", ""] = ""
    title: str = ""
    short: str = ""
    shown: str = ""
    scale: float = 1.0

    @property
    def heading(self) -> str:
        """What stands above a column of it."""
        return self.short or self.title

    def sentence(self) -> str:
        """The meaning, with the unit and which way is better."""
        sense = f"{self.better} is better" if self.better else ""
        about = "; ".join(filter(None, (self.unit, sense)))
        return f"{self.meaning}{f' ({about})' if about else ''}."


DEFINITIONS: Mapping[str, Definition] = {
    "latency_per_iteration_s": Definition(
        "s",
        "Mean wall time of one closed batch",
        "lower",
        title="latency per iteration, s",
        short="s/iteration",
    ),
    "latency_per_iteration_s/cv": Definition(
        "", "Standard deviation of the iterations' wall times ÷ their mean", "lower"
    ),
    "sequences_per_s": Definition(
        "1/s", "Requests finished without error ÷ measured wall time", "higher", title="sequences/s"
    ),
    "requests_per_s": Definition(
        "1/s", "Requests finished without error ÷ measured wall time", "higher"
    ),
    "output_tokens_per_s": Definition(
        "tokens/s",
        "Tokens of requests finished without error ÷ measured wall time, prefill included",
        "higher",
        title="output tokens/s",
    ),
    "generated_tokens_per_s": Definition(
        "tokens/s", "The same with the tokens of failed requests", "higher"
    ),
    "total_tokens_per_s": Definition(
        "tokens/s", "Prompt and generated tokens ÷ measured wall time", "higher"
    ),
    "decode_tokens_per_s": Definition(
        "tokens/s",
        "Tokens after the first of each request ÷ time in decode steps (stages decode and sample)",
        "higher",
        title="decode tokens/s",
        short="decode",
        shown="tokens/s",
    ),
    "prefill_tokens_per_s": Definition(
        "tokens/s",
        "Tokens of the prompts that were read ÷ time in prefill steps (stage prefill)",
        "higher",
        title="prefill tokens/s",
        short="prefill",
        shown="tokens/s",
    ),
    "goodput_rps": Definition(
        "1/s",
        "Requests that met every limit set ÷ measured wall time; failed never do",
        "higher",
        title="goodput, requests/s",
        short="goodput",
        shown="requests/s",
    ),
    "slo_attainment": Definition(
        "",
        "Share of all requests that met every limit set; failed never do",
        "higher",
        title="SLO attainment",
        short="within limits",
        shown="%",
        scale=100,
    ),
    "cost_per_million_tokens": Definition(
        "",
        "Price of the measured wall time, by `price.per_hour` ÷ millions of tokens of requests "
        "finished without error",
        "lower",
        title="cost of a million tokens",
        short="cost",
        shown="per million tokens",
    ),
    "perplexity": Definition(
        "",
        "e to the mean of −ln p over all tokens of the right answers to the questions of "
        "`quality.path`, as served",
        "lower",
        title="perplexity",
    ),
    "task_score": Definition(
        "",
        "Share of those questions to which the engine wrote the right answer itself",
        "higher",
        title="task score",
        shown="%",
        scale=100,
    ),
    "slora_attainment": Definition(
        "", "S-LoRA's attainment: share of requests with TTFT < 6 s, failed as 0", "higher"
    ),
    "slora_satisfaction": Definition(
        "", "S-LoRA's satisfaction: mean of max(0, 1 - (TTFT / 6 s)²), failed as 0", "higher"
    ),
    "requests": Definition("", "Requests served in the measured time, failed ones included"),
    "failed_requests": Definition(
        "", "Requests that ended with an error; they enter no latency", "lower"
    ),
    "prompt_tokens": Definition("tokens", "Tokens of the prompts that were read"),
    "output_tokens": Definition(
        "tokens", "Generated tokens by the engine's own ids, failed requests' too"
    ),
    "iterations": Definition("", "Measured stretches: closed batches, or 1 for an open run"),
    "wall_s": Definition(
        "s",
        "Measured wall time: all iterations, without load and warm-up",
        title="measured wall time, s",
        short="wall",
        shown="s",
    ),
    "run_in_requests": Definition(
        "", "Requests of the run-in, which enter no other number", title="run-in, requests left out"
    ),
    "run_in_s": Definition(
        "s", "Wall time of the run-in, before the measured wall time begins", title="run-in, s"
    ),
    "ttft_s": Definition(
        "s",
        "Time from the scheduled arrival to the first token",
        "lower",
        title="TTFT",
        shown="ms",
        scale=1e3,
    ),
    "ttft_from_submit_s": Definition(
        "s", "Time from the engine's accepting the request to the first token", "lower"
    ),
    "tpot_s": Definition(
        "s",
        "Time per output token after the first: (finished - first token) ÷ (n - 1)",
        "lower",
        title="TPOT",
        shown="ms",
        scale=1e3,
    ),
    "tpot_s/undefined": Definition(
        "", "Finished requests of fewer than two tokens, which have no TPOT"
    ),
    "itl_s": Definition(
        "s",
        "Gaps between neighbouring tokens, pooled over the requests",
        "lower",
        title="ITL",
        shown="ms",
        scale=1e3,
    ),
    "e2e_s": Definition(
        "s",
        "Time from the scheduled arrival to the last token",
        "lower",
        title="E2E",
        shown="ms",
        scale=1e3,
    ),
    "queue_s": Definition(
        "s",
        "Time from the scheduled arrival to the start of work on the request",
        "lower",
        title="queue",
        shown="ms",
        scale=1e3,
    ),
    "dispatch_lag_s": Definition(
        "s",
        "Lateness of handing requests over, beyond what the engine's busy step explains",
        "lower",
    ),
    "target_rps": Definition("1/s", "Requests that fell due a second, by the schedule"),
    "achieved_rps": Definition(
        "1/s", "Requests that could be handed over a second, the engine's busy steps left out"
    ),
    "harness_s_per_token": Definition(
        "s", "Seconds of the measuring loop itself ÷ generated tokens", "lower"
    ),
    "harness_s_per_request": Definition(
        "s", "Seconds of the measuring loop itself ÷ requests", "lower"
    ),
    "harness_share": Definition(
        "", "Seconds of the measuring loop itself ÷ measured wall time", "lower"
    ),
    "adapter_switches": Definition(
        "", "Changes of the active adapter", "lower", title="adapter switches"
    ),
    "adapter_loads": Definition("", "Adapters read from disk", "lower", title="adapter loads"),
    "adapter_evictions": Definition("", "Adapters dropped to make room", "lower"),
    "adapter_hit_rate": Definition(
        "",
        "Share of requests whose adapter was resident when they were admitted",
        "higher",
        title="adapter hit rate",
        short="hit rate",
    ),
    "prefix_cache_hit_rate": Definition(
        "",
        "Share of the prompts' tokens that were found computed, and so weren't computed again",
        "higher",
        title="prefix cache hit rate",
        short="prefix hits",
        shown="%",
        scale=100,
    ),
    "preemptions": Definition(
        "",
        "Times that a running request gave back its keys and values for want of room, to be "
        "computed anew",
        "lower",
        title="preemptions",
    ),
    "jain_index": Definition(
        "",
        "Jain's index over the speeds users see, output tokens ÷ seconds from arrival to end: 1 is "
        "fair",
        "higher",
    ),
    "adapters": Definition("", "Adapters in this tenth of those asked for, by popularity"),
    "stage_seconds/tokenize": Definition("s", "Time spent turning prompts into ids", "lower"),
    "stage_seconds/adapter_load": Definition("s", "Time spent reading adapters", "lower"),
    "stage_seconds/adapter_switch": Definition("s", "Time spent changing adapters", "lower"),
    "stage_seconds/prefill": Definition("s", "Time spent reading prompts", "lower"),
    "stage_seconds/decode": Definition("s", "Time spent computing tokens after the first", "lower"),
    "stage_seconds/sample": Definition("s", "Time spent choosing tokens", "lower"),
    "stage_seconds/detokenize": Definition("s", "Time spent turning ids into text", "lower"),
    "stage_seconds/other": Definition("s", "Measured time in no other stage, waiting included"),
    "load_s": Definition(
        "s", "Time to build the engine, outside the measured time", "lower", title="load, s"
    ),
    "warmup_s": Definition(
        "s", "Time to warm up, outside the measured time", "lower", title="warm-up, s"
    ),
    "peak_rss_bytes": Definition(
        "bytes",
        "Highest resident memory of the engine's processes, load included",
        "lower",
        title="peak memory, bytes",
        short="peak memory",
        shown="MB",
        scale=1e-6,
    ),
    "cpu_seconds": Definition(
        "s",
        "Processor time of the engine's processes in the measured time",
        "lower",
        title="processor time, s",
        short="CPU time",
        shown="s",
    ),
    "serving_cpu_seconds": Definition(
        "s",
        "Processor time of what answers: a server's processes, or else this one",
        "lower",
    ),
    "client_cpu_seconds": Definition(
        "s",
        "Processor time of the process that asks a server",
        "lower",
        title="client's processor time, s",
        short="client's CPU",
        shown="s",
    ),
    "client_peak_rss_bytes": Definition(
        "bytes", "The part of the memory that the process took which asks a server", "lower"
    ),
    "cpu_utilisation": Definition(
        "",
        "Processor time ÷ (wall time x threads) over the engine's busy steps",
        title="CPU utilisation",
        short="CPU use",
        shown="%",
        scale=100,
    ),
    "cpu_wait_share": Definition(
        "", "Time that threads waited for a processor ÷ the time they waited or ran", "lower"
    ),
    "steal_share": Definition(
        "",
        "Share of the processors' time that a hypervisor gave to others",
        "lower",
        title="CPU time stolen",
        short="stolen",
        shown="%",
        scale=100,
    ),
    "load_average": Definition(
        "",
        "Runnable tasks of the whole machine, mean of a minute, the highest of the iterations",
        title="load average",
    ),
    "capacity_rps": Definition(
        "1/s",
        "Highest rate of arrivals at which enough requests keep every limit",
        "higher",
        title="capacity, requests/s",
        short="capacity",
        shown="1/s",
    ),
    "capacity_rps/low": Definition(
        "1/s", "Lower end of its 95 % interval", "higher", title="  interval from", shown="1/s"
    ),
    "capacity_rps/high": Definition(
        "1/s", "Upper end of its 95 % interval", "higher", title="  to", shown="1/s"
    ),
    "capacity_attainment": Definition(
        "",
        "Share that kept every limit in the last run, at the rate the others had found",
        title="  attainment in the last run",
    ),
    "roofline_fraction": Definition(
        "",
        "Lower bound of the step time by bandwidth and arithmetic ÷ its measured time",
        "higher",
        title="roofline fraction",
        short="roofline",
        shown="%",
        scale=100,
    ),
    "prefill_roofline_fraction": Definition(
        "",
        "The same of prefill, where no other request decoded meanwhile",
        "higher",
        title="  of prefill",
        short="prefill roofline",
        shown="%",
        scale=100,
    ),
    "roofline": Definition(
        "", "The mean step, its lower bounds, and the measured peaks of the machine"
    ),
    "stage_clock_overhead": Definition(
        "", "Marks of the stage clock x the cost of one ÷ wall time of an iteration", "lower"
    ),
    "profiler_slowdown": Definition(
        "",
        "Wall time of a replay under the profiler ÷ that of one alone, outside the measured time",
    ),
    "memray/peak_bytes": Definition(
        "bytes", "Most memory allocated at once during a replay, what was loaded left out", "lower"
    ),
    "perf": Definition("", "The processor's own counters over one replay, and their rates"),
    "model_bytes": Definition(
        "bytes",
        "Size of the base model's weights as served: resident weights, or the file for GGUF",
        "lower",
        title="weights, bytes",
        short="weights",
        shown="MB",
        scale=1e-6,
    ),
    "kv_bytes": Definition(
        "bytes", "Keys and values at the moment when most of the cache was in use", "lower"
    ),
    "adapter_bytes": Definition(
        "bytes", "Adapters in memory at the moment when they took most", "lower"
    ),
    "served_agreement": Definition(
        "",
        "Share of the timed run's own tokens equal to the reference's, up to a difference that its "
        "near-tie excuses",
        "higher",
        title="faithful",
        shown="%",
        scale=100,
    ),
    "token_agreement": Definition(
        "",
        "Share of positions where the most probable token is the reference's, teacher-forced",
        "higher",
        title="teacher-forced",
        shown="%",
        scale=100,
    ),
    "mean_kl": Definition(
        "nats",
        "KL divergence from the reference's token probabilities, teacher-forced, mean",
        "lower",
        title="mean KL, nats",
        short="mean KL",
        shown="nats",
    ),
    "logprob_delta": Definition(
        "nats", "Log probability of the reference's tokens minus the reference's own, mean"
    ),
    "path_kl": Definition(
        "nats",
        "KL divergence of what the engine serves among others from what it says to the same "
        "request alone, mean over an answer, teacher-forced",
        "lower",
    ),
    "effect_error": Definition(
        "",
        "Distance from 1 of the share of an adapter's effect that is served among others, less its "
        "standard error",
        "lower",
    ),
    "free_running_agreement": Definition(
        "", "Share of output tokens equal to the reference's, each generating alone", "higher"
    ),
    "common_prefix_tokens": Definition(
        "tokens", "Output tokens equal to the reference's before the first that isn't", "higher"
    ),
}
"""By metric; the statistics of a distribution (`/mean`, `/p50` …) share its definition.

From `capacity_rps` on they aren't functions of a timeline: `summarise` gives all the others.
"""


def known(metric: str) -> Definition:
    """The definition of a metric that is in a table, and so has one.

    Raises:
        KeyError: it has none.
    """
    found = definition(metric)
    if found is None:
        raise KeyError(metric)
    return found


def definition(metric: str) -> Definition | None:
    """The definition of any name `summarise` gives, adapters' and deciles' included; else None."""
    name = metric
    for prefix in (ADAPTERS, DECILES):
        if metric.startswith(prefix):
            name = metric.removeprefix(prefix).partition("/")[2]
    return DEFINITIONS.get(name) or DEFINITIONS.get(name.rpartition("/")[0])


def markdown() -> str:
    """All of them as the table in docs/metrics.md."""
    rows = (
        f"| `{name}` | {each.unit} | {each.better} | {each.meaning} |"
        for name, each in DEFINITIONS.items()
    )
    return "\n".join(("| name | unit | better | meaning |", "| --- | --- | --- | --- |", *rows))
