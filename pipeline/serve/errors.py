"""What goes wrong with a request, as a status and OpenAI's error object."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

KINDS = {
    HTTPStatus.NOT_FOUND: "NotFoundError",
    HTTPStatus.UNAUTHORIZED: "AuthenticationError",
    HTTPStatus.FORBIDDEN: "PermissionDeniedError",
    HTTPStatus.TOO_MANY_REQUESTS: "RateLimitError",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalServerError",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailableError",
}
"""Types of errors by status, as vLLM and OpenAI's client call them; all others are bad requests."""


class ApiError(Exception):
    """A request can't be answered; the client is told so, and nothing more."""

    def __init__(
        self,
        message: str,
        status: int = HTTPStatus.BAD_REQUEST,
        *,
        param: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """What a client gets.

        Args:
            message: what is wrong, and what to do.
            status: HTTP's.
            param: the field that is wrong, if it is one.
            kind: OpenAI's `type`; None takes that of the status.
            headers: `Retry-After`, for one.
        """
        super().__init__(message)
        self.message, self.status, self.param = message, int(status), param
        self.kind = kind or KINDS.get(HTTPStatus(status), "BadRequestError")
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """OpenAI's error object, with the status as its code, as vLLM has it."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.status,
            }
        }


def invalid(fault: Mapping[str, Any]) -> ApiError:
    """What pydantic found, under the field's own name.

    Args:
        fault: one of its errors.
    """
    names = [str(each) for each in fault["loc"] if each != "body"]
    if fault["type"] == "json_invalid":
        return ApiError(f"the body isn't JSON: {fault['ctx']['error']}")
    field = names[0] if names else None
    return ApiError((f"{field}: " if field else "the body: ") + fault["msg"], param=field)


def later(message: str, seconds: float, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> ApiError:
    """The server can't take the request now; another time it might.

    Args:
        message: why.
        seconds: after which to try again.
        status: HTTP's.
    """
    return ApiError(message, status, headers={"Retry-After": str(max(1, round(seconds)))})


def engine_failed() -> ApiError:
    """No request can be answered any more."""
    return ApiError("the engine has failed; the server ends", HTTPStatus.INTERNAL_SERVER_ERROR)
