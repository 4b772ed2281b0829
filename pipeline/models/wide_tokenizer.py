"""A tokenizer for a vocabulary larger than the one it was trained with."""

import json
from pathlib import Path


def widen(source: Path, folder: Path, vocabulary: int) -> None:
    """Write the byte-level tokenizer of `source` into `folder`, with every id below `vocabulary`.

    Ids beyond its own stand for visible fillers that no text encodes to, so that whatever a
    model with random weights generates can be decoded.
    """
    document = json.loads(source.read_text("utf-8"))
    vocab: dict[str, int] = document["model"]["vocab"]
    used = {*vocab.values(), *(token["id"] for token in document["added_tokens"])}
    vocab.update({f"<{id_}>": id_ for id_ in range(vocabulary) if id_ not in used})
    (folder / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), "utf-8")
