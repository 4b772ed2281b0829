"""PEFT's engines serve what comes after an adapter that has gone as if it had never been there."""

import itertools

import numpy as np
import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.models.checkpoint import Checkpoint
from tests.added_tokens import save
from tests.fuzz.small_checkpoints import make

IDS, GIVEN = [5, 6, 7, 8], [9, 10, 11]
KINDS = {
    "low-rank": {"target_modules": ["q_proj", "v_proj"]},
    "whole": {"target_modules": ["up_proj"], "modules_to_save": ["v_proj"]},
    "head": {"target_modules": ["o_proj"], "modules_to_save": ["lm_head"]},
    "parameters": {"target_modules": [], "target_parameters": ["self_attn.v_proj.weight"]},
}
ENGINES = {"peft_hotswap": PeftHotswapSettings, "peft_mixed": PeftMixedSettings}
AFTER = [
    *(("peft_hotswap", *pair) for pair in itertools.permutations(KINDS, 2)),
    ("peft_mixed", "low-rank", "low-rank"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return Checkpoint.open(make("llama", tmp_path_factory.mktemp("base") / "it"))


@pytest.fixture(scope="module")
def root(base, tmp_path_factory):
    root = tmp_path_factory.mktemp("adapters")
    for seed, (name, said) in enumerate(KINDS.items()):
        save(root / name, base, seed=seed, **said)
    return root


@pytest.fixture
def engine(base, root):
    """An engine that has been given no adapters, or these."""

    def made(kind, *names):
        opened = {name: Adapter.open(name, root / name, base.config) for name in names}
        return ENGINES[kind](name=kind).build(Serving(base, opened, threads=1))

    return made


@pytest.mark.parametrize(("kind", "gone", "next_"), AFTER)
def test_an_adapter_comes_after_another_has_gone(kind, gone, next_, engine, root):
    with engine(kind, next_) as entered:
        wanted, bare = entered.score(next_, IDS, GIVEN), entered.score(None, IDS, GIVEN)
    with engine(kind) as entered:
        entered.add_adapter(gone, root / gone)
        assert not np.allclose(entered.score(gone, IDS, GIVEN), bare, atol=1e-4)
        entered.remove_adapter(gone)
        entered.step()
        np.testing.assert_allclose(entered.score(None, IDS, GIVEN), bare, atol=1e-5)
        entered.add_adapter(next_, root / next_)
        np.testing.assert_allclose(entered.score(next_, IDS, GIVEN), wanted, atol=1e-5)
        np.testing.assert_allclose(entered.score(None, IDS, GIVEN), bare, atol=1e-5)
