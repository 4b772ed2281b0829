"""What there is room for: positions and token ids of the model that is asked."""

from collections.abc import Sequence

from pipeline.serve.errors import ApiError
from pipeline.serve.model import ServedModel


def check_room(model: ServedModel, prompt: int, answer: int) -> None:
    """Refuse what the engine has no room for.

    Raises:
        ApiError: with the numbers, or the prompt is empty.
    """
    most = model.longest
    if not prompt:
        raise ApiError("the prompt has no token", param="prompt")
    if prompt + answer > most:
        raise ApiError(
            f"This model's maximum context length is {most} tokens. However, you requested "
            f"{answer} output tokens and your prompt contains {prompt} input tokens, for a total "
            f"of {prompt + answer} tokens. Please reduce the length of the input prompt or the "
            "number of requested output tokens.",
            param="max_tokens" if prompt < most else "prompt",
        )


def check_ids(model: ServedModel, ids: Sequence[int], param: str = "prompt") -> None:
    """Refuse token ids that the model doesn't have.

    Raises:
        ApiError: with the greatest.
    """
    if max(ids) >= model.tokens.size:
        raise ApiError(
            f"token id {max(ids)} is beyond the model's vocabulary of {model.tokens.size}",
            param=param,
        )
