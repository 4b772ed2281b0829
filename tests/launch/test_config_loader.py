"""Jobs that are composed from shared choices are those that Hydra composes from its files."""

from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline import places
from pipeline.launch.config_loader import CachedConfigLoader, composed_once

ROOT = Path(__file__).parents[2]


@pytest.fixture
def loaders() -> Any:
    """Hydra's own loader, ours, and the configuration both make jobs of."""
    places.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        own = GlobalHydra.instance().config_loader()
        assert isinstance(own, ConfigLoaderImpl)
        ours = CachedConfigLoader(own.get_search_path())
        master = own.load_configuration("config", ["hydra.sweep.dir=/somewhere"], RunMode.MULTIRUN)
        HydraConfig.instance().set_config(master)
        yield own, ours, master


@pytest.mark.parametrize(
    "jobs",
    [
        [["engine=merged", "workload.alpha=0"], ["engine=merged", "workload.alpha=2"]],
        [["workload.alpha=2", "+experiment=capacity"], ["+experiment=capacity", "threads=3"]],
        [["arm=llama_cpp_q8_0", "repeat=1"], ["arm=multilora_int8", "repeat=1"]],
        [["workload/popularity=drift", "workload/popularity@workload.popularity.base=uniform"]],
        [["~workload.seeds.prompts"], ["+limits.more=1"], ["slo={ttft: 1, tpot: 2}"]],
    ],
)
def test_the_same_as_hydras_own(jobs: list[list[str]], loaders: Any) -> None:
    own, ours, master = loaders
    for job in jobs:
        theirs, mine = (each.load_sweep_config(master, job) for each in (own, ours))
        assert plain(mine) == plain(theirs)


def plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=False)


def test_a_job_leaves_nothing_to_the_next(loaders: Any) -> None:
    _, ours, master = loaders
    ours.load_sweep_config(master, ["workload.alpha=7", "+limits.more=1"])
    after = ours.load_sweep_config(master, ["workload.alpha=1"])
    assert after.workload.alpha == 1 and "more" not in after.limits


@pytest.mark.parametrize("wrong", ["workload.alhpa=1", "engine=warp", "~limits.nothing"])
def test_what_hydra_refuses_is_refused(wrong: str, loaders: Any) -> None:
    own, ours, master = loaders
    for loader in (own, ours):
        with pytest.raises((ConfigCompositionException, HydraException)):
            loader.load_sweep_config(master, [wrong])


def test_hydra_is_itself_again_afterwards() -> None:
    from hydra._internal import hydra as internals

    with composed_once():
        assert internals.ConfigLoaderImpl is CachedConfigLoader
    assert internals.ConfigLoaderImpl is ConfigLoaderImpl
