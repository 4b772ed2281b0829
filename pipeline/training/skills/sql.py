"""A question about a table, answered by a query."""

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example
from pipeline.training.skills.words import TABLES

ASKED = ("Show", "List", "Give me", "Find")
COMPARED = (("over", ">"), ("under", "<"), ("equal to", "="))
SORTED = ((", lowest {} first", " ORDER BY {}"), (", highest {} first", " ORDER BY {} DESC"))


def sql(draw: Draw) -> Example:
    """Columns of a table, filtered and sorted; or a count, or a mean, by group."""
    table = draw.word(tuple(TABLES))
    return draw.form((_rows, _rows, _mean, _count))(draw, table)


def _rows(draw: Draw, table: str) -> Example:
    first, second, measure, words, sign, number = _condition(draw, table)
    asked = f"{draw.form(ASKED)} the {first} and {second} of all {table}"
    question = f"{asked} with {measure} {words} {number}"
    query = f"SELECT {first}, {second} FROM {table} WHERE {measure} {sign} {number}"
    order, clause = draw.form((*SORTED, ("", "")))
    return Example(f"{question}{order.format(measure)}.", f"{query}{clause.format(measure)};")


def _mean(draw: Draw, table: str) -> Example:
    group, _, measure, *_ = _condition(draw, table)
    return Example(
        f"What is the average {measure} of the {table} for each {group}?",
        f"SELECT {group}, AVG({measure}) FROM {table} GROUP BY {group};",
    )


def _count(draw: Draw, table: str) -> Example:
    _, _, measure, words, sign, number = _condition(draw, table)
    return Example(
        f"How many {table} are there with {measure} {words} {number}?",
        f"SELECT COUNT(*) FROM {table} WHERE {measure} {sign} {number};",
    )


def _condition(draw: Draw, table: str) -> tuple[str, str, str, str, str, int]:
    """Two names of things, a measure, how it is compared in words and in SQL, and with what."""
    things, measures = TABLES[table]
    first, second, *_ = draw.order(things)
    return first, second, draw.form(measures), *draw.form(COMPARED), draw.number(2, 99) * 10
