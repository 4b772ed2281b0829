"""LoRA adapters as GGUF files."""

import hashlib
from pathlib import Path

from pipeline.adapters.adapter import Adapter
from pipeline.errors import UsageError
from pipeline.files.atomic import whole_file
from pipeline.models.config import ModelConfig

FORMAT = 1
"""Of the files written here; another number makes them anew."""


def gguf_adapter_of(adapter: Adapter, model: ModelConfig, cache: Path) -> Path:
    """The adapter as a GGUF file, from the cache or written now, whole or not at all.

    Args:
        adapter: it fits the model, which opening it has checked.
        model: the base model's configuration.
        cache: folder; the file lies in its subfolder `gguf`.

    Raises:
        UsageError: the adapter is more than plain LoRA, which llama.cpp can't apply.
    """
    if found := adapter.lora.unusual():
        raise UsageError(
            f"{adapter.folder}: {adapter.name} has {', '.join(found)}, which llama.cpp can't "
            "apply; use engine=peft_hotswap"
        )
    recipe = f"{adapter.fingerprint()}\n{model!r}\n{FORMAT}"
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    path = cache / "gguf" / f"{key}-lora.gguf"
    if not path.is_file():
        with whole_file(path) as draft:
            _write(adapter, model, draft)
    return path


def _write(adapter: Adapter, model: ModelConfig, path: Path) -> None:
    import gguf

    from pipeline.gguf.adapter_tensors import alpha_of, tensors
    from pipeline.gguf.layout import gguf_architecture

    writer = gguf.GGUFWriter(path, gguf_architecture(model))
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_name(adapter.name)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha_of(adapter))
        for name, values in tensors(adapter, model):
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
