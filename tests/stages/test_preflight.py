"""Before any job is started, everything that a request names is asked whether it can be served."""

from dataclasses import replace

import pytest

from pipeline.engines.merged import Settings as Merged
from pipeline.engines.noop import Settings as Noop
from pipeline.errors import UsageError
from pipeline.stages.preflight import preflight


@pytest.fixture
def asked(monkeypatch):
    """What every engine of the kind `noop` and `merged` was asked about."""
    seen = []

    def check(self, checkpoint, adapters):
        seen.append((self.name, checkpoint.architecture.family, len(adapters)))

    for kind in (Noop, Merged):
        monkeypatch.setattr(kind, "check", check)
    return seen


def test_the_engine_and_the_reference_of_every_job_are_asked_once(config, asked):
    one = config("engine=noop", "adapters.count=2")
    with_reference = replace(one.fidelity, reference=Merged(name="merged"))
    jobs = [replace(one, fidelity=with_reference, repeat=repeat) for repeat in range(9)]
    preflight([*jobs, config("engine=noop", "adapters.count=3", "fidelity.enabled=false")])
    assert asked == [("noop", "llama", 2), ("merged", "llama", 2), ("noop", "llama", 3)]


def test_a_refusal_of_the_reference_is_the_requests(config, monkeypatch):
    def check(self, checkpoint, adapters):
        raise UsageError("not with me")

    one = config("engine=noop")
    monkeypatch.setattr(type(one.fidelity.reference), "check", check)
    with pytest.raises(UsageError, match="not with me"):
        preflight([one])


def test_what_is_made_later_is_judged_by_what_it_will_be(config, asked, tmp_path):
    overrides = ("model=synthetic", "model.shape=llama-160m", "adapters=synthetic")
    preflight([config(*overrides, "adapters.count=50", f"paths.cache={tmp_path}", "engine=noop")])
    assert ("noop", "llama", 50) in asked
    assert not [*tmp_path.iterdir()]
