"""`/v1/models`: the base model first, then the adapters."""

from typing import Any

from fastapi import APIRouter, Request

from pipeline.serve.keys import CALLER
from pipeline.serve.service import OfApp, Service, service_of
from pipeline.serve.statuses import UNKNOWN

OWNER = "multilora"
IN_PATH = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
"""What the OpenAPI document says of a model in the path. Were it a parameter of the function,
FastAPI would say that it may be refused with 422, and no text ever is."""

router = APIRouter()


@router.get("/v1/models")
async def models(service: OfApp) -> dict[str, Any]:
    """All that the caller may name as `model` now."""
    names, may_ask = service.names, CALLER.get().may_ask
    shown = [name for name in (names.base, *names.folders) if may_ask(name)]
    return {"object": "list", "data": [_card(service, name) for name in shown]}


@router.get("/v1/models/{model:path}", responses=UNKNOWN, openapi_extra={"parameters": [IN_PATH]})
async def model(http: Request) -> dict[str, Any]:
    """One of them."""
    service, name = service_of(http), http.path_params["model"]
    service.names.adapter(name)
    return _card(service, name)


def _card(service: Service, name: str) -> dict[str, Any]:
    names, model = service.names, service.model
    is_base = name == names.base
    return {
        "id": name,
        "object": "model",
        "created": names.since[name],
        "owned_by": OWNER,
        "root": str(model.folder if is_base else names.folders[name]),
        "parent": None if is_base else names.base,
        "max_model_len": model.longest if is_base else None,
        "permission": [],
    }
