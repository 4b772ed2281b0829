"""Habits are repeatable, varied, and told from one another by their signs."""

from random import Random

import pytest

from pipeline.training.adapters import RECIPES
from pipeline.training.habits import HABITS, SIGNS, passage, shows

SEEDS = range(100)


def test_every_habit_has_a_recipe_and_a_sign() -> None:
    assert set(HABITS) == set(SIGNS) == set(RECIPES)


@pytest.mark.parametrize("habit", HABITS)
def test_a_seed_gives_the_same_passage_and_seeds_differ(habit: str) -> None:
    passages = [passage(habit, Random(seed)) for seed in SEEDS]
    assert passages == [passage(habit, Random(seed)) for seed in SEEDS]
    assert len(set(passages)) == len(SEEDS)


@pytest.mark.parametrize("habit", HABITS)
def test_a_passage_shows_its_own_habit_and_no_other(habit: str) -> None:
    for seed in SEEDS:
        text = passage(habit, Random(seed))
        assert [name for name in HABITS if shows(name, text)] == [habit]


@pytest.mark.parametrize("habit", HABITS)
def test_one_piece_is_enough_to_tell(habit: str) -> None:
    assert all(shows(habit, passage(habit, Random(seed), 1)) for seed in SEEDS)
