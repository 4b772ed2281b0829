"""What the status page shows, as JSON has it."""

from collections import Counter
from time import perf_counter
from typing import Any

from pipeline.inference.occupancy import AdapterUse
from pipeline.serve.desk import InFlight
from pipeline.serve.metrics.adapter_totals import Totals
from pipeline.serve.metrics.histogram import Buckets
from pipeline.serve.service import Service

MOST_RUNNING, MOST_ADAPTERS = 64, 200
"""Rows: of requests that run, and of adapters."""


def status_of(service: Service) -> dict[str, Any]:
    """A server as it is now; on its event loop's thread."""
    now, traffic, held = perf_counter(), service.desk.traffic, service.loop.occupancy
    open_ = [*service.desk.open.values()]
    begun = [each for each in open_ if each.progress.admitted is not None]
    waiting = Counter(each.request.adapter for each in open_ if each.progress.admitted is None)
    return {
        "at": now,
        "up_s": now - service.began,
        "model": service.names.base,
        "places": service.model.max_batch_size,
        "running": [_request(each, now) for each in begun[:MOST_RUNNING]],
        "waits": waiting.total(),
        "waiting": waiting.most_common(MOST_RUNNING),
        "kv_share": held.kv_share,
        "requests": traffic.ends.total(),
        "ends": traffic.ends,
        "prompt_tokens": traffic.prompt_tokens,
        "generated_tokens": traffic.generated_tokens,
        "ttft_s": _latency(traffic.ttft),
        "itl_s": _latency(traffic.itl),
        "adapters_served": len(service.names.folders),
        "states": Counter(each.state for each in held.adapters),
        "adapters": _adapters(service, held.adapters),
    }


def _request(each: InFlight, now: float) -> dict[str, Any]:
    request, progress = each.request, each.progress
    return {
        "adapter": request.adapter,
        "prompt": len(request.prompt_ids or ()),
        "tokens": progress.tokens,
        "most": request.max_new_tokens,
        "seconds": now - progress.submitted,
    }


def _latency(values: Buckets) -> dict[str, float | None]:
    return {"p50": values.recent_quantile(0.5), "p95": values.recent_quantile(0.95)}


def _adapters(service: Service, uses: tuple[AdapterUse, ...]) -> list[dict[str, Any]]:
    """Those that run first, then those in memory, then by requests."""
    named, none = service.desk.traffic.adapters.named, Totals()
    rows = [(each, named.get(each.name, none)) for each in uses if each.current]
    rows.sort(key=lambda row: (-row[0].pins, row[0].bytes is None, -row[1].requests))
    return [
        {
            "name": use.name,
            "state": use.state,
            "pins": use.pins,
            "bytes": use.bytes,
            "loads": use.loads,
            "load_s": use.load_s,
            "lookups": use.lookups,
            "hits": use.hits,
            "requests": totals.requests,
            "tokens": totals.generated_tokens,
        }
        for use, totals in rows[:MOST_ADAPTERS]
    ]
