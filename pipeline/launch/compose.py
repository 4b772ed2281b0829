"""Hydra reads the command line and composes every job; nothing is run."""

import os
import sys
import warnings
from argparse import Namespace

import hydra
from hydra.errors import MissingConfigException

from pipeline import places
from pipeline.config.renamed import spelled_today
from pipeline.errors import UsageError
from pipeline.launch.config_loader import CachedConfigLoader, composed_once
from pipeline.launch.flags import read_flags
from pipeline.launch.grammar import parsed
from pipeline.launch.plan import Plan
from pipeline.launch.refusals import Refusals
from pipeline.launch.vocabulary import Vocabulary
from pipeline.places import CONF


def compose() -> Plan:
    """The jobs of the command line, typed.

    Raises:
        UsageError: the command line asks for something that isn't there.
    """
    renamed = {each: new for each in sys.argv[1:] if (new := spelled_today(each)) != each}
    sys.argv[1:] = [renamed.get(each, each) for each in sys.argv[1:]]
    flags = read_flags(sys.argv[1:])
    parsed(flags.overrides)
    plan = Plan(renamed=renamed)
    try:
        _compose_into(plan)
    except (UsageError, KeyboardInterrupt):
        plan.tidy()
        raise
    except MissingConfigException as error:
        raise _refused(error, flags) from error
    except OSError as error:
        plan.tidy()
        raise UsageError(
            f"{error.filename}: {error.strerror}; hydra.run.dir=…, hydra.sweep.dir=… or "
            "paths.runs=… names another place"
        ) from error
    except Exception as error:  # Hydra's, of whatever type: what it calls here only takes notes
        raise _refused(error, flags) from error
    return plan


def _compose_into(plan: Plan) -> None:
    places.register()
    os.environ["HYDRA_FULL_ERROR"] = "1"
    with composed_once(), warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning, module=r"hydra\.")
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(plan.take)()
    plan.unfit = dict(CachedConfigLoader.left_out)
    plan.build()


def _refused(error: Exception, flags: Namespace) -> UsageError:
    """What Hydra refused, in a line of ours."""
    vocabulary = Vocabulary(CONF, flags.config_dir)
    return Refusals(parsed(flags.overrides), vocabulary).line(error)
