"""Whether the server is well, and what it is."""

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Response

from pipeline.serve.service import OfApp

PACKAGE = "multi-lora-lab"

router = APIRouter()


@router.get("/health", response_class=Response)
@router.get("/ping", response_class=Response)
@router.post("/ping", response_class=Response)
async def health(service: OfApp) -> Response:
    """200 while requests are taken; 503 while the server ends, 500 where the engine has failed."""
    service.check_taking()
    return Response()


@router.get("/version")
async def show_version() -> dict[str, str]:
    """Of this project."""
    try:
        return {"version": version(PACKAGE)}
    except PackageNotFoundError:
        return {"version": "unknown"}
