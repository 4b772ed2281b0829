"""`/metrics`, for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from pipeline.serve.metrics.collector import ServerCollector
from pipeline.serve.service import OfApp, Service

router = APIRouter()


@router.get("/metrics")
async def metrics(request: Request, service: OfApp) -> Response:
    """In Prometheus's text format, or OpenMetrics where that is asked for."""
    registry = getattr(request.app.state, "registry", None)
    if registry is None:
        registry = request.app.state.registry = registry_of(service)
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), media_type=kind)


def registry_of(service: Service) -> CollectorRegistry:
    """The server's, and what is known of its process."""
    registry = CollectorRegistry()
    registry.register(ServerCollector(service))
    ProcessCollector(registry=registry)
    return registry
