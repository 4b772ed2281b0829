"""Where the project's own files are: in its checkout, or in the package that was installed."""

import os
from functools import partial
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ASSETS = PACKAGE / "assets"
"""What is kept with the code."""

_BESIDE = PACKAGE.parent
CHECKOUT = _BESIDE if (_BESIDE / "pyproject.toml").is_file() else None
"""The repository that the package stands in; None of one that was installed from a wheel."""

CONF = CHECKOUT / "conf" if CHECKOUT else PACKAGE / "conf"
"""The groups of the configuration."""

ROOT = CHECKOUT or Path.cwd()
"""Where `runs/` and `mlruns/` are, unless `paths.` says otherwise."""


def user_cache() -> Path:
    """The user's folder for what is made once a machine: `$XDG_CACHE_HOME` or `~/.cache`, ours."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multilora"


def register() -> None:
    """Let `conf/paths/` name them: `${project_root:}` and `${project_assets:}`."""
    from omegaconf import OmegaConf

    places = {"project_root": ROOT, "project_assets": ASSETS}
    for name, place in places.items():
        OmegaConf.register_new_resolver(name, partial(str, place), replace=True)
