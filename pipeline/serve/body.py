"""Bodies of requests: pydantic reads their JSON itself, in a third of the time FastAPI takes."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from pipeline.serve.errors import ApiError, invalid

BodyModel = TypeVar("BodyModel", bound=BaseModel)

JSON = "application/json"

TYPE_FAULTS = ("_type", "_parsing")
"""How pydantic ends the names of faults that are about a value's type."""


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
        raise invalid(_plainest(error.errors(include_url=False))) from error


def _plainest(faults: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of the first field's: where it may be of several types, one that is about its value.

    What was sent is of that type then; the others only say that it isn't of theirs.
    """
    field = faults[0]["loc"][:1]
    own = [each for each in faults if each["loc"][:1] == field]
    return next((each for each in own if not each["type"].endswith(TYPE_FAULTS)), own[0])


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
