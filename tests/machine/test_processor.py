"""Two processors of one name are two processors."""

from pathlib import Path

import pytest

from pipeline.machine.processor import name_of, processor

ZEN = """processor	: {cpu}
vendor_id	: AuthenticAMD
cpu family	: 25
model		: {model}
model name	: AMD EPYC
stepping	: 1
microcode	: 0x1000065
flags		: fpu avx2 {flags}

"""
ARM = """processor	: 0
Features	: fp asimd i8mm
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd40
CPU revision	: 1
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(text)
    return path


def zen(folder: Path, model: int, flags: str) -> Path:
    return written(folder, "".join(ZEN.format(cpu=n, model=model, flags=flags) for n in (0, 1)))


def test_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    third = processor(zen(tmp_path, 1, ""))
    fourth = processor(zen(tmp_path, 17, "avx512f sha_ni"))
    assert third["model"] == fourth["model"] == "AMD EPYC"
    assert name_of(third) == "AMD EPYC (family 25, model 1, stepping 1)"
    assert name_of(fourth) == "AMD EPYC (family 25, model 17, stepping 1)"
    assert third["flags"] == ["avx2", "fpu"]
    assert fourth["flags"] == ["avx2", "avx512f", "fpu", "sha_ni"]
    assert third["vendor"] == "AuthenticAMD"


def test_arm_has_names_of_its_own(tmp_path: Path) -> None:
    found = processor(written(tmp_path, ARM))
    assert (found["vendor"], found["family"], found["model_number"]) == (0x41, 8, 0xD40)
    assert (found["stepping"], found["flags"]) == (1, ["asimd", "fp", "i8mm"])


@pytest.mark.parametrize("text", ["", "nonsense\n\n"])
def test_what_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    found = processor(written(tmp_path, text))
    assert (found["family"], found["stepping"], found["flags"]) == (None, None, [])


def test_a_record_of_before_has_the_name_alone() -> None:
    assert name_of({"model": "AMD EPYC", "flags": ["avx2"]}) == "AMD EPYC"
