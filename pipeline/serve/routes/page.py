"""`/`: the status page; `/status`: what it is told."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from pipeline.serve.page.status import status_of
from pipeline.serve.service import OfApp

PAGE = Path(__file__).parents[1] / "page" / "index.html"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: ask this server, and nothing else."""

router = APIRouter()


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
async def page() -> HTMLResponse:
    """One file; what it shows it asks for by itself, with the key that is typed into it."""
    return HTMLResponse(_text(), headers={"Content-Security-Policy": POLICY})


@router.get("/status")
async def status(service: OfApp) -> dict[str, Any]:
    """What runs, waits and is in memory now."""
    return status_of(service)


@cache
def _text() -> str:
    return PAGE.read_text("utf-8")
