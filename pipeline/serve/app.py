"""The application: which endpoints there are, and how what goes wrong is told."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pipeline.serve.access_log import AccessLog
from pipeline.serve.errors import ApiError, invalid
from pipeline.serve.keys import Keys
from pipeline.serve.middleware.body_limit import BodyLimit
from pipeline.serve.middleware.connection_limit import ConnectionLimit
from pipeline.serve.middleware.key_check import KeyCheck
from pipeline.serve.middleware.request_log import RequestLog
from pipeline.serve.routes import adapters, chat, completions, health, metrics, models, page, tokens
from pipeline.serve.service import Service
from pipeline.serve.settings import ServeSettings
from pipeline.serve.statuses import EVERYWHERE

ROUTERS = (
    *(completions.router, chat.router, health.router, models.router, tokens.router),
    *(adapters.router, metrics.router, page.router),
)
"""Those first that are asked most, for paths are tried in this order."""


def app_of(service: Service, connections: Callable[[], int]) -> FastAPI:
    """The application over a service.

    Args:
        service: what endpoints work with.
        connections: how many are open.
    """
    app = FastAPI(title="multilora", docs_url=None, redoc_url=None)
    app.state.service = service
    guard(app, service.settings, service.keys, service.log, connections)
    for router in ROUTERS:
        app.include_router(router, responses=EVERYWHERE)
    return app


def guard(
    app: FastAPI,
    settings: ServeSettings,
    keys: Keys | None,
    log: AccessLog,
    connections: Callable[[], int],
) -> None:
    """Put the limits, the keys and the log before an application, and say how errors are told."""
    app.add_middleware(BodyLimit, settings.max_body_bytes, settings.read_seconds)
    app.add_middleware(KeyCheck, keys)
    app.add_middleware(ConnectionLimit, settings.max_connections, connections)
    app.add_middleware(RequestLog, log)
    app.add_exception_handler(ApiError, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _response(error: ApiError) -> JSONResponse:
    return JSONResponse(error.body(), error.status, error.headers)


async def _told(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return _response(error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return _response(invalid(error.errors()[0]))


async def _http(request: Request, error: Exception) -> JSONResponse:
    """No such path, or not by this method."""
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.scope['path']}: {error.detail}"
    return _response(ApiError(message, error.status_code, headers=error.headers))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours: the log has its traceback, the client doesn't."""
    return _response(ApiError("internal error", HTTPStatus.INTERNAL_SERVER_ERROR))
