"""What `engine=openai` is told: which server, and how it is asked."""

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.variants import FILELESS
from pipeline.engines.llama_cpp.files import Origin
from pipeline.engines.openai.address import check_address, key_header
from pipeline.engines.openai.body import NAMES, BodyMaker, Endpoint
from pipeline.engines.openai.keys import check_fields
from pipeline.engines.openai.launch import Launch
from pipeline.engines.openai.naming import Field as NamingField
from pipeline.engines.openai.naming import ModelNames, Naming
from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.inference.capabilities import Capabilities
from pipeline.settings import STRICT, kept

ASK_S = 10
"""Seconds in which a server must say what it serves, before a run."""
SAID = ("prompt", "messages", "stream", "model")
"""Fields that every request says by itself."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class OpenAiOptions(EngineSettings):
    """Which server, how it is asked, and how it is started if it is to be.

    Attributes:
        name: what the user typed.
        precision: of the weights that the server computes with, which decides how faithful it has
            to be; nothing else depends on it but the GGUF file of `{gguf}`.
        base_url: of the server; one that is launched gets an address of its own.
        prefix: what the server's paths begin with.
        api_key_env: variable of the environment that holds the key; None for a server without.
        endpoint: `completions`, or `chat`, where a prompt is what a user says.
        send: prompts as `text`, which the server tokenises, or as token `ids`.
        model: the base model's name there; None takes the first that it lists.
        adapter_field: what of a request names its adapter.
        adapter_spelling: an adapter's name there, made of `{base}` and `{name}`.
        adapter_names: other names for some adapters; numbers, where `adapter_field` is `lora`.
        fields: other names for fields of the request, by ours; None for those it doesn't take.
        extra: fields of every request besides.
        timeout_s: seconds after which a request is given up.
        metrics: path of Prometheus' metrics, kept before and after the measuring; None for none.
        launch: the server is started; None where it runs already.
        cache: where GGUF files are kept that are written from safetensors.
    """

    name: str
    cache: Path = kept()
    precision: Literal[
        "unknown", "fp32", "bf16", "fp16", "int8", "int4", "f32", "f16", "q8_0", "q4_0", "q4_k_m"
    ] = "unknown"
    base_url: str = "http://127.0.0.1:8000"
    prefix: Annotated[str, Field(pattern=r"^(/[\w.-]+)*$")] = "/v1"
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    endpoint: Endpoint = "completions"
    send: Literal["text", "ids"] = "ids"
    model: str | None = None
    adapter_field: NamingField = "model"
    adapter_spelling: str = "{name}"
    adapter_names: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str | None] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 600
    metrics: str | None = "/metrics"
    launch: Launch | None = None
    capabilities: ClassVar[Capabilities] = Capabilities(
        mixes_adapters=True, cancels=True, per_request_sampling=True
    )
    variants: ClassVar[frozenset[str]] = frozenset({FILELESS})

    def __post_init__(self) -> None:
        check_address(self.base_url)
        if unknown := sorted(self.fields.keys() - NAMES.keys()):
            raise UsageError(
                f"engine.fields.{unknown[0]}: is no field of a request; there are "
                f"{', '.join(NAMES)}"
            )
        if taken := sorted({*SAID, self.adapter_field} & self.extra.keys()):
            raise UsageError(
                f"engine.extra.{taken[0]}: the run itself says that; see sampling and workload"
            )
        check_fields(self.extra)
        if self.endpoint == "chat" and self.send == "ids":
            raise UsageError("engine.endpoint=chat takes text; engine.send=text belongs to it")
        if "{name}" not in self.adapter_spelling:
            raise UsageError(
                f"engine.adapter_spelling={self.adapter_spelling}: has no {{name}} in it, so all "
                "adapters would be called alike"
            )

    @property
    def address(self) -> str:
        """Of the server, without what all paths begin with."""
        return self.base_url.rstrip("/").removesuffix(self.prefix)

    @property
    def headers(self) -> dict[str, str]:
        """Of every request.

        Raises:
            UsageError: the key isn't there, or can't be one.
        """
        return key_header(self.api_key_env) if self.api_key_env is not None else {}

    @property
    def body_fields(self) -> dict[str, str | None]:
        """Of requests, by our names; None for those that the server doesn't take."""
        return {**NAMES, **self.fields}

    def maker(self, names: ModelNames) -> BodyMaker:
        """Of the bodies of requests.

        Args:
            names: what the server calls its models.
        """
        return BodyMaker(self.endpoint, names, self.body_fields, self.extra, self.prefix)

    def origin(self) -> Origin:
        """Of the GGUF files that a launched server reads."""
        return Origin(self.precision, None, {}, self.cache)

    def ask(self, address: str, adapters: Mapping[str, Adapter]) -> ModelNames:
        """What a server calls base and adapters.

        Raises:
            UsageError: it isn't there, or doesn't serve what is asked for.
        """
        from pipeline.engines.openai.catalogue import model_names
        from pipeline.engines.openai.session import ServerSession

        given = self._numbered(adapters) if self.launch else self.adapter_names
        naming = Naming(self.adapter_field, self.model, self.adapter_spelling, given)
        with ServerSession(address, self.headers) as session:
            get = partial(session.get, seconds=ASK_S)
            return model_names(get, address, self.prefix, naming, [*adapters])

    def _numbered(self, adapters: Mapping[str, Adapter]) -> Mapping[str, str]:
        """A launched llama-server has its adapters in the order in which they were given."""
        if self.adapter_field != "lora":
            return self.adapter_names
        return {name: str(number) for number, name in enumerate(adapters)}
