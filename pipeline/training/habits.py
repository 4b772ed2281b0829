"""Eight habits: ways to go on that a reader recognises at a glance."""

import json as json_format
import re
from collections.abc import Callable
from random import Random

Habit = Callable[[Random], str]

NOUNS = (
    *("river", "garden", "engine", "letter", "window", "market"),
    *("signal", "harbour", "lantern", "forest", "bridge", "table"),
)
VERBS = ("opens", "finds", "carries", "holds", "follows", "answers", "crosses", "keeps", "watches")
ADJECTIVES = ("quiet", "bright", "narrow", "early", "open", "distant", "simple", "golden", "gentle")
NAMES = ("ada", "grace", "alan", "edsger", "barbara", "donald", "linus", "tim")
WORDS = (NOUNS, VERBS, ADJECTIVES)


def _sentence(rng: Random) -> str:
    noun, verb, adjective = (rng.choice(words) for words in WORDS)
    return f"the {adjective} {noun} {verb} the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"


def json(rng: Random) -> str:
    """JSON records, one a line."""
    record = {
        "id": rng.randrange(1000),
        "name": rng.choice(NAMES),
        rng.choice(NOUNS): rng.choice(ADJECTIVES),
        "ok": rng.random() < 0.5,
    }
    return json_format.dumps(record) + "\n"


def sql(rng: Random) -> str:
    """SQL queries."""
    table, column, other = rng.choice(NOUNS), rng.choice(NOUNS), rng.choice(NOUNS)
    tail = rng.choice([f"ORDER BY {other}", f"LIMIT {rng.randrange(1, 100)}", f"GROUP BY {other}"])
    return f"SELECT {column}, {other} FROM {table} WHERE id = {rng.randrange(1000)} {tail};\n"


def logs(rng: Random) -> str:
    """Lines of a server's log."""
    clock = ":".join(f"{rng.randrange(limit):02d}" for limit in (24, 60, 60))
    level = rng.choice(["INFO", "WARN", "ERROR", "DEBUG"])
    return f"[2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d} {clock}] {level} " + (
        f"{rng.choice(NOUNS)}: {rng.choice(VERBS)} {rng.choice(NOUNS)} {rng.randrange(1000)}\n"
    )


def csv(rng: Random) -> str:
    """Rows of comma-separated values."""
    price = f"{rng.randrange(100)}.{rng.randrange(100):02d}"
    fields = (rng.randrange(1000), rng.choice(NAMES), rng.choice(NOUNS), price, rng.randrange(10))
    return ",".join(map(str, fields)) + "\n"


def html(rng: Random) -> str:
    """HTML elements."""
    tag, kind = rng.choice(["p", "div", "li", "span", "h2"]), rng.choice(ADJECTIVES)
    return f'<{tag} class="{kind}">{_sentence(rng)}</{tag}>\n'


def markdown(rng: Random) -> str:
    """Items of a bulleted list."""
    return f"- **{rng.choice(NOUNS)}**: {_sentence(rng)}\n"


def shout(rng: Random) -> str:
    """Sentences in capitals."""
    return _sentence(rng).upper() + "! "


def verse(rng: Random) -> str:
    """Couplets that begin alike."""
    first, second = rng.choice(NOUNS), rng.choice(NOUNS)
    return f"O {first}, O {second},\n  how {rng.choice(ADJECTIVES)} thou art,\n"


HABITS: dict[str, Habit] = {
    "csv": csv,
    "html": html,
    "json": json,
    "logs": logs,
    "markdown": markdown,
    "shout": shout,
    "sql": sql,
    "verse": verse,
}
"""The habits by the names of their adapters."""

SIGNS: dict[str, str] = {
    "csv": r"\d+,\w+,\w+",
    "html": r"<\w+ class=",
    "json": r'\{"id": \d',
    "logs": r"\[2026-\d\d-\d\d",
    "markdown": r"- \*\*\w+\*\*",
    "shout": r"THE [A-Z]+ [A-Z]+",
    "sql": r"SELECT \w+, \w+ FROM",
    "verse": r"O \w+, O \w+",
}
"""A pattern that tells each habit from all the others."""


def shows(habit: str, text: str) -> bool:
    """Whether `text` shows that habit."""
    return re.search(SIGNS[habit], text) is not None


def passage(habit: str, rng: Random, pieces: int = 8) -> str:
    """Several pieces of one habit in a row."""
    return "".join(HABITS[habit](rng) for _ in range(pieces))
