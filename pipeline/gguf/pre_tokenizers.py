"""llama.cpp's pre-tokenisations of byte-level BPE, as a `tokenizer.json` tells them.

A text is parted by one expression after the other, and merges never cross a part's ends. Where an
original tokenizer tells capitals from small letters in every script llama.cpp does so in ASCII
alone (tekken, gpt-4o); what stands here is llama.cpp's way, by which its programs read a file.
"""

from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError

WORDS = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")

_ENDINGS = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"(?:(?=\p{L})[^a-z])", r"(?:(?=\p{L})[^A-Z])"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
_TEKKEN = rf"{_BEFORE}{_UPPER}*{_LOWER}+|{_BEFORE}{_UPPER}+{_LOWER}*|\p{{N}}|{_REST}"
_GPT4O = (
    rf"{_BEFORE}{_UPPER}*{_LOWER}+(?:{_ENDINGS})?|{_BEFORE}{_UPPER}+{_LOWER}*(?:{_ENDINGS})?"
    rf"|\p{{N}}{{1,3}}|{_REST}"
)
_SEED_CODER = (
    rf"(?:{_ENDINGS})|{_BEFORE}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DEEPSEEK_CODER = (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}")
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_FALCON = (r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]")


@dataclass(frozen=True)
class PreTokenizer:
    """One of them.

    Attributes:
        parts: of the `pre_tokenizer`, one after the other.
        begins: a text has a beginning unless the file says otherwise.
        whole_words: a word that is a token is taken as it is, whatever the merges say.
    """

    parts: tuple[dict[str, Any], ...]
    begins: bool = False
    whole_words: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """The `pre_tokenizer` of a `tokenizer.json`."""
        if len(self.parts) == 1:
            return self.parts[0]
        return {"type": "Sequence", "pretokenizers": [*self.parts]}


def _split(*expressions: str, begins: bool = False, whole_words: bool = False) -> PreTokenizer:
    splits = (
        {"type": "Split", "pattern": {"Regex": each}, "behavior": "Isolated", "invert": False}
        for each in expressions
    )
    return PreTokenizer((*splits, WORDS | {"use_regex": False}), begins, whole_words)


_SAME = (
    (PreTokenizer((WORDS,)), "gpt-2 phi-2 mpt olmo jais trillion exaone4 gigachat a.x-4.0 mellum"),
    (PreTokenizer((DIGITS, WORDS)), "smollm starcoder refact codeshell exaone minerva-7b"),
    (_split(QWEN2), "qwen2 deepseek-r1-qwen stablelm2 hunyuan megrez"),
    (
        _split(LLAMA3, begins=True, whole_words=True),
        "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
    ),
    (_split(LLAMA3), "dbrx smaug-bpe"),
    (_split(_TEKKEN, begins=True, whole_words=True), "tekken"),
    (_split(_GPT4O), "gpt-4o llama4"),
    (_split(_SEED_CODER), "seed-coder"),
    (_split(*_DEEPSEEK_CODER), "deepseek-coder"),
    (_split(*_FALCON), "falcon"),
)
PRE_TOKENIZERS = {name: each for each, names in _SAME for name in names.split()}
"""By llama.cpp's names, of which several may mean the same."""


def pre_tokenizer(name: str, where: str) -> PreTokenizer:
    """The one of that name.

    Args:
        name: what a file says by `tokenizer.ggml.pre`.
        where: the file, for errors.

    Raises:
        UsageError: it isn't one of those that are known to split text alike.
    """
    if name not in PRE_TOKENIZERS:
        raise UsageError(
            f"{where}: tokenizer.ggml.pre is {name!r:.80}, and only {', '.join(PRE_TOKENIZERS)} "
            "are known here; name the original checkpoint"
        )
    return PRE_TOKENIZERS[name]
