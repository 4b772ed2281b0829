"""MLflow's pages over the runs: `python -m pipeline.tracking.ui [OVERRIDE …]`, or `make ui`.

Overrides are those that the runs were made with, such as `paths.mlruns=/data/mlruns`: they name the
store that is served. Exit codes: 1 the store can't be used; 2 the request itself was wrong; else
those of MLflow's server.
"""

import os
import socket
import sys
from collections.abc import Sequence
from contextlib import closing

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from pipeline import places
from pipeline.errors import UsageError, causes, fault
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.tracking.mlflow_page import HOST, PORT, link
from pipeline.tracking.mlflow_store import is_http, public
from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.tracker import TrackingUnavailable

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the store ready, print where the runs are to be seen, and become MLflow's server."""
    parser = Arguments(prog="python -m pipeline.tracking.ui", description=__doc__)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="as the runs had them")
    parser.add_argument("--port", type=int, default=PORT, help="of the pages (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        settings = chosen(options.overrides)
        if not is_http(settings.uri):
            _refuse_taken(options.port)
        identity = MlflowTracker(settings).experiment_id()
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except TrackingUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    if is_http(settings.uri):
        print(f"served there already: {link(public(settings.uri), identity)}")
        return 0
    print(f"{public(settings.uri)}, in some seconds at", flush=True)
    print(f"  {link(f'http://{HOST}:{options.port}', identity)}", flush=True)
    os.execve(sys.executable, server(settings, options.port), os.environ | QUIET)


def chosen(overrides: Sequence[str]) -> MlflowSettings:
    """The settings that a run with these overrides has, in this environment.

    Raises:
        UsageError: they can't be composed, or choose no MLflow.
    """
    places.register()
    try:
        with initialize_config_dir(str(places.CONF), version_base="1.3"):
            composed = compose("config", list(overrides)).tracking
            settings = instantiate(OmegaConf.to_container(composed, resolve=True))
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise UsageError(_refusal(error)) from error
    if not isinstance(settings, MlflowSettings):
        raise UsageError("these overrides choose no MLflow: leave tracking= out")
    return settings.in_environment()


def _refusal(error: Exception) -> str:
    """What its settings had against a value, or else what Hydra said."""
    own = (each for each in causes(error) if isinstance(each, ValidationError))
    invalid = next(own, None)
    if invalid:
        return fault(invalid, "tracking")
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {str(error).splitlines()[0]}"
    return " ".join(str(error).split())


def server(settings: MlflowSettings, port: int) -> list[str]:
    """The command of MLflow's server over the store, for one user on this machine."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", settings.uri),
        *("--artifacts-destination", settings.artifact_location() or settings.artifact_root),
        *("--host", HOST, "--port", str(port)),
    ]


def _refuse_taken(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"port {port} can't be had ({error}): is MLflow served there already? Else give "
                "another one: --port 5001"
            ) from error


if __name__ == "__main__":
    command(main)
