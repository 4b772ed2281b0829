"""`/v1/models`: the base model first, then the adapters."""

from typing import Any

from fastapi import APIRouter

from pipeline.serve.keys import CALLER
from pipeline.serve.service import OfApp, Service
from pipeline.serve.statuses import UNKNOWN

OWNER = "multilora"

router = APIRouter()


@router.get("/v1/models")
async def models(service: OfApp) -> dict[str, Any]:
    """All that the caller may name as `model` now."""
    names, may_ask = service.names, CALLER.get().may_ask
    shown = [name for name in (names.base, *names.folders) if may_ask(name)]
    return {"object": "list", "data": [_card(service, name) for name in shown]}


@router.get("/v1/models/{model:path}", responses=UNKNOWN)
async def model(model: str, service: OfApp) -> dict[str, Any]:
    """One of them."""
    service.names.adapter(model)
    return _card(service, model)


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
