"""How many threads compute unless told otherwise: on machines made of files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.machine.cores import cores, cores_of
from pipeline.machine.kernel_file import format_list, parse_list


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Eight logical processors, two to a core (n and n + 4), in two memory nodes."""
    for cpu in range(8):
        folder = tmp_path / f"cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    for node, cpus in enumerate(("0-1,4-5", "2-3,6-7")):
        folder = tmp_path / f"node/node{node}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(f"{cpus}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("affinity", "quota", "threads"),
    [
        (range(8), None, 4),  # hyperthreads don't count
        ((0, 4), None, 1),  # two of one core
        ((0, 1), None, 2),  # the mask holds
        (range(8), 2.0, 2),  # and so does the quota
        (range(8), 2.9, 2),
        (range(8), 0.5, 1),
        ((0,), 8.0, 1),
    ],
)
def test_physical_cores_within_mask_and_quota(
    affinity: tuple[int, ...], quota: float | None, threads: int, machine: Path
) -> None:
    assert cores_of(tuple(affinity), quota, machine).threads == threads


def test_the_reason_names_what_was_counted(machine: Path) -> None:
    found = cores_of((0, 1, 4, 5), 1.5, machine)
    assert found.reason == "2 physical of 4 logical cores in the affinity mask, a CPU quota of 1.5"
    assert "no CPU quota" in cores_of((0,), None, machine).reason


def test_memory_nodes_are_those_of_the_mask(machine: Path) -> None:
    assert cores_of((0, 5), None, machine).numa_nodes == (0,)
    assert cores_of((1, 2), None, machine).numa_nodes == (0, 1)


def test_without_topology_every_processor_is_a_core(tmp_path: Path) -> None:
    found = cores_of((3, 5), None, tmp_path)
    assert (found.threads, found.numa_nodes) == (2, ())


def test_this_machine_has_some() -> None:
    assert 1 <= cores().threads <= len(cores().affinity)


def test_lists_of_numbers() -> None:
    assert parse_list("0-2,8") == (0, 1, 2, 8)
    assert parse_list("") == ()
    assert format_list((0, 1, 2, 8)) == "0-2,8"
    assert format_list(()) == ""


@given(st.frozensets(st.integers(0, 300)))
def test_a_list_of_numbers_is_read_as_it_was_written(found: frozenset[int]) -> None:
    assert parse_list(format_list(found)) == tuple(sorted(found))
