"""What is wrong is one line, whoever says it."""

import pytest
from pydantic import BaseModel, Field, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.errors import fault, in_a_line
from pipeline.files.documents import Unreadable, reading
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Places:
    cpus: int = Field(gt=0)
    name: str = ""


class Row(BaseModel):
    at: list[float]


def invalid(make):
    with pytest.raises(ValidationError) as raised:
        make()
    return raised.value


FAULTS = {
    "cpus=0: input should be greater than 0": lambda: Places(cpus=0),
    "cpus=many: input should be a valid integer": lambda: Places(cpus="many"),
    "cpus: input should be a valid integer": lambda: Places(cpus=[1]),
    "cpus: field required": lambda: Places(),
    "gpus=1: ": lambda: Places(cpus=1, gpus=1),
    "at.1=x: input should be a valid number": lambda: Row(at=[0, "x"]),
    "invalid JSON": lambda: Row.model_validate_json("{"),
}


@pytest.mark.parametrize("said", FAULTS)
def test_what_settings_have_against_a_value_is_said_without_their_library_s_words(said):
    error = invalid(FAULTS[said])
    line = in_a_line(error)
    assert fault(error).startswith(said) and line == f"{error.title}: {fault(error)}"
    for word in ("\n", "validation error", "pydantic", "input_value", "[type"):
        assert word not in line
    assert fault(error, "launcher").startswith("launcher")


def test_a_long_value_is_shortened():
    assert len(fault(invalid(lambda: Places(cpus="9" * 5000)))) < 300


def test_a_file_that_holds_such_a_value_is_named_with_it(tmp_path):
    with pytest.raises(Unreadable) as raised, reading(tmp_path / "status.json"):
        Places(cpus=0)
    assert str(raised.value) == (
        f"{tmp_path}/status.json: can't be read: Places: cpus=0: input should be greater than 0"
    )
