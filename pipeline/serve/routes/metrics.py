"""`/metrics`, for Prometheus."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from pipeline.serve.metrics.collector import ServerCollector
from pipeline.serve.service import OfApp, Service

OPENMETRICS = "application/openmetrics-text"

router = APIRouter()


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {OPENMETRICS: {}}}},
)
async def metrics(request: Request, service: OfApp) -> Response:
    """In Prometheus's text format, or OpenMetrics where that is asked for; the names are the same.

    The library's own choice would write `vllm_` for `vllm:` in OpenMetrics, which Prometheus asks
    for, and before its version 3 without saying that it takes names as they are.
    """
    registry = getattr(request.app.state, "registry", None)
    if registry is None:
        registry = request.app.state.registry = registry_of(service)
    return exposition(registry, request.headers.get("accept", ""))


def exposition(registry: CollectorRegistry, accept: str) -> Response:
    """What a registry holds, in the format that a client takes."""
    if OPENMETRICS in accept:
        told = openmetrics.generate_latest(  # type: ignore[no-untyped-call]
            registry, escaping=openmetrics.ALLOWUTF8
        )
        return Response(told, media_type=openmetrics.CONTENT_TYPE_LATEST)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def registry_of(service: Service) -> CollectorRegistry:
    """The server's, and what is known of its process."""
    registry = CollectorRegistry()
    registry.register(ServerCollector(service))
    ProcessCollector(registry=registry)
    return registry
