"""llama.cpp tokenises as the tokenizers library does, from the vocabulary written into the file."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.normalizers import NFC, Lowercase, Prepend, Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.processors import TemplateProcessing

from pipeline.errors import UsageError
from pipeline.gguf.byte_level import _SPLITS
from pipeline.gguf.file import GgufFile
from pipeline.gguf.model import gguf_of
from pipeline.gguf.stored_tokenizer import ARRAYS, tokenizer_in
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.synthetic import widen

REGEX = {name: regex for regex, name in _SPLITS.items()}
TEXTS = [
    "",
    " ",
    "Hello, world! It's 1234 o'clock; we'LL see they've gone.",
    "  def f(x):\n\treturn x**2  # naïve\n\n\n",
    "Ωμέγα 漢字かな 🙂👍🏽 ½ ٣٤ ￼",
    "trailing spaces   \n  and\r\nlines\t\t",
    "a\u00a0b\u2003c\u200bd",
    "<s>in the middle</s> of<pad>it",
]
texts = st.text(max_size=60) | st.lists(
    st.sampled_from([*"aeinrst  \n\t'.,019éß漢", "the", "ing", " the", "'s", "'LL", "  ", "\r\n"])
).map("".join)


class Llama:
    """llama.cpp's tokenizer, without the weights."""

    def __init__(self, path):
        from llama_cpp import Llama

        self.path = path
        self._llama = Llama(str(path), vocab_only=True, verbose=False)

    def encode(self, text):
        return self._llama.tokenize(text.encode(), add_bos=True, special=True)

    def decode(self, ids):
        return self._llama.detokenize(ids, special=True).decode("utf-8", "replace")


def corpus():
    import this

    text = "".join(this.d.get(letter, letter) for letter in this.s)
    return [text, text.upper(), text.swapcase(), *TEXTS, "1234567890 " * 3, "    \n\n\t" * 9]


def trained(pre_tokenizer, size=600, normalizer=None, ignore_merges=False):
    """A byte-level BPE with that pre-tokenisation."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=size,
            show_progress=False,
            special_tokens=["<pad>", "<s>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return tokenizer


def split(regex):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(regex), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def digits():
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )


def pieced(normalizer=True, metaspace=None):
    """A BPE as transformers converts it from SentencePiece: scores first, then all their pairs."""
    learnt = trained(pre_tokenizers.Metaspace(), 500)
    words = [text for text, _ in sorted(learnt.get_vocab().items(), key=lambda item: item[1])]
    words = [word for word in words[3:] if word.isascii() or "▁" in word or len(word) == 1]
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary += [word for word in dict.fromkeys(["▁", "▁▁", *words]) if word not in vocabulary]
    ids = {text: id_ for id_, text in enumerate(vocabulary)}
    merges = [
        (word[:cut], word[cut:])
        for word in vocabulary[259:]
        for cut in range(1, len(word))
        if word[:cut] in ids and word[cut:] in ids
    ]
    tokenizer = Tokenizer(
        models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in ("<unk>", "<s>", "</s>")]
    )
    if normalizer:
        tokenizer.normalizer = Normalizers([Prepend("▁"), Replace(" ", "▁")])
    if metaspace:
        tokenizer.pre_tokenizer = metaspace
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def gemma():
    """No space before the text, and a split at spaces, of which there are none left."""
    tokenizer = pieced(normalizer=False)
    tokenizer.normalizer = Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return tokenizer


KINDS = {
    "gpt-2": lambda: trained(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "smollm": lambda: trained(digits()),
    "qwen2": lambda: trained(split(REGEX["qwen2"])),
    "llama-bpe": lambda: trained(split(REGEX["llama-bpe"]), ignore_merges=True),
    "sentencepiece": pieced,
    "gemma": gemma,
    "no prefix": lambda: pieced(normalizer=False, metaspace=spaces("never")),
}


def spaces(scheme):
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Writes a GGUF of a small random model around a tokenizer; each kind once."""
    made = {}

    def write(name, tokenizer=None):
        if name not in made:
            folder = tmp_path_factory.mktemp("model")
            (tokenizer or KINDS[name]()).save(str(folder / "tokenizer.json"))
            made[name] = folder
        folder = made[name]
        checkpoint = _around(folder)
        return checkpoint.tokenizer(), Llama(gguf_of(checkpoint, "f16", folder))

    return write


def _around(folder, vocabulary=1024):
    from transformers import LlamaConfig, LlamaForCausalLM

    if not (folder / "config.json").is_file():
        shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
        config = LlamaConfig(num_attention_heads=1, vocab_size=vocabulary, **shape)
        LlamaForCausalLM(config).save_pretrained(folder)
    return Checkpoint.open(folder)


@pytest.fixture(scope="module")
def embedded(tiny, cache):
    return tiny.tokenizer(), Llama(gguf_of(tiny, "f16", cache))


@pytest.mark.parametrize("text", TEXTS)
def test_the_embedded_tokenizer(text, embedded):
    ours, theirs = embedded
    ids = ours.encode(text).ids
    assert theirs.encode(text) == ids
    assert theirs.decode(ids) == text


@settings(deadline=None, max_examples=500)
@given(text=texts)
def test_the_embedded_tokenizer_on_any_text(text, embedded):
    ours, theirs = embedded
    assert theirs.encode(text) == ours.encode(text).ids


@pytest.mark.parametrize("name", KINDS)
def test_every_kind(name, written):
    ours, theirs = written(name)

    @settings(deadline=None, max_examples=300)
    @given(text=texts)
    def agree(text):
        assert theirs.encode(text) == ours.encode(text).ids

    agree()
    for text in TEXTS:
        assert theirs.encode(text) == ours.encode(text).ids


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_back(name, written):
    ours, theirs = written(name)
    read = Tokenizer.from_str(json.dumps(tokenizer_in(GgufFile.read(theirs.path, ARRAYS))))

    @settings(deadline=None, max_examples=100)
    @given(text=texts)
    def agree(text):
        ids = read.encode(text).ids
        assert ids == ours.encode(text).ids == theirs.encode(text)
        assert read.decode(ids) == text or "▁" in text

    agree()
    for text in TEXTS:
        assert read.encode(text).ids == theirs.encode(text)


def test_the_widened_tokenizer_of_synthetic_models(tiny, tmp_path):
    widen(tiny.folder / "tokenizer.json", tmp_path, 4000)
    checkpoint = _around(tmp_path, 4000)
    ours, theirs = checkpoint.tokenizer(), Llama(gguf_of(checkpoint, "f16", tmp_path))
    for text in TEXTS:
        assert theirs.encode(text) == ours.encode(text).ids
    for ids in ([3999], [2048, 2049, 300, 3000]):
        assert theirs.decode(ids) == ours.decode(ids, skip_special_tokens=False)


def test_a_table_longer_than_the_tokenizer_is_filled_up(written):
    ours, theirs = written("gpt-2")
    assert ours.get_vocab_size() < 1024
    assert theirs.decode([1023]) == ""


def test_user_defined_tokens_are_matched_in_text(tmp_path):
    tokenizer = KINDS["gpt-2"]()
    tokenizer.add_tokens([AddedToken("@@mark@@", special=False)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    theirs = Llama(gguf_of(_around(tmp_path), "f16", tmp_path))
    ids = tokenizer.encode("one@@mark@@two").ids
    assert tokenizer.token_to_id("@@mark@@") in ids
    assert theirs.encode("one@@mark@@two") == ids
    assert theirs.decode(ids) == "one@@mark@@two"


def test_a_chat_template_is_kept(tiny, tmp_path):
    import gguf

    (tmp_path / "tokenizer.json").write_bytes((tiny.folder / "tokenizer.json").read_bytes())
    config = {"chat_template": "{{ messages }}", "eos_token": "</s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    fields = gguf.GGUFReader(gguf_of(_around(tmp_path, 2048), "f16", tmp_path)).fields
    assert fields["tokenizer.chat_template"].contents() == "{{ messages }}"
    assert fields["tokenizer.ggml.eos_token_id"].contents() == 2


def _refused(tokenizer, folder, message, vocabulary=1024):
    if isinstance(tokenizer, Tokenizer):
        tokenizer.save(str(folder / "tokenizer.json"))
    else:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(UsageError, match=message) as caught:
        gguf_of(_around(folder, vocabulary), "f16", folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (lambda: trained(pre_tokenizers.ByteLevel(add_prefix_space=True)), "pre-tokenizer"),
        (lambda: trained(split(r"\s+|\S+")), "pre-tokenizer"),
        (lambda: trained(split(REGEX["llama-bpe"])), "pre-tokenizer"),
        (lambda: trained(split(REGEX["qwen2"]), normalizer=Lowercase()), "normalizer Lowercase"),
        (lambda: pieced(normalizer=False, metaspace=pre_tokenizers.Metaspace()), "pre-tokenizer"),
        (lambda: Tokenizer(models.WordPiece({"a": 0}, unk_token="a")), "only BPE"),
    ],
)
def test_other_splits_are_refused(tokenizer, message, tmp_path):
    _refused(tokenizer(), tmp_path, message)


def test_qwens_normalisation_is_let_through(tmp_path):
    trained(split(REGEX["qwen2"]), normalizer=NFC()).save(str(tmp_path / "tokenizer.json"))
    gguf_of(_around(tmp_path), "f16", tmp_path)


@pytest.mark.parametrize("rule", ["single_word", "lstrip", "rstrip"])
def test_matching_rules_are_refused(rule, tmp_path):
    tokenizer = KINDS["gpt-2"]()
    tokenizer.add_special_tokens([AddedToken("<x>", special=True, **{rule: True})])
    _refused(tokenizer, tmp_path, rule)


def test_more_ids_than_the_model_has_are_refused(tmp_path):
    _refused(KINDS["gpt-2"](), tmp_path, "beyond the model's 300 ids", vocabulary=300)


def test_a_sentencepiece_without_a_byte_is_refused(tmp_path):
    document = json.loads(pieced().to_str())
    vocab = document["model"]["vocab"]
    vocab["spare"] = vocab.pop("<0x41>")
    _refused(document, tmp_path, "256 bytes")


def test_pairs_that_sentencepiece_would_merge_are_refused(tmp_path):
    document = json.loads(pieced().to_str())
    document["model"]["merges"].pop()
    _refused(document, tmp_path, "isn't a merge")


def test_ranks_that_no_scores_give_are_refused(tmp_path):
    document = json.loads(pieced().to_str())
    merges = document["model"]["merges"]
    several = [each for each in merges if sum("".join(each) == "".join(m) for m in merges) > 1]
    merges.remove(several[0])
    merges.append(several[0])
    _refused(document, tmp_path, "two ranks")


def test_tokens_around_a_text_are_refused_beyond_one_each(tmp_path):
    tokenizer = KINDS["gpt-2"]()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> <s> $A", pair="$A $B", special_tokens=[("<s>", 1)]
    )
    _refused(tokenizer, tmp_path, "at most one token")
