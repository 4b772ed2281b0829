"""A model in a GGUF file as a checkpoint: a folder of what it says, the weights where they lie."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.atomic import whole_folder
from pipeline.gguf.file import GgufFile
from pipeline.gguf.ready_made import check_base
from pipeline.gguf.stored_config import config_in
from pipeline.gguf.stored_tokenizer import ARRAYS, tokenizer_config_in, tokenizer_in
from pipeline.gguf.tensor_file import weights_in
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import CONFIG, GENERATION, ModelConfig
from pipeline.models.content_hash import sha256_of
from pipeline.models.tokenizer import TOKENIZER, TOKENIZER_CONFIG

FORMAT = 3
"""Of the folders written here; another number makes them anew."""
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
_STRANGE = re.compile(r"^\.+|[^\w.-]", re.ASCII)


def checkpoint_of(path: Path, cache: Path) -> Checkpoint:
    """The model of a GGUF file as a checkpoint, whose weights are read from the file itself.

    Every number of them is looked at when a file of that content is met for the first time.

    Args:
        path: the file.
        cache: folder; in its subfolder `models` lie configuration and tokenizer, from before or
            made now, whole or not at all.

    Raises:
        UsageError: it isn't a model that can be served here; the message names the file and why.
    """
    file = GgufFile.read(path, ARRAYS)
    key = hashlib.sha256(f"{sha256_of(path)}\n{FORMAT}".encode()).hexdigest()[:12]
    folder = cache / "models" / f"{re.sub(_STRANGE, '_', path.stem)[:60]}-{key}"
    if not folder.is_dir():
        with whole_folder(folder) as draft:
            _convert(file, draft)
            try:
                made = _open(draft, file)
            except UsageError as error:
                said = str(error).replace(str(draft), "the checkpoint in it")
                raise UsageError(f"{path}: can't be served: {said}") from error
            made.check_numbers()
    made = _open(folder, file)
    return replace(made, gguf=made.weights.files[0])


def _open(folder: Path, file: GgufFile) -> Checkpoint:
    lying = replace(file, path=file.path.absolute())
    return Checkpoint.open(folder, weights_in(lying, ModelConfig.read(folder)))


def _convert(file: GgufFile, folder: Path) -> None:
    config = config_in(file)
    model = ModelConfig.from_config(config, str(file.path))
    tokenizer, beside = tokenizer_in(file), tokenizer_config_in(file)
    check_base(file, model)
    ends = {key: config[key] for key in _IDS if config[key] is not None} | _end_ids(file, config)
    _write(folder / CONFIG, {"architectures": [_class_of(model)], **config})
    _write(folder / GENERATION, ends)
    _write(folder / TOKENIZER, tokenizer)
    _write(folder / TOKENIZER_CONFIG, beside)


def _end_ids(file: GgufFile, config: Mapping[str, Any]) -> dict[str, list[int]]:
    """All that end an answer: of a text, of a turn, of a message."""
    named = [file.metadata.get(f"tokenizer.ggml.{each}_token_id") for each in ("eot", "eom")]
    found = dict.fromkeys([config.get("eos_token_id"), *named])
    ids = [each for each in found if type(each) is int and each < config["vocab_size"]]
    return {"eos_token_id": ids} if len(ids) > 1 else {}


def _class_of(model: ModelConfig) -> str:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return str(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model.family.name])


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
