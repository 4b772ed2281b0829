"""Asks by the `openai` package, of which alone it knows: `python openai_asks.py WHAT.json`.

Prints a line of JSON for every answer: when it was asked for, when pieces of it came, its tokens.
"""

import asyncio
import json
import sys
from time import perf_counter

from openai import AsyncOpenAI


async def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    gate = asyncio.Semaphore(asked["concurrency"])
    async with AsyncOpenAI(base_url=asked["url"], api_key="none", max_retries=0) as client:
        await client.models.list()  # What the package imports only now counts for no answer.
        assert client.chat.completions and client.completions
        await asyncio.gather(*(ask(client, gate, asked, *each) for each in asked["requests"]))


async def ask(client, gate, asked, model, prompt):
    said = {
        "model": model,
        "max_tokens": asked["tokens"],
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_body": {"ignore_eos": True},
    }
    async with gate:
        began, stamps, usage = perf_counter(), [], None
        if asked["chat"]:
            messages = [{"role": "user", "content": prompt}]
            stream = await client.chat.completions.create(messages=messages, **said)
        else:
            stream = await client.completions.create(prompt=prompt, **said)
        async for chunk in stream:
            if chunk.choices:
                stamps.append(perf_counter())
            usage = chunk.usage or usage
    told = {"began": began, "stamps": stamps, "tokens": usage.completion_tokens, "model": model}
    print(json.dumps(told))


asyncio.run(main())
