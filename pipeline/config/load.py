"""From a composed configuration to a typed one; what is wrong with it is one line."""

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import ValidationError

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError, causes, fault

OF_THE_CALL = ("hydra", "launcher")
"""Sections that say how jobs are composed and where they run: no part of what any of them is."""


def resolve(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain values, without what is about the call alone.

    Raises:
        UsageError: a mandatory value is missing or an interpolation leads nowhere.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        key = str(error).split(":")[-1].strip().splitlines()[0]
        raise UsageError(f"{error.full_key or key} is needed: give {error.full_key}=…") from error
    except OmegaConfBaseException as error:
        where = f"{error.full_key}: " if error.full_key else ""
        raise UsageError(where + str(error).splitlines()[0]) from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key not in OF_THE_CALL}


def written(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain values, interpolations as they were written."""
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key not in OF_THE_CALL}


def built(values: dict[str, Any]) -> Any:
    """What plain values name by their `_target_`, validated.

    Raises:
        UsageError: a key is unknown or a value impossible; the message names both.
    """
    try:
        return instantiate(values, _convert_="all")
    except InstantiationException as error:
        raise _explain(error) from error


def load(values: dict[str, Any]) -> RunConfig:
    """Build and validate the configuration of a run from plain values.

    Raises:
        UsageError: as `built`, or it isn't a run's.
    """
    config = built(values)
    if not isinstance(config, RunConfig):
        raise UsageError("the configuration is not one of a run: its _target_ names no RunConfig")
    return config


def _explain(error: InstantiationException) -> UsageError:
    for cause in causes(error):
        if isinstance(cause, UsageError):
            return cause
        if isinstance(cause, ValidationError):
            return UsageError(_fault(cause, error))
    return UsageError(" ".join(str(error).split()))


def _fault(invalid: ValidationError, error: InstantiationException) -> str:
    first = invalid.errors()[0]
    text = str(error)
    full_key = text.rpartition("full_key: ")[2].strip() if "full_key: " in text else ""
    names = [part for part in (full_key, *map(str, first["loc"])) if part]
    key = ".".join(names)
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{key}: no such setting; --cfg job shows what there is"
    if first["type"] in ("missing", "missing_argument"):
        return f"{key}: is needed"
    if first["type"] == "dataclass_type":
        given = "null" if first["input"] is None else first["input"]
        return f"{key}={given}: is a section, with settings of its own; --cfg job shows them"
    return fault(invalid, full_key)
