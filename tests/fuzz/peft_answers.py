"""What PEFT itself makes of an adapter's folder."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftConfig, get_peft_model
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from pipeline.config.run_config import RunConfig
from pipeline.stages.prepare import Prepared
from tests.fuzz.served_alike import CONTINUATION


class NotWhole(Exception):
    """PEFT loads it with a tensor missing or left over: it would serve something else."""


class PeftAnswers:
    """A base model, and PEFT's answers with any adapter on it."""

    def __init__(self, base: Path) -> None:
        disable_progress_bar()
        set_verbosity_error()
        self._base = AutoModelForCausalLM.from_pretrained(
            str(base), dtype=torch.float32, attn_implementation="sdpa"
        ).eval()

    def model(self, folder: Path) -> Any:
        """The base with that adapter, loaded by PEFT's own reading of its folder.

        Raises:
            Exception: whatever PEFT raises; NotWhole.
        """
        config = PeftConfig.from_pretrained(str(folder))
        config.inference_mode, config.init_lora_weights = True, True
        model: Any = get_peft_model(deepcopy(self._base), config)
        found = model.load_adapter(str(folder), "default", use_safetensors=True, torch_device="cpu")
        if wrong := [*found.missing_keys, *found.unexpected_keys]:
            raise NotWhole(wrong[0])
        if untouched := self._changed(model):
            raise NotWhole(f"{untouched} of the base is another")
        return model.eval()

    @torch.inference_mode()
    def logits(self, folder: Path | None, prompt: tuple[int, ...]) -> Any:
        """Of each token of the continuation; None asks the base alone."""
        model = self._base if folder is None else self.model(folder)
        ids = torch.tensor([[*prompt, *CONTINUATION[:-1]]])
        found = model(input_ids=ids, use_cache=False, logits_to_keep=len(CONTINUATION)).logits
        return found[0].float().numpy()

    def of_requests(self, job: RunConfig, ready: Prepared) -> dict[int, np.ndarray[Any, Any]]:
        """Of a whole trace, each request with its adapter."""
        folders = {each.name: each.folder for each in ready.adapters}
        return {
            each.id: self.logits(folders[each.adapter] if each.adapter else None, each.prompt_ids)
            for each in ready.trace.requests
        }

    def _changed(self, model: Any) -> str:
        """Name of a weight of the base that loading the adapter has changed."""
        own = dict(self._base.named_parameters())
        for name, found in model.named_parameters():
            plain = name.removeprefix("base_model.model.").replace(".base_layer.", ".")
            plain = plain.replace(".original_module.", ".").replace(".token_adapter.", ".")
            if plain in own and not torch.equal(own[plain], found):
                return name
        return ""
