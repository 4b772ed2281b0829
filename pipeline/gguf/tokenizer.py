"""The tokenizer inside a GGUF file, so that text goes in and out of any llama.cpp program."""

from pathlib import Path

import gguf

from pipeline.errors import UsageError
from pipeline.gguf.byte_level import byte_level
from pipeline.gguf.sentencepiece import sentencepiece
from pipeline.gguf.vocabulary import GgufVocabulary
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.files import read_object
from pipeline.models.tokenizer import MAX_TOKENIZER_BYTES, TOKENIZER, read_tokenizer


def describe(checkpoint: Checkpoint) -> tuple[GgufVocabulary, gguf.SpecialVocab]:
    """Vocabulary, merges or scores, special tokens and chat template, as llama.cpp wants them.

    Raises:
        UsageError: llama.cpp has no equal of the tokenizer.
    """
    path = checkpoint.folder / TOKENIZER
    vocabulary = vocabulary_of(path, checkpoint.config.vocabulary)
    ids = checkpoint.config.special_ids
    special = gguf.SpecialVocab(
        checkpoint.folder,
        special_token_types=[kind for kind, id_ in ids.items() if not _is_absent(id_)],
        n_vocab=checkpoint.config.vocabulary,
    )
    before, after = surroundings(path)
    special.add_special_token = {"bos": bool(before), "eos": bool(after)}
    special.special_token_ids |= {"bos": before[0]} if before else {}
    special.special_token_ids |= {"eos": after[0]} if after else {}
    special.special_token_ids.setdefault("eos", _silent(vocabulary, str(path)))
    return vocabulary, special


def write_tokenizer(writer: gguf.GGUFWriter, checkpoint: Checkpoint) -> None:
    """Write what `describe` finds."""
    vocabulary, special = describe(checkpoint)
    _write_vocabulary(writer, vocabulary)
    special.add_to_gguf(writer, quiet=True)


def _write_vocabulary(writer: gguf.GGUFWriter, vocabulary: GgufVocabulary) -> None:
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    if vocabulary.merges is not None:
        writer.add_token_merges(vocabulary.merges)
    writer.add_add_space_prefix(vocabulary.space_prefix)


def vocabulary_of(path: Path, size: int) -> GgufVocabulary:
    """The tokens, as llama.cpp's algorithms want them.

    Args:
        path: a `tokenizer.json`.
        size: rows of the model's embedding table.

    Raises:
        UsageError: llama.cpp has no equal of the tokenizer.
    """
    document = read_object(path, max_bytes=MAX_TOKENIZER_BYTES)
    read = sentencepiece if document["model"].get("byte_fallback") else byte_level
    return read(document, size, str(path))


def surroundings(path: Path) -> tuple[list[int], list[int]]:
    """Ids the tokenizer puts before and after a text: none or one each.

    Raises:
        UsageError: it puts more there.
    """
    tokenizer = read_tokenizer(path)
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a").ids
    for start in range(len(whole) - len(plain) + 1):
        before, after = whole[:start], whole[start + len(plain) :]
        if whole[start : start + len(plain)] == plain and len(before) < 2 and len(after) < 2:
            return before, after
    raise UsageError(f"{path}: llama.cpp adds at most one token before and one after a text")


def _is_absent(id_: object) -> bool:
    """Whether it is how some files say that there is no such token: transformers never meets it."""
    return isinstance(id_, int) and id_ < 0


def _silent(vocabulary: GgufVocabulary, where: str) -> int:
    """An id that ends a text in a model without one: llama.cpp would take 11, an ordinary token."""
    for wanted in (gguf.TokenType.CONTROL, gguf.TokenType.UNUSED):
        if wanted in vocabulary.types:
            return vocabulary.types.index(wanted)
    raise UsageError(f"{where}: no eos token; name one in config.json as eos_token_id")
