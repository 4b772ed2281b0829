"""Keys that a setting would hold, and every record of the run repeat."""

import re
from collections.abc import Iterable, Mapping, Sequence

from pipeline.errors import UsageError, shown

VARIABLE = re.compile(r"(^|_)(key|token|secret|password|passwd|credentials)$", re.IGNORECASE)
OPTION = re.compile(
    r"^--?(?:[\w-]+-)?(api-?key|api-?token|hf-?token|password|secret)(=|$)", re.ASCII
)
FIELD = re.compile(r"(^|_)(api_?key|api_?token|secret|password)$", re.IGNORECASE)
INSTEAD = "would stand in every record of the run"


def check_environment(environment: Mapping[str, str]) -> None:
    """A launched server gets our environment, so a key needs only to be exported.

    Raises:
        UsageError: a variable is named as one that holds a key, and isn't empty.
    """
    for name, value in environment.items():
        if value and VARIABLE.search(name):
            raise UsageError(
                f"engine.launch.environment.{name}: {INSTEAD}; export it before the call, a "
                "launched server gets that environment"
            )


def check_command(words: Sequence[str]) -> None:
    """Servers take keys from variables or files as well.

    Raises:
        UsageError: an option is named as one that takes a key, and has one.
    """
    for word, following in zip(words, (*words[1:], "-"), strict=True):
        found = OPTION.match(word.lower())
        if found and (word[found.end() :] or not (found[2] or following.startswith("-"))):
            raise UsageError(
                f"engine.launch.command: what {shown(word.partition('=')[0])} is given {INSTEAD}; "
                "give it by a variable of the environment that the server reads, or by a file"
            )


def check_fields(names: Iterable[str]) -> None:
    """A key goes into a header.

    Raises:
        UsageError: a field of requests is named as one that holds a key.
    """
    for name in names:
        if FIELD.search(name):
            raise UsageError(
                f"engine.extra.{name}: {INSTEAD}; name the variable that holds the key by "
                "engine.api_key_env=…"
            )
