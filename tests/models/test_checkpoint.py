"""What a checkpoint says of itself: its tokenizer, what ends a text, and its fingerprint."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.models.checkpoint import Checkpoint
from tests.models.edited import EMBEDDING, HEAD, UP, copied, reconfigure, rewrite, shard

TRUNCATION = {"max_length": 6, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
PADDING = {
    "strategy": {"Fixed": 16},
    "direction": "Left",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "<pad>",
}


@pytest.fixture
def folder(tmp_path):
    return copied(tmp_path / "base")


@pytest.fixture(scope="module")
def cutting(tmp_path_factory):
    """A checkpoint whose tokenizer's file asks for cutting and filling, and transformers' own."""
    folder = copied(tmp_path_factory.mktemp("cutting") / "base")
    reconfigure(folder, "tokenizer.json", truncation=TRUNCATION, padding=PADDING)
    return Checkpoint.open(folder).tokenizer(), AutoTokenizer.from_pretrained(folder)


@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=50, deadline=None)
def test_ids_are_those_of_transformers_whatever_the_file_cuts_and_fills(text, cutting):
    mine, theirs = cutting
    ids = mine.encode(text).ids
    assert ids == theirs(text)["input_ids"]
    assert mine.decode(ids, skip_special_tokens=False) == theirs.decode(ids)


@pytest.mark.parametrize(
    ("generation", "config"),
    [(None, 9), (None, [8, 9]), (None, None), ({}, 9), ({"eos_token_id": [5, 6]}, 9)],
    ids=str,
)
def test_what_ends_a_text_is_what_ends_it_in_generate(generation, config, folder):
    (folder / "generation_config.json").unlink()
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    reconfigure(folder, eos_token_id=config)
    ends = AutoModelForCausalLM.from_pretrained(folder).generation_config.eos_token_id
    wanted = ends if isinstance(ends, list) else [] if ends is None else [ends]
    assert Checkpoint.open(folder).config.end_ids == frozenset(wanted)


CHANGES = {
    "weights": lambda f: rewrite(f, lambda t: t | {UP: 2 * t[UP]}),
    "config": lambda f: reconfigure(f, rope_parameters={"rope_type": "default", "rope_theta": 7.0}),
    "what ends a text": lambda f: reconfigure(f, "generation_config.json", eos_token_id=[1, 2]),
    "tokenizer": lambda f: reconfigure(f, "tokenizer.json", truncation=TRUNCATION),
    "tokenizer's config": lambda f: reconfigure(f, "tokenizer_config.json", eos_token="<s>"),
    "chat template": lambda f: (f / "chat_template.jinja").write_text("{{ messages }}"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_covers_what_decides_the_output(change, folder):
    before = Checkpoint.open(folder).fingerprint()
    assert before == Checkpoint.open(folder).fingerprint()
    CHANGES[change](folder)
    assert Checkpoint.open(folder).fingerprint() != before


def test_the_fingerprint_leaves_out_what_isnt_read(folder):
    before = Checkpoint.open(folder).fingerprint()
    (folder / "consolidated.safetensors").write_bytes(b"not read")
    (folder / "README.md").write_text("about it")
    assert Checkpoint.open(folder).fingerprint() == before


def test_equal_tensors_are_told_from_others_across_files(folder):
    rewrite(folder, lambda t: t | {HEAD: t[EMBEDDING].clone()})
    shard(folder, parts=7)
    weights = Checkpoint.open(folder).weights
    assert len({each.path for each in weights.tensors.values()}) == 7
    assert weights.alike(EMBEDDING, HEAD)
    assert not weights.alike(EMBEDDING, UP)


def test_one_bit_tells_two_output_layers_apart(folder):
    def change(tensors):
        table = tensors[EMBEDDING].clone()
        table[-1, -1] += 1
        return tensors | {HEAD: table}

    rewrite(folder, change)
    checkpoint = Checkpoint.open(folder)
    assert (checkpoint.embedding, checkpoint.head) == (EMBEDDING, HEAD)
