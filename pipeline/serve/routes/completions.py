"""`/v1/completions`: text goes on where prompts end."""

from fastapi import APIRouter, Response

from pipeline.serve.completion_shape import CompletionShape
from pipeline.serve.errors import ApiError
from pipeline.serve.generation import EncodedPrompt, Generation, check_ids
from pipeline.serve.protocol.completion import CompletionRequest
from pipeline.serve.responses import StreamedAnswer, WholeAnswer
from pipeline.serve.service import OfApp, Service

router = APIRouter()


@router.post("/v1/completions", response_model=None)
async def completions(body: CompletionRequest, service: OfApp) -> Response:
    """Every prompt's continuations."""
    if body.echo and body.logprobs is not None:
        raise ApiError("echo isn't served together with logprobs; leave one out", param="echo")
    await service.changes.resolve(body.model)
    prompts = [await _prompt(service, each, body) for each in body.prompts]
    stream = bool(body.stream)
    generation = Generation.of(
        service,
        "cmpl",
        body.model,
        prompts,
        body.params(body.max_tokens or 16, body.logprobs),
        body.choices,
        stream,
    )
    shape = CompletionShape(generation, body.stream_options if stream else None)
    return (StreamedAnswer if stream else WholeAnswer)(generation, shape)


async def _prompt(
    service: Service, prompt: str | list[int], body: CompletionRequest
) -> EncodedPrompt:
    model = service.model
    if isinstance(prompt, str):
        ids = await model.encode(prompt, body.add_special_tokens is not False)
        return EncodedPrompt(ids, prompt if body.echo else "")
    check_ids(service, prompt)
    return EncodedPrompt(prompt, model.decode(prompt, skip_special=True) if body.echo else "")
