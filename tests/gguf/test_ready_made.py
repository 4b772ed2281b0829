"""Ready-made base models are checked before anything is loaded."""

import json
import shutil
from dataclasses import replace

import pytest

from pipeline.errors import UsageError
from pipeline.gguf.file import GgufFile
from pipeline.gguf.model import gguf_of
from pipeline.gguf.ready_made import check_base_gguf
from pipeline.gguf.same_model import check_same_model
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.families import FAMILIES
from pipeline.models.rope import RopeConfig

LINEAR = {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}


@pytest.fixture(scope="module")
def path(tiny, cache):
    return gguf_of(tiny, "q4_0", cache)


def test_one_that_fits(path, tiny):
    assert check_base_gguf(path, tiny.config) == path


def test_a_mistral_is_a_llama(path, tiny):
    check_base_gguf(path, replace(tiny.config, family=FAMILIES["mistral"]))


def test_what_it_says(path):
    file = GgufFile.read(path)
    assert file.metadata["general.type"] == "model"
    assert file.metadata["tokenizer.ggml.tokens"] == 2048
    assert file.shapes["blk.0.ffn_down.weight"] == (256, 768)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"family": FAMILIES["qwen2"]},
            "general.architecture is 'llama', this model needs 'qwen2'",
        ),
        ({"layers": 4}, "llama.block_count is 3, this model needs 4"),
        ({"hidden": 512}, "llama.embedding_length is 256"),
        ({"intermediate": 512}, "llama.feed_forward_length is 768"),
        ({"heads": 8}, "llama.attention.head_count is 4"),
        ({"kv_heads": 4}, "llama.attention.head_count_kv is 2"),
        ({"vocabulary": 2000}, r"token_embd.weight is \(2048, 256\)"),
    ],
)
def test_one_that_doesnt(change, message, path, tiny):
    with pytest.raises(UsageError, match=message) as caught:
        check_base_gguf(path, replace(tiny.config, **change))
    assert "\n" not in str(caught.value)


def test_the_model_of_a_checkpoint(path, tiny):
    assert check_same_model(path, tiny) == path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 1e-3}, r"layer_norm_rms_epsilon is 1e-06, this model has 0\.001"),
        ({"rope": RopeConfig.plain(5000.0)}, r"rope is .*10000\.0.* this model has .*5000\.0"),
        ({"rope": RopeConfig("linear", 1e4, LINEAR)}, r"llama\.rope is .*'default'.*'linear'"),
    ],
)
def test_another_model_of_that_shape(change, message, path, tiny):
    with pytest.raises(UsageError, match=message) as caught:
        check_same_model(path, replace(tiny, config=replace(tiny.config, **change)))
    assert "\n" not in str(caught.value)


def test_another_tokenizer_of_that_size(path, tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "base")
    document = json.loads((tiny.folder / "tokenizer.json").read_text("utf-8"))
    vocabulary = document["model"]["vocab"]
    (one, first), (other, second) = [*vocabulary.items()][40:42]
    vocabulary |= {one: second, other: first}
    (tmp_path / "base" / "tokenizer.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(UsageError, match=r"token \d+ is .*, this model's tokenizer has "):
        check_same_model(path, Checkpoint.open(tmp_path / "base"))


def test_no_file(tmp_path, tiny):
    with pytest.raises(UsageError, match="no such file"):
        check_base_gguf(tmp_path / "none.gguf", tiny.config)


def test_another_format(tiny):
    with pytest.raises(UsageError, match="not a GGUF file"):
        check_base_gguf(tiny.folder / "model.safetensors", tiny.config)


@pytest.mark.parametrize("kept", [4, 20, 1000, 60_000, 1_000_000])
def test_one_cut_short(kept, path, tmp_path, tiny):
    short = tmp_path / "short.gguf"
    short.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError, match="cut short"):
        check_base_gguf(short, tiny.config)


def test_an_adapter_is_no_base(tiny, tmp_path):
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_type("adapter")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UsageError, match=r"general.type is 'adapter', this model needs 'model'"):
        check_base_gguf(tmp_path / "a.gguf", tiny.config)
