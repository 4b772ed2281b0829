"""What a sweep found, as Markdown: an arm a line, every mean with its interval."""

import re
from collections.abc import Iterable, Sequence

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.intervals import student
from pipeline.compare.numbers import DASH, MISSING, significant
from pipeline.compare.plots.ratios import figures as ratio_figures
from pipeline.compare.ratios import Ratio
from pipeline.compare.report.provenance import provenance
from pipeline.compare.run import Condition
from pipeline.metrics.definitions import definition
from pipeline.metrics.price import COST

NAMED = ("CPU", "Memory", "Measured", "Git commit")
"""What is said of where the figures come from."""


def tables(comparison: Comparison, also: Sequence[str]) -> str:
    """All tables of a sweep, costs beside the speed where the runs have them, and their origin."""
    metrics = [HEADLINE_METRIC, *also]
    if COST not in metrics and any(run.number(COST) is not None for run in comparison.runs):
        metrics.insert(1, COST)
    conditions = list(dict.fromkeys(cell.condition for cell in comparison.cells))
    if len(conditions) > 1:
        parts = [_by_condition(comparison, metric, conditions) for metric in metrics]
        parts.append(_against(comparison, conditions))
    else:
        parts = [_by_metric(comparison, metrics)]
    parts += [_left_out(comparison), _origin(comparison)]
    return "\n".join(filter(None, parts))


def _by_condition(comparison: Comparison, metric: str, conditions: Sequence[Condition]) -> str:
    """A column a condition, and what the last one is of the first."""
    words = [comparison.usual.words(each) for each in conditions]
    lines = [[_title(metric), *words, f"{words[-1]} ÷ {words[0]}"]]
    for arm in comparison.arms:
        cells = [_cell(comparison, arm, each) for each in conditions]
        change = _change(cells[0], cells[-1], metric)
        lines.append([arm, *(_mean(each, metric) for each in cells), change])
    return _markdown(lines)


def _against(comparison: Comparison, conditions: Sequence[Condition]) -> str:
    """Each arm's throughput as a ratio to the baseline's, under each condition."""
    words = [comparison.usual.words(each) for each in conditions]
    lines = [[f"output tokens/s ÷ {comparison.baseline}", *words]]
    for arm in comparison.arms[1:]:
        found = [comparison.cell_verdicts.get((arm, each)) for each in conditions]
        lines.append([arm, *(ratio_figures(v.ratio) if v else MISSING for v in found)])
    return _markdown(lines) if len(lines) > 1 else ""


def _by_metric(comparison: Comparison, metrics: Sequence[str]) -> str:
    """A column a metric, after the throughput's ratio to the baseline."""
    titles = [_title(metric) for metric in metrics]
    lines = [["engine", titles[0], f"÷ {comparison.baseline}", *titles[1:]]]
    for cell in comparison.cells:
        verdict = comparison.cell_verdicts.get((cell.arm, cell.condition))
        ratio = ratio_figures(verdict.ratio) if verdict else MISSING
        first, *others = (_mean(cell, metric) for metric in metrics)
        lines.append([cell.arm, first, ratio, *others])
    return _markdown(lines)


def _cell(comparison: Comparison, arm: str, condition: Condition) -> Cell | None:
    return next(
        (c for c in comparison.cells if c.arm == arm and c.condition == condition),
        None,
    )


def _mean(cell: Cell | None, metric: str) -> str:
    """The mean over the repeats with its 95 % interval: `81.2 (79.0–83.4)`."""
    mean = cell.mean(metric) if cell else None
    if cell is None or mean is None:
        return MISSING
    known = definition(metric)
    scale = known.scale if known else 1.0
    reach = student(cell.values(metric)) if _varies(metric) else None
    ends = f" ({DASH.join(significant(scale * end) for end in reach)})" if reach else ""
    return f"{significant(scale * mean)}{ends}"


def _varies(metric: str) -> bool:
    """Whether it is a speed or a cost, which repeats are made for."""
    return metric == COST or metric.endswith("_per_s")


def _change(first: Cell | None, last: Cell | None, metric: str) -> str:
    """The last condition's figure ÷ the first's, paired by repeat: nothing else pairs them."""
    if first is None or last is None:
        return MISSING
    before = {run.repeat: run.number(metric) for run in first.runs}
    pairs = [(run.number(metric), before.get(run.repeat), run.repeat) for run in last.runs]
    both = [(new / old, repeat) for new, old, repeat in pairs if new and old]
    if not both:
        return MISSING
    values, repeats = zip(*both, strict=True)
    return ratio_figures(Ratio(values, repeats=repeats))


def _title(metric: str) -> str:
    known = definition(metric)
    if known is None:
        return metric
    part = metric.partition("/")[2]
    return ", ".join(filter(None, (known.heading or metric, part, known.shown)))


def _markdown(lines: Iterable[Sequence[str]]) -> str:
    head, *rows = lines
    rule = ["---", *("---:" for _ in head[1:])]
    table = [head, rule, *rows]
    return (
        "\n".join(f"| {' | '.join(each.replace('|', ' ') for each in row)} |" for row in table)
        + "\n"
    )


def _left_out(comparison: Comparison) -> str:
    """Arms whose runs were made and don't count, and the first one's reasons; mostly nothing."""
    why: dict[str, str] = {}
    for run in comparison.left_out:
        if run.metrics:
            why.setdefault(run.arm, f"{run.verdict}, {run.why}")
    return "".join(f"Left out: {arm} ({said}).\n" for arm, said in why.items())


def _origin(comparison: Comparison) -> str:
    """How many runs count, and the machine, day and commit that they are of."""
    counting = sum(run.counts for run in comparison.runs)
    facts = dict(provenance(comparison))
    said = [", ".join(map(_shortened, facts[term])) for term in NAMED if term in facts]
    share = (
        f"{counting} of {len(comparison.runs)} runs" if comparison.left_out else f"{counting} runs"
    )
    return f"<sub>{'; '.join([share, *said])}</sub>\n"


def _shortened(fact: str) -> str:
    """With as much of a commit's hash as names it."""
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28}\b", r"commit \1", fact)
