"""Which settings tell runs apart."""

from pipeline.compare.settings import overridden, shared, short, varying
from pipeline.settings import flatten


def test_a_configuration_laid_flat() -> None:
    config = {"a": {"b": 1, "c": [1, 2]}, "d": None, "e": float("inf")}
    assert flatten(config) == {"a.b": 1, "a.c": "[1, 2]", "d": None, "e": "inf"}


def test_overrides_as_settings() -> None:
    overrides = ["engine=noop", "workload/popularity=zipf", "+workload.alpha=1.5", "repeat=2"]
    assert overridden([*overrides, "workload.sizes=[1,2]", "x={["]) == {
        "engine.name": "noop",
        "workload.popularity.name": "zipf",
        "workload.alpha": 1.5,
        "repeat": 2,
        "workload.sizes": "[1, 2]",
        "x": "{[",
    }


def test_what_all_runs_agree_on() -> None:
    assert shared([{"a": 1, "b": None, "c": 1}, {"a": 1, "b": None, "c": 2}]) == {
        "a": 1,
        "b": None,
    }
    assert shared([]) == {}


def test_settings_that_a_choice_brings_along_do_not_vary() -> None:
    noop = {"engine.name": "noop", "engine.delay": 1, "threads": 2}
    fast = {"engine.name": "fast", "engine.precision": "int4", "threads": 2}
    assert varying([noop, fast]) == ["engine.name"]
    assert varying([noop, fast, fast | {"engine.precision": "int8"}]) == [
        "engine.name",
        "engine.precision",
    ]


def test_bookkeeping_and_repetition_of_another_setting_do_not_vary() -> None:
    runs = [
        {"threads": n, "engine.threads": n, "paths.run": f"runs/{n}", "repeat": n} for n in (1, 2)
    ]
    assert varying(runs) == ["threads"]


def test_column_titles() -> None:
    assert [short(key) for key in ("workload.batch_size", "workload.popularity.name")] == [
        "batch",
        "popularity",
    ]


def test_of_two_equal_settings_the_shallower_one_is_named() -> None:
    runs = [{"workload.popularity.alpha": a, "workload.alpha": a} for a in (0.0, 1.0)]
    assert varying(runs) == ["workload.alpha"]


def test_a_run_in_is_called_so() -> None:
    assert short("workload.run_in.requests") == "run-in requests"
