"""`/v1/models`: the base model first, then the adapters."""

from typing import Any

from fastapi import APIRouter

from pipeline.serve.keys import CALLER
from pipeline.serve.service import OfApp, Service

OWNER = "multilora"

router = APIRouter()


@router.get("/v1/models")
async def models(service: OfApp) -> dict[str, Any]:
    """All that the caller may name as `model` now."""
    names = service.names
    base = _card(service, names.base, str(service.model.folder), None)
    base["max_model_len"] = service.model.longest
    adapters = [_card(service, name, str(at), names.base) for name, at in names.folders.items()]
    may_ask = CALLER.get().may_ask
    return {"object": "list", "data": [e for e in (base, *adapters) if may_ask(e["id"])]}


def _card(service: Service, name: str, root: str, parent: str | None) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": service.names.since[name],
        "owned_by": OWNER,
        "root": root,
        "parent": parent,
        "max_model_len": None,
        "permission": [],
    }
