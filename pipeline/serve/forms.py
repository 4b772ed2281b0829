"""Which form a client wants an answer to have."""

import asyncio

from pipeline.errors import UsageError
from pipeline.serve.errors import ApiError
from pipeline.serve.json_constraint import JsonGrammar
from pipeline.serve.protocol.sampling import SamplingFields
from pipeline.serve.readers import Reader
from pipeline.serve.service import Service

FIELD = "response_format"


async def grammar_of(service: Service, reader: Reader, body: SamplingFields) -> JsonGrammar | None:
    """What answers have to be; None for any text.

    Args:
        service: the server's.
        reader: of whoever is asked.
        body: what says so.

    Raises:
        ApiError: the engine can't see to it, or the schema isn't one that can be served.
    """
    schema = body.response_format.schema_ if body.response_format else None
    if schema is None:
        return None
    if not service.capabilities.constrains:
        raise ApiError(f"{FIELD}: this engine can't keep an answer to a form", param=FIELD)
    if body.min_tokens:
        raise ApiError(f"min_tokens isn't served together with {FIELD}", param="min_tokens")
    try:
        return await asyncio.to_thread(reader.grammars.grammar, schema)
    except UsageError as error:
        raise ApiError(f"{FIELD}: {error}", param=FIELD) from error
