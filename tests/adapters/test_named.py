"""Adapters of which nothing but the name is known."""

import pytest

from pipeline.errors import UsageError
from pipeline.stages.preflight import preflight

NAMED = ("adapters=named", "adapters.adapter_names=[a,b]")


def test_an_engine_that_needs_files_says_so_and_who_needs_none(config):
    line = r"engine=multilora can't serve a \(named alone, without files\); use engine=openai"
    with pytest.raises(UsageError, match=line):
        preflight([config(*NAMED, "fidelity.enabled=false")])


def test_nor_can_a_server_be_started_with_them(config):
    with pytest.raises(UsageError, match="a server that is started needs files of a"):
        preflight([config(*NAMED, "arm=server_multilora_fp32", "fidelity.enabled=false")])


@pytest.mark.parametrize(
    ("names", "line"), [("[]", "at least 1"), ("[a,a]", "has 'a' twice"), ("[base]", "rename it")]
)
def test_names_are_checked(names, line, config):
    with pytest.raises(UsageError, match=line):
        config("adapters=named", f"adapters.adapter_names={names}")
