"""`/v1/load_lora_adapter` and `/v1/unload_lora_adapter`, in vLLM's words."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from pipeline.serve.adapter_changes import INVALID
from pipeline.serve.body import described, read
from pipeline.serve.errors import ApiError
from pipeline.serve.protocol.adapters import LoadRequest, UnloadRequest
from pipeline.serve.service import Service, service_of
from pipeline.serve.statuses import OF_BODIES

router = APIRouter()


@router.post(
    "/v1/load_lora_adapter",
    response_class=PlainTextResponse,
    responses=OF_BODIES,
    openapi_extra=described(LoadRequest),
)
async def load_lora_adapter(http: Request) -> PlainTextResponse:
    """Once it has been read and checked."""
    service = service_of(http)
    _check_allowed(service)
    body = await read(http, LoadRequest)
    name, path = body.lora_name, body.lora_path
    if not name or not path:
        raise ApiError("Both 'lora_name' and 'lora_path' must be provided.", kind=INVALID)
    await service.changes.load(name, path, replaces=bool(body.load_inplace))
    return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")


@router.post(
    "/v1/unload_lora_adapter",
    response_class=PlainTextResponse,
    responses=OF_BODIES,
    openapi_extra=described(UnloadRequest),
)
async def unload_lora_adapter(http: Request) -> PlainTextResponse:
    """Requests that came before are still answered with it."""
    service = service_of(http)
    _check_allowed(service)
    body = await read(http, UnloadRequest)
    if not (name := body.lora_name):
        raise ApiError("'lora_name' needs to be provided to unload a LoRA adapter.", kind=INVALID)
    await service.changes.unload(name)
    return PlainTextResponse(f"Success: LoRA adapter '{name}' removed successfully.")


def _check_allowed(service: Service) -> None:
    if not service.settings.loads:
        raise ApiError(
            "adapters don't come and go here: start the server with "
            "serve.allow_runtime_adapters=true",
            HTTPStatus.NOT_FOUND,
        )
    service.check_taking()
