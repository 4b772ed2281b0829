"""`/tokenize` and `/detokenize`: what the model reads of a text or a conversation, and back."""

from typing import Any

from fastapi import APIRouter, Request

from pipeline.serve.body import described, read
from pipeline.serve.errors import ApiError
from pipeline.serve.protocol.tokens import DetokenizeRequest, TokenizeRequest
from pipeline.serve.room import check_ids
from pipeline.serve.service import service_of
from pipeline.serve.statuses import OF_BODIES

router = APIRouter()


@router.post("/tokenize", responses=OF_BODIES, openapi_extra=described(TokenizeRequest))
async def tokenize(http: Request) -> dict[str, Any]:
    """Token ids, their number, and how many there may be."""
    service, body = service_of(http), await read(http, TokenizeRequest)
    reader = service.readers.reader(service.names.adapter(body.model))
    model = reader.model
    if body.prompt is not None and body.messages is None:
        ids = await model.encode(body.prompt, body.add_special_tokens is not False)
    elif body.messages is not None and body.prompt is None:
        ids = await reader.chat.encode(body.messages, body)
    else:
        raise ApiError("give prompt or messages", param="prompt")
    token = model.tokens.tokenizer.id_to_token
    shown = [token(id_) for id_ in ids] if body.return_token_strs else None
    return {"count": len(ids), "max_model_len": model.longest, "tokens": ids, "token_strs": shown}


@router.post("/detokenize", responses=OF_BODIES, openapi_extra=described(DetokenizeRequest))
async def detokenize(http: Request) -> dict[str, str]:
    """The text, special tokens included."""
    service, body = service_of(http), await read(http, DetokenizeRequest)
    model = service.readers.reader(service.names.adapter(body.model)).model
    if body.tokens:
        check_ids(model, body.tokens, "tokens")
    return {"prompt": model.decode(body.tokens)}
