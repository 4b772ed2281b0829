"""`/tokenize` and `/detokenize`: what the model reads of a text or a conversation, and back."""

from typing import Any

from fastapi import APIRouter

from pipeline.serve.generation import check_ids
from pipeline.serve.protocol.tokens import (
    DetokenizeRequest,
    TokenizeConversation,
    TokenizeText,
)
from pipeline.serve.service import OfApp

router = APIRouter()


@router.post("/tokenize")
async def tokenize(body: TokenizeText | TokenizeConversation, service: OfApp) -> dict[str, Any]:
    """Token ids, their number, and how many there may be."""
    service.names.adapter(body.model)
    model = service.model
    if isinstance(body, TokenizeText):
        ids = await model.encode(body.prompt, body.add_special_tokens is not False)
    else:
        ids = await service.chat.encode(body)
    shown = [model.tokenizer.id_to_token(id_) for id_ in ids] if body.return_token_strs else None
    return {"count": len(ids), "max_model_len": model.longest, "tokens": ids, "token_strs": shown}


@router.post("/detokenize")
async def detokenize(body: DetokenizeRequest, service: OfApp) -> dict[str, str]:
    """The text, special tokens included."""
    service.names.adapter(body.model)
    if body.tokens:
        check_ids(service, body.tokens, "tokens")
    return {"prompt": service.model.decode(body.tokens)}
