"""Whether regular expressions come to an end: they are tried before anybody waits for them.

Python's `re` goes back as often as an expression allows it, which may be more often than there
are atoms. No rule tells those expressions from others, so all but the plainest are tried on every
name that they will meet, in a process of its own that has a limit of processor time. What ended
there ends everywhere, for PEFT uses `re` too.
"""

import json
import re
import subprocess
import sys
from collections.abc import Collection, Sequence

from pipeline.adapters.module_patterns import Pattern
from pipeline.errors import UsageError

SECONDS = 0.25
"""Processor time that all of a configuration's expressions may take together; most take 1 ms."""
PATIENCE_S = 120
"""Until a trial is given up that gets no processor time."""
_LENGTH = 256
"""Characters of an expression; a longer one is tried, whatever it is."""
_NAMES, _PLAIN_ONES = 4096, 512
"""So many names, and plain expressions beside them, may go untried: each is matched with every
module."""
_REPETITIONS, _REPETITIONS_IN_ALL = 2, 16
"""Of a plain expression, and of all of them."""
_GROUPS = 20
"""Of a plain expression."""
_NAME = re.compile(r"(?:[\w-]|\\?\.)*")
"""The name of a module, escaped or not: it takes no longer than reading the names, and a
configuration may give one for every module of a large model."""
_PLAIN = re.compile(
    r"(?:[\w.|$-]|\\[.dw]|\[[\w.-]+\]|(?<![*+?(|])[*+]\??|\((?:\?:|(?!\?))|\)(?![*+?{]))*"
)
"""No group is repeated, and no look-around or flag is in it: with few repetitions it takes a small
power of the name's length."""

_TRIAL = """
import json, re, resource, signal, sys
signal.setitimer(signal.ITIMER_PROF, %r)
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
expressions, names = json.load(sys.stdin)
for number, (expression, whole) in enumerate(expressions):
    print(number, flush=True)
    try:
        compiled = re.compile(expression)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    matches = compiled.fullmatch if whole else compiled.match
    for name in names:
        matches(name)
print("all", flush=True)
"""


def try_patterns(patterns: Sequence[Pattern], names: Collection[str], where: str) -> None:
    """Refuse what is no regular expression, or doesn't come to an end.

    Names are passed over, plain expressions compiled, and all the others tried.

    Args:
        patterns: of one configuration.
        names: of all modules that they will be tried on.
        where: the configuration's path, for the error.

    Raises:
        UsageError: naming the key and the expression.
    """
    if len(patterns) <= _NAMES:
        patterns = [each for each in patterns if not _is_name(each.given)]
    if _are_plain(patterns):
        for each in patterns:
            try:
                re.compile(each.expression)
            except (re.error, OverflowError) as error:
                raise UsageError(_no_expression(each, where, str(error))) from error
        return
    ended, reached, said = _try_apart(patterns, names)
    if not ended:
        pattern = patterns[min(reached, len(patterns) - 1)]
        raise UsageError(_no_expression(pattern, where, said) if said else _endless(pattern, where))


def _is_name(given: str) -> bool:
    return len(given) <= _LENGTH and _NAME.fullmatch(given) is not None


def _are_plain(patterns: Sequence[Pattern]) -> bool:
    repeated = sum(_repetitions(each.given) for each in patterns)
    few = len(patterns) <= _PLAIN_ONES and repeated <= _REPETITIONS_IN_ALL
    return few and all(_is_plain(each.given) for each in patterns)


def _is_plain(given: str) -> bool:
    short = len(given) <= _LENGTH and given.count("(") < _GROUPS
    return short and _repetitions(given) <= _REPETITIONS and _PLAIN.fullmatch(given) is not None


def _repetitions(given: str) -> int:
    return given.count("*") + given.count("+")


def _try_apart(patterns: Sequence[Pattern], names: Collection[str]) -> tuple[bool, int, str]:
    """Whether all ended, the number of the last that was begun, and what was said against it."""
    document = json.dumps([[(each.expression, each.whole) for each in patterns], [*names]])
    program = _TRIAL % SECONDS
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", program]
    try:
        done = subprocess.run(
            command, input=document, env={}, capture_output=True, text=True, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return False, 0, ""
    lines = done.stdout.split()
    ended = done.returncode == 0 and lines[-1:] == ["all"]
    reached = int(lines[-1]) if lines and lines[-1].isdigit() else 0
    return ended, reached, " ".join(done.stderr.split())


def _no_expression(pattern: Pattern, where: str, said: str) -> str:
    return f"{where}: {pattern.key}: {pattern.given[:80]!r} isn't a regular expression ({said})"


def _endless(pattern: Pattern, where: str) -> str:
    return (
        f"{where}: {pattern.key}: the regular expression {pattern.given[:80]!r} takes more than "
        f"{SECONDS:g} s of processor time on the names of the model's modules; simplify it: a "
        "repetition inside a repetition is the usual cause"
    )
