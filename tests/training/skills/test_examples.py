"""Examples are repeatable, varied, short, and those held out share no filler with the others."""

import json
import re

import pytest

from pipeline.training.skills import words
from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example
from pipeline.training.skills.recipes import SKILLS

NUMBERS = range(200)

FORMS = {
    "bash": r"(find|rm|wc|tail|head|grep|du|sort|cp|tar|chmod) \S.*",
    "docstrings": r'"""[^"]+\."""',
    "extraction": r'\{"name": .*\}',
    "logs": r"(1 (ERROR|WARN): .+ on \w+ at \d\d:\d\d|Nothing wrong: 3 routine lines)\.",
    "pirate": r"(Arr|Ahoy|Aye), .+!",
    "sql": r"SELECT .+ FROM .+;",
    "titles": r"# [A-Z].*",
    "triage": r"KIND: \w+ \| PRIORITY: \w+ \| TEAM: \w+",
}


def examples(skill: str, held_out: bool) -> list[Example]:
    return [SKILLS[skill].example(Draw(skill, number, held_out)) for number in NUMBERS]


@pytest.mark.parametrize("skill", SKILLS)
def test_a_number_gives_the_same_example_and_numbers_differ(skill: str) -> None:
    drawn = examples(skill, held_out=False)
    assert drawn == examples(skill, held_out=False)
    assert len(set(drawn)) > len(NUMBERS) / 3


@pytest.mark.parametrize("skill", SKILLS)
def test_no_question_is_on_both_sides(skill: str) -> None:
    trained = {each.question for each in examples(skill, held_out=False)}
    assert not trained & {each.question for each in examples(skill, held_out=True)}


@pytest.mark.parametrize("skill", SKILLS)
@pytest.mark.parametrize("held_out", [False, True])
def test_an_answer_has_its_skills_form_and_no_others(skill: str, held_out: bool) -> None:
    for _, answer in examples(skill, held_out):
        assert [name for name, form in FORMS.items() if re.fullmatch(form, answer)] == [skill]


@pytest.mark.parametrize("held_out", [False, True])
def test_facts_that_are_extracted_stand_in_the_sentence(held_out: bool) -> None:
    for question, answer in examples("extraction", held_out):
        assert all(str(fact) in question for fact in json.loads(answer).values())


def test_every_list_of_words_has_no_word_twice() -> None:
    lists = [each for each in vars(words).values() if isinstance(each, tuple)]
    assert lists
    for each in lists:
        assert len(set(each)) == len(each) >= 10


def test_the_split_is_whole_and_has_no_overlap() -> None:
    some = tuple(range(17))
    trained, held_out = (
        {Draw("any", number, side).word(some) for number in range(500)} for side in (False, True)
    )
    assert held_out == {4, 9, 14} and trained == set(some) - held_out
