"""`/v1/completions`: text goes on where prompts end."""

from fastapi import APIRouter, Request, Response

from pipeline.serve.body import described, read
from pipeline.serve.completion_shape import CompletionShape
from pipeline.serve.forms import grammar_of
from pipeline.serve.generation import EncodedPrompt, Generation
from pipeline.serve.model import ServedModel
from pipeline.serve.protocol.completion import CompletionRequest
from pipeline.serve.responses import answer
from pipeline.serve.room import check_ids
from pipeline.serve.service import service_of
from pipeline.serve.statuses import ANSWERS

router = APIRouter()


@router.post(
    "/v1/completions",
    response_model=None,
    responses=ANSWERS,
    openapi_extra=described(CompletionRequest),
)
async def completions(http: Request) -> Response:
    """Every prompt's continuations."""
    service, body = service_of(http), await read(http, CompletionRequest)
    reader = await service.reader(body.model)
    generation = Generation.of(
        service,
        reader,
        "cmpl",
        body,
        [await _prompt(reader.model, each, body) for each in body.prompts],
        body.params(body.max_tokens or 16, body.logprobs, body.logprobs if body.echo else None),
        await grammar_of(service, reader, body),
    )
    return answer(generation, CompletionShape, body)


async def _prompt(
    model: ServedModel, prompt: str | list[int], body: CompletionRequest
) -> EncodedPrompt:
    if isinstance(prompt, str):
        ids = await model.encode(prompt, body.add_special_tokens is not False)
        return EncodedPrompt(ids, prompt if body.echo else "")
    check_ids(model, prompt)
    return EncodedPrompt(prompt, model.decode(prompt, skip_special=True) if body.echo else "")
