"""Every choice of `launcher=` is a launcher, with the settings that its YAML gives it."""

from pathlib import Path

import pytest
import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf

from pipeline.launch.launchers.launcher import Launcher

CHOICES = sorted((Path(__file__).parents[3] / "conf" / "launcher").glob("*.yaml"))


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.stem)
def test_every_choice_is_a_launcher_that_refuses_what_it_has_no_setting_for(path):
    node = yaml.safe_load(path.read_text("utf-8"))
    whole = OmegaConf.create({"paths": {"cache": "cache"}, "launcher": node})
    assert isinstance(instantiate(whole.launcher, _convert_="all"), Launcher)
    with pytest.raises(Exception, match="no_such_setting"):
        instantiate(whole.launcher, no_such_setting=1, _convert_="all")
