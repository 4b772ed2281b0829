"""Tokenizers of each kind, made here, small enough for properties of them to be searched."""

from functools import cache

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline.models.tokenizer import read_tokenizer
from tests.conftest import ROOT

TEXT = [
    "the quick brown fox jumps over the lazy dog, isn't it? No, it is not.",
    "Grüße aus Köln   mit drei Leerzeichen\n\n\tund 漢字 und 🙂👍🏽 und naïve café",
]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
WORDS = ["the", "quick", "▁", "▁▁", "▁the", "▁fox", "é", "▁漢", "字", ".", "<s>", "�", "a", "s"]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.add_special_tokens([AddedToken("<|end of text|>", special=True), "€", "Ġ"])
    return tokenizer


def words(model, decoder, vocabulary):
    tokenizer = Tokenizer(model({each: id_ for id_, each in enumerate(vocabulary)}))
    if decoder is not None:
        tokenizer.decoder = decoder
    return tokenizer


def bpe(vocabulary):
    return models.BPE(vocabulary, [], byte_fallback=True, unk_token=None)


def level(vocabulary):
    return models.WordLevel(vocabulary, unk_token="the")


def pieces(vocabulary):
    return models.WordPiece(vocabulary, unk_token="the")


def llama(*more):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *more]
    return words(bpe, decoders.Sequence(steps), BYTES + WORDS)


KINDS = {
    "tiny": lambda: read_tokenizer(ROOT / "pipeline" / "assets" / "tiny" / "base/tokenizer.json"),
    "byte-level": byte_level,
    "llama": lambda: llama(decoders.Strip(" ", 1, 0)),
    "gemma": llama,
    "metaspace": lambda: words(bpe, decoders.Metaspace(), WORDS),
    "metaspace-never": lambda: words(bpe, decoders.Metaspace(prepend_scheme="never"), WORDS),
    "wordpiece": lambda: words(
        pieces, decoders.WordPiece(), [*WORDS, "##s", "##", "n't", "##'re", "?", " do not"]
    ),
    "suffix": lambda: words(level, decoders.BPEDecoder(), [*WORDS, "dog</w>", "</w>", "</w></w>"]),
    "none": lambda: words(level, None, WORDS),
    "strip": lambda: words(
        level,
        decoders.Sequence([decoders.Strip("a", 1, 0), decoders.Fuse(), decoders.Strip("▁", 3, 0)]),
        [*WORDS, "aba"],
    ),
    "whole": lambda: words(
        level, decoders.Sequence([decoders.Fuse(), decoders.Replace("as", "!")]), WORDS
    ),
    "ctc": lambda: words(level, decoders.CTC("<s>", "▁"), WORDS),
}


@cache
def tokenizer(kind):
    return KINDS[kind]()
