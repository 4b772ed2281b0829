"""`response_format`: which form a client wants an answer to have."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from pipeline.serve.errors import ApiError


class JsonSchema(BaseModel):
    """A JSON schema, as OpenAI wraps it."""

    name: str | None = None
    strict: bool | None = None
    document: Annotated[dict[str, Any], Field(alias="schema")]


class ResponseFormat(BaseModel):
    """Which form an answer has."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise ApiError(
                "response_format: json_schema is needed with this type", param="response_format"
            )
        return self

    @property
    def schema_(self) -> dict[str, Any] | None:
        """What an answer must keep to; None for any text."""
        if self.type == "text":
            return None
        return self.json_schema.document if self.json_schema else {"type": "object"}
