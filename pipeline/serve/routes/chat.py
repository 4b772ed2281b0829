"""`/v1/chat/completions`: a conversation goes on."""

from fastapi import APIRouter, Response

from pipeline.serve.chat_shape import ChatShape
from pipeline.serve.generation import EncodedPrompt, Generation, check_room
from pipeline.serve.protocol.chat import ChatCompletionRequest
from pipeline.serve.responses import StreamedAnswer, WholeAnswer
from pipeline.serve.service import OfApp

router = APIRouter()


@router.post("/v1/chat/completions", response_model=None)
async def chat(body: ChatCompletionRequest, service: OfApp) -> Response:
    """The next turn, by the checkpoint's chat template."""
    service.check_taking()
    await service.changes.resolve(body.model)
    service.names.adapter(body.model)
    ids = await service.chat.encode(body)
    most = body.most_tokens
    if most is None:
        check_room(service, len(ids), 1)
        most = service.model.longest - len(ids)
    stream = bool(body.stream)
    generation = Generation.of(
        service,
        "chatcmpl",
        body.model,
        [EncodedPrompt(ids)],
        body.params(most, body.alternatives),
        body.choices,
        stream,
    )
    shape = ChatShape(generation, body.stream_options if stream else None)
    return (StreamedAnswer if stream else WholeAnswer)(generation, shape)
