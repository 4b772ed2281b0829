"""Adapters as they are committed: in fp16, and nothing in them that hangs on a machine or a run."""

from pathlib import Path
from typing import Any


def save_adapter(model: Any, base: str, folder: Path) -> None:
    """Save the adapter of a PEFT model of the base of that name; the model stays as it is."""
    config = model.peft_config["default"]
    config.target_modules = sorted(config.target_modules)
    config.base_model_name_or_path = base
    state = {key: value.half() for key, value in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=state)
    (folder / "README.md").unlink(missing_ok=True)
