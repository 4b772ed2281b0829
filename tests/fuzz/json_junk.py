"""Values that a JSON file may hold and nobody expects there."""

import json
from pathlib import Path
from random import Random
from typing import Any

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 16, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 10**30),
    *(0.0, -0.0, 0.5, -0.5, 1.5, 1e-30, 1e30, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "0", "8", "none", "null", "text", "é", "\ud800", "\x00", "a\nb", "(a+)+$", "x" * 3000),
    *([], [None], [0], [1, 2, 3], ["a"], [[]], {}, {"a": 1}, {"": None}, [{}], {"r": {"r": {}}}),
)


def junk(value: Any, rng: Random) -> Any:
    """Another value: near the one that stands there, or anything at all."""
    near: list[Any] = [[value], {"value": value}, str(value)]
    if isinstance(value, int | float):
        near += [value + 1, value - 1, -value, value * 2, value / 2, float(value), not value]
    if isinstance(value, int):
        near += [value // 2, value * 3 // 2, value + 8, value * 10**6]
    if isinstance(value, str):
        near += [value[1:], value.upper(), value + "x", value[::-1], value * 2]
    if isinstance(value, list):
        near += [value[1:], value * 2, value[::-1], [junk(each, rng) for each in value]]
    return rng.choice(near) if rng.random() < 0.5 else rng.choice(JUNK)


def change_object(document: Any, rng: Random, keys: tuple[str, ...] = ()) -> str:
    """Change one value somewhere in a document, in place, or take it out; what was changed.

    Args:
        document: an object or a list, not empty.
        rng: what decides.
        keys: that may be added beside those which are there.
    """
    holder, where = document, ""
    while True:
        names: list[Any] = [*holder] if isinstance(holder, dict) else [*range(len(holder))]
        if not where and keys and rng.random() < 0.4:
            name: Any = rng.choice(keys)
        else:
            name = rng.choice(names)
        where += f"/{name}"
        found = holder.get(name) if isinstance(holder, dict) else holder[name]
        if not (isinstance(found, dict | list) and found and rng.random() < 0.8):
            break
        holder = found
    if rng.random() < 0.15 and (isinstance(holder, list) or name in holder):
        del holder[name]
        return f"{where} taken out"
    holder[name] = junk(found, rng)
    return f"{where} = {holder[name]!r:.120}"


def change_json(path: Path, rng: Random, keys: tuple[str, ...] = ()) -> str:
    """Change up to three values of a JSON file; what was changed."""
    document = json.loads(path.read_text("utf-8"))
    count = rng.choice((1, 1, 1, 2, 3))
    said = [change_object(document, rng, keys) for _ in range(count) if document]
    path.write_text(json.dumps(document), "utf-8")
    return f"{path.name}: {', '.join(said)}"
