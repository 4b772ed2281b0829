"""Every pre-tokenisation that is read parts texts as llama.cpp's own of that name does."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from pipeline.gguf.file import GgufFile
from pipeline.gguf.model import gguf_of
from pipeline.gguf.pre_tokenizers import PRE_TOKENIZERS
from pipeline.gguf.stored_tokenizer import ARRAYS, tokenizer_in
from tests.gguf.test_hostile_base import STRING, edited
from tests.gguf.test_tokenizer import TEXTS, Llama, _around, split, trained

HARD = [
    *("camelCase HTTPServer iPhone's DON'T we'LL'S", "éÉ дДд ΑΩα ßẞ ǅ"),
    *("x=1.5e10; y<=z && $a|`b`^~", "1234567 12 3 ½٣٤", "!!!…??? (a) [b] {c}//\n/\r\n"),
    *("漢字かな交じり文。한국어 ไทย हिन्दी", "\t \n  \n\n x"),
]
PARTS = (*"aAbBéÉдДßʰ漢か한ๆ्1٣½.,!$`^~|/'_ \t\n\r\u00a0", "'s", "'LL", "  ", "\r\n", "the")
texts = st.text(max_size=40) | st.lists(st.sampled_from(PARTS)).map("".join)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A file whose merges would join anything, so that only the parting of texts keeps it apart."""
    folder = tmp_path_factory.mktemp("joined")
    tokenizer = trained(split(r"[^\x00]+"), size=900)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    return gguf_of(_around(folder), "f16", folder)


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_texts_are_parted_as_llama_cpp_parts_them(name, base, tmp_path):
    def change(fields, tensors):
        fields["tokenizer.ggml.pre"] = (name, STRING, STRING)
        fields.pop("tokenizer.ggml.add_bos_token", None)

    path = edited(base, tmp_path / "it.gguf", change)
    theirs = Llama(path)
    ours = Tokenizer.from_str(json.dumps(tokenizer_in(GgufFile.read(path, ARRAYS))))

    @settings(deadline=None, max_examples=60)
    @given(text=texts)
    def agree(text):
        assert theirs.encode(text) == ours.encode(text).ids

    for text in (*TEXTS, *HARD):
        assert theirs.encode(text) == ours.encode(text).ids, text
    agree()
