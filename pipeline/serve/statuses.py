"""The statuses of an endpoint in the OpenAPI document, with the form that errors have."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from pipeline.serve.body import content_of


class ToldError(BaseModel):
    """What is wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: int


class ErrorBody(BaseModel):
    """The body of every answer that says so."""

    error: ToldError


def statuses(*codes: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Errors that there may be, as FastAPI's `responses`."""
    content = content_of(ErrorBody)
    return {int(code): {"description": code.phrase, "content": content} for code in codes}


EVERYWHERE = statuses(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""Whatever is asked: what isn't HTTP, keys, limits, a server that ends."""

UNKNOWN = statuses(HTTPStatus.NOT_FOUND)
"""Where something is named that may not be there."""

OF_BODIES = UNKNOWN | statuses(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
"""Where a body of JSON is read that names a model."""

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the whole answer, or its events as they come",
        "content": {"application/json": {}, "text/event-stream": {}},
    },
    **OF_BODIES,
    **statuses(HTTPStatus.TOO_MANY_REQUESTS),
}
"""Where a model answers."""
