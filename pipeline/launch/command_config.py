"""The configuration of a command beside the experiments: a server's, a simulation's."""

from collections.abc import Sequence
from typing import TypeVar

from hydra import compose, initialize_config_dir

from pipeline import places
from pipeline.config.load import built, resolve
from pipeline.errors import UsageError
from pipeline.launch.grammar import parsed
from pipeline.launch.refusals import Refusals
from pipeline.launch.vocabulary import Vocabulary

Config = TypeVar("Config")


def command_config(
    kind: type[Config], primary: str, overrides: Sequence[str], whose: str
) -> Config:
    """What overrides make of the primary file, typed; `whose` it is, for the message.

    Raises:
        UsageError: they ask for something that isn't there, or that is impossible.
    """
    read = parsed(overrides)
    places.register()
    with initialize_config_dir(str(places.CONF), version_base="1.3"):
        try:
            config = compose(primary, list(overrides))
        except Exception as error:  # Hydra's, of whatever type.
            raise Refusals(read, Vocabulary(places.CONF, primary=primary)).line(error) from error
    found = built(resolve(config))
    if not isinstance(found, kind):
        raise UsageError(f"the configuration is not one of a {whose}")
    return found
