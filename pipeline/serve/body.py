"""Bodies of requests: pydantic reads their JSON itself, in a third of the time FastAPI takes."""

from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from pipeline.serve.errors import ApiError, invalid

BodyModel = TypeVar("BodyModel", bound=BaseModel)

JSON = "application/json"


async def read(http: Request, kind: type[BodyModel]) -> BodyModel:
    """The body of a request.

    Other types than JSON's are refused, although it may be JSON: a page in a browser can send them
    to any server, one of this machine for instance, without asking.

    Raises:
        ApiError: it isn't JSON, or a field is wrong.
    """
    type_ = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ != JSON:
        raise ApiError(f"content-type: {JSON} is served alone", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        return kind.model_validate_json(await http.body())
    except ValidationError as error:
        raise invalid(error.errors(include_url=False)[0]) from error


def described(kind: type[BaseModel]) -> dict[str, Any]:
    """The same for the OpenAPI document, as `openapi_extra`."""
    return {"requestBody": {"required": True, "content": content_of(kind)}}


def content_of(kind: type[BaseModel]) -> dict[str, Any]:
    """JSON of such a model, as the OpenAPI document has it."""
    schema = kind.model_json_schema()
    parts = schema.pop("$defs", {})
    return {JSON: {"schema": _inlined(schema, parts)}}


def _inlined(node: Any, parts: dict[str, Any]) -> Any:
    """The same without references, none of which leads back to itself."""
    if isinstance(node, list):
        return [_inlined(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(named := node.get("$ref"), str):
        return _inlined(parts[named.rpartition("/")[2]], parts)
    return {key: _inlined(value, parts) for key, value in node.items()}
