"""`/v1/chat/completions`: a conversation goes on."""

from fastapi import APIRouter, Request, Response

from pipeline.serve.body import described, read
from pipeline.serve.chat_shape import ChatShape
from pipeline.serve.forms import grammar_of
from pipeline.serve.generation import EncodedPrompt, Generation
from pipeline.serve.protocol.chat import ChatCompletionRequest
from pipeline.serve.responses import answer
from pipeline.serve.room import check_room
from pipeline.serve.service import service_of
from pipeline.serve.statuses import ANSWERS

router = APIRouter()


@router.post(
    "/v1/chat/completions",
    response_model=None,
    responses=ANSWERS,
    openapi_extra=described(ChatCompletionRequest),
)
async def chat(http: Request) -> Response:
    """The next turn, by the chat template of whoever is asked."""
    service, body = service_of(http), await read(http, ChatCompletionRequest)
    reader = await service.reader(body.model)
    ids = await reader.chat.encode(body.messages, body)
    most = body.most_tokens
    if most is None:
        check_room(reader.model, len(ids), 1)
        most = reader.model.longest - len(ids)
    generation = Generation.of(
        service,
        reader,
        "chatcmpl",
        body,
        [EncodedPrompt(ids)],
        body.params(most, body.alternatives),
        await grammar_of(service, reader, body),
    )
    return answer(generation, ChatShape, body)
