"""What a server says it serves, and whether that is what a run asks for."""

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePath
from typing import Any

from pipeline.engines.openai.exchange import message_of
from pipeline.engines.openai.naming import ModelNames, Naming
from pipeline.engines.openai.session import ServerPage, Unanswered
from pipeline.errors import UsageError, shown

ADAPTERS = "/lora-adapters"
Get = Callable[[str], ServerPage]
"""What a path of the server brings."""


def model_names(
    get: Get, where: str, prefix: str, naming: Naming, adapters: Collection[str]
) -> ModelNames:
    """What base and adapters are called by a server, which was asked whether it has them.

    Args:
        get: asks it.
        where: its address, for messages.
        prefix: what its paths begin with.
        naming: what to look for.
        adapters: our names of those that are asked for.

    Raises:
        UsageError: it can't be reached, or doesn't serve the base or one of the adapters.
    """
    path = f"{prefix}/models"
    models, base = _names(_listed(get, where, path, "data"), "id"), naming.base
    if base is not None and base not in models:
        raise UsageError(
            f"engine.model={base}: {where} doesn't serve it; it serves {_said(models)}"
        )
    if base is None and not models:
        raise UsageError(f"{where}{path}: names no model; give engine.model=…")
    name = base or models[0]
    if naming.field == "lora":
        return ModelNames(naming.field, name, _numbers(get, where, naming.given, adapters))
    spelt = {each: naming.adapter(each, name) for each in adapters}
    if naming.field == "model":
        _all_there(spelt, models, naming.spelling, where)
    return ModelNames(naming.field, name, spelt)


def _all_there(
    spelt: Mapping[str, str], models: Collection[str], spelling: str, where: str
) -> None:
    """A server that lists its adapters by their bare names knows them by another spelling, too."""
    for name, theirs in spelt.items():
        bare = name if "{base}" in spelling else theirs
        if theirs not in models and bare not in models:
            raise UsageError(
                f"{where}: serves no adapter {shown(theirs)}, it serves {_said(models)}; load it "
                "there, or say what it is called by engine.adapter_names={…}"
            )


def _numbers(
    get: Get, where: str, given: Mapping[str, str], adapters: Collection[str]
) -> dict[str, str | int]:
    """llama-server's numbers of adapters: by name where one was given, else by their file's."""
    listed = _listed(get, where, ADAPTERS, None)
    files = {
        PurePath(str(each.get("path"))).stem: each["id"]
        for each in listed
        if isinstance(each.get("id"), int)
    }
    known = {str(number) for number in files.values()}
    found: dict[str, str | int] = {}
    for name in adapters:
        number = given.get(name, str(files.get(name)))
        if number not in known:
            raise UsageError(
                f"{where}{ADAPTERS}: has no adapter {shown(name)}, it has {_said(files)}; load it "
                "there, or give its number by engine.adapter_names={…}"
            )
        found[name] = int(number)
    return found


def _listed(get: Get, where: str, path: str, key: str | None) -> list[Mapping[str, Any]]:
    try:
        page = get(path)
    except Unanswered as error:
        raise UsageError(
            f"{where}: no server answers there ({error}); start it, or name another by "
            "engine.base_url=…"
        ) from None
    if not page.is_ok:
        said = f"HTTP {page.status}: {message_of(page.body)}"
        key_hint = "; name the variable that holds its key by engine.api_key_env=…"
        raise UsageError(f"{where}{path}: {said}{key_hint * (page.status in (401, 403))}")
    try:
        body = json.loads(page.body)
    except (ValueError, RecursionError):
        body = None
    found = body.get(key) if key is not None and isinstance(body, dict) else body
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UsageError(f"{where}{path}: isn't what an OpenAI-compatible server lists there")
    return found


def _names(listed: list[Mapping[str, Any]], key: str) -> list[str]:
    return [each[key] for each in listed if isinstance(each.get(key), str)]


def _said(names: Collection[str]) -> str:
    """A few of them."""
    first = [shown(each) for _, each in zip(range(8), names, strict=False)]
    return ", ".join(first) + (f" and {len(names) - 8} more" if len(names) > 8 else "") or "none"
