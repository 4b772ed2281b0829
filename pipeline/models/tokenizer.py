"""A tokenizer as its file has it, but for what the file has by accident."""

from pathlib import Path

from tokenizers import Tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a `tokenizer.json`, which needs no torch; it neither cuts nor fills.

    A file may hold the truncation and the padding of the last call before it was saved;
    transformers' tokenizers do neither unless a call asks for it.
    """
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
