"""Adapters trained with tokens added: they save both tables whole, with rows that the base lacks.

A row of the embedding says what a token means, one of the output layer when it is written; the
adapter's own tokenizer says which texts the added ids are. Whoever serves it needs all three.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.adapters.dialects.peft_names import PeftName
from pipeline.adapters.expected_tensors import saved_modules
from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.adapters.variants import ADDED, TABLES, has_added_tokens
from pipeline.errors import UsageError, shown
from pipeline.inference.token_vocabulary import TokenVocabulary
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.files import is_there
from pipeline.models.tokenizer import TOKENIZER, check_tokenizer, read_tokenizer


def tables_named(lora: LoraFile, model: ModelConfig) -> LoraFile:
    """The same adapter, in whose `modules_to_save` the tables stand that it saves with rows added.

    PEFT saves them, trained or not, wherever the vocabulary has been resized; as it puts them into
    the base, for everybody, an adapter that shall be one beside others has to name them.
    """
    names = {stored: PeftName.of(stored) for stored in lora.shapes}
    # The file tells, for patterns of the configuration haven't been tried yet.
    updated = {each.module for each in names.values() if each.rest.startswith("lora_")}
    resized = {
        each.module
        for stored, each in names.items()
        if has_added_tokens(each.tensor, lora.shapes[stored], (model.vocabulary, model.hidden))
    }
    named = [
        key
        for key, module in TABLES.items()
        if module in resized - updated and module not in saved_modules(lora.config, model)
    ]
    if not named:
        return lora
    saved = [*(lora.config.get("modules_to_save") or ()), *named]
    return replace(lora, config={**lora.config, "modules_to_save": saved})


def own_vocabulary(lora: LoraFile, model: ModelConfig) -> int | None:
    """How many token ids the adapter has, by the rows of its tables; None where the base's are its.

    Raises:
        UsageError: one of its tables has rows added, and the other as many as the base's.
    """
    saved = saved_modules(lora.config, model)
    rows = {
        module: lora.shapes[name][0]
        for module in TABLES.values()
        if (name := f"{PREFIX}{module}.weight") in lora.shapes and module in saved
        if has_added_tokens(name, lora.shapes[name], (model.vocabulary, model.hidden))
    }
    if not rows:
        return None
    if len(rows) < len(TABLES) or len({*rows.values()}) > 1:
        module, count = next(iter(rows.items()))
        raise UsageError(
            f"{lora.folder}: saves {PREFIX}{module}.weight as {[count, model.hidden]}, this "
            f"model's is {[model.vocabulary, model.hidden]}: {ADDED}"
        )
    return next(iter(rows.values()))


def vocabulary_of(lora: LoraFile) -> TokenVocabulary | None:
    """The ids and the tokenizer of an adapter that has its own; it is read now."""
    if lora.vocabulary is None:
        return None
    return TokenVocabulary(lora.vocabulary, read_tokenizer(tokenizer_file(lora)))


def tokenizer_file(lora: LoraFile) -> Path:
    """Where its trainer has saved its tokenizer, if it has one of its own."""
    return (lora.origin or lora.folder) / TOKENIZER


def check_added_tokens(lora: LoraFile, base: Checkpoint) -> None:
    """See that the tokenizer of an adapter with ids of its own is the base's, and more.

    Raises:
        UsageError: it isn't there or isn't whole, calls one of the base's tokens by another id, or
            has an id for which the adapter has no row.
    """
    if lora.vocabulary is None:
        return
    path = tokenizer_file(lora)
    if not is_there(path):
        raise UsageError(
            f"{path.parent}: was trained with tokens added ({lora.vocabulary} ids, the base has "
            f"{base.config.vocabulary}), and has no {TOKENIZER} that says which; save the "
            "tokenizer that it was trained with beside it"
        )
    check_tokenizer(path.parent)
    own = _ids(path)
    for token, id_ in _ids(base.tokenizer_source or base.folder / TOKENIZER).items():
        if own.get(token) != id_:
            raise UsageError(
                f"{path}: has the id {own.get(token)} for {shown(token)}, the base {id_}; the "
                "adapter was trained on another base, or this isn't its tokenizer"
            )
    if (highest := max(own.values(), default=0)) >= lora.vocabulary:
        raise UsageError(
            f"{path}: has the id {highest}, and the adapter's tables {lora.vocabulary} rows; save "
            "the tokenizer that it was trained with"
        )


def _ids(path: Path) -> Mapping[str, int]:
    ids: Mapping[str, int] = read_tokenizer(path).get_vocab(with_added_tokens=True)
    return ids
