"""The bodies of `/v1/load_lora_adapter` and `/v1/unload_lora_adapter`, as vLLM has them."""

from pydantic import BaseModel, ConfigDict


class LoadRequest(BaseModel):
    """An adapter to serve."""

    model_config = ConfigDict(extra="ignore")

    lora_name: str | None = None
    lora_path: str | None = None
    load_inplace: bool | None = False


class UnloadRequest(BaseModel):
    """An adapter to serve no more."""

    model_config = ConfigDict(extra="ignore")

    lora_name: str | None = None
