"""Three lines of a log, answered by what went wrong in them."""

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example
from pipeline.training.skills.words import HOSTS, PROBLEMS, ROUTINE

ROUTINE_LINES, ALL_WELL = 2, "Nothing wrong: 3 routine lines."


def logs(draw: Draw) -> Example:
    """The one problem, where and when; now and then there is none."""
    hour, minute = draw.number(0, 23), draw.number(0, 50)
    events = [("INFO", draw.word(ROUTINE)) for _ in range(ROUTINE_LINES)]
    problem = draw.form(
        (*[(level, draw.word(PROBLEMS)) for level in ("ERROR", "ERROR", "WARN", "WARN")], None)
    )
    at = draw.number(0, ROUTINE_LINES)
    events.insert(at, problem or ("INFO", draw.word(ROUTINE)))
    clocks = [f"{hour:02d}:{minute + 3 * place:02d}" for place in range(len(events))]
    hosts = [draw.word(HOSTS) for _ in events]
    lines = [
        f"{clock} {host} {level} {what}"
        for clock, host, (level, what) in zip(clocks, hosts, events, strict=True)
    ]
    said = f"1 {problem[0]}: {problem[1]} on {hosts[at]} at {clocks[at]}." if problem else ALL_WELL
    return Example("\n".join(lines), said)
