"""Settings of `engine=openai`: whether what it is told can be had, and the engine that does it."""

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.variants import FILELESS
from pipeline.engines.openai.address import key_header
from pipeline.engines.openai.body import unsaid
from pipeline.engines.openai.options import OpenAiOptions
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.models.checkpoint import Checkpoint
from pipeline.settings import STRICT

GGUF = ("f32", "f16", "q8_0", "q4_0", "q4_k_m")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class OpenAiSettings(OpenAiOptions):
    """A server that runs, or one that is started."""

    def idle(self) -> Mapping[str, str]:
        """An address that nobody looks at."""
        if self.launch is None:
            return {}
        return {"base_url": "a server that is launched gets an address; engine.launch=null would"}

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        from pipeline.engines.openai.engine import OpenAiEngine

        return OpenAiEngine(self, serving)

    def refusal(self, request: Request) -> str | None:
        """What of a request can't be asked of the server."""
        if lacking := unsaid(request.sampling, self.body_fields):
            return f"engine.fields says that the server takes no {' nor '.join(lacking)}"
        return super().refusal(request)

    def check(self, checkpoint: Checkpoint, adapters: Mapping[str, Adapter]) -> None:
        """A server that runs is asked for base and adapters; of another its program is looked for.

        Raises:
            UsageError: it isn't there, or doesn't serve what is asked for.
        """
        super().check(checkpoint, adapters)
        if self.launch is None:
            self.ask(self.address, adapters)
            return
        if self.api_key_env is not None:
            key_header(self.api_key_env)
        if fileless := [name for name, each in adapters.items() if FILELESS in each.lora.unusual()]:
            raise UsageError(
                f"engine.launch: a server that is started needs files of {fileless[0]}; "
                "use adapters=folder"
            )
        self.launch.check()
        if self.launch.needs_gguf:
            self._check_gguf(checkpoint)

    def _check_gguf(self, checkpoint: Checkpoint) -> None:
        from pipeline.gguf.check import check_gguf
        from pipeline.gguf.layout import check_family

        if self.precision not in GGUF:
            raise UsageError(
                f"engine.precision={self.precision}: the launched server reads a GGUF file; use "
                f"one of {', '.join(GGUF)}"
            )
        check_family(checkpoint.config, str(checkpoint.folder))
        check_gguf(checkpoint, self.precision)
