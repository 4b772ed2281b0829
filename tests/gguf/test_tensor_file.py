"""The weights of a GGUF file, read where they lie: by any rows, and nothing else is written."""

import shutil
import subprocess
import sys

import gguf
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.packing import load_packed
from pipeline.engines.multilora.weight_cache import WeightCache
from pipeline.errors import UsageError
from pipeline.gguf.conversion import checkpoint_of
from pipeline.gguf.model import gguf_of
from pipeline.kernels.native import NativeKernels
from pipeline.models import safetensors_copy
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.safetensors_copy import check_room, library_folder
from pipeline.models.stored_shapes import EMBEDDING
from tests.engines.multilora.conftest import Driver
from tests.engines.multilora.test_packing import PEAK
from tests.gguf.test_base import same_tensors

LLAMA = {"attention_bias": True, "head_dim": 24}


@pytest.fixture
def found(random_checkpoint, tmp_path):
    """Queries and keys, weights and biases, whose rows stand in another order in the file."""
    made = random_checkpoint("llama", **LLAMA)
    return checkpoint_of(gguf_of(made, "q8_0", tmp_path), tmp_path)


def test_any_rows_are_those_of_the_whole(found):
    with found.weights.open() as opened:
        whole = {each.name: opened.read(each) for each in opened}

        @settings(max_examples=80)
        @given(st.data())
        def alike(data):
            name = data.draw(st.sampled_from([*whole]))
            first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(whole[name]))] * 2)))
            part = opened.read(opened[name].rows(first, last))
            assert part.dtype == whole[name].dtype and (part == whole[name][first:last]).all()

        alike()
        table = opened[EMBEDDING]
        file = opened.opener(table.path)
        assert (file.pick(table, [5, 2047, 5]) == whole[EMBEDDING][[5, 2047, 5]]).all()
        file.close()


def test_safetensors_are_written_for_transformers_alone(found, tmp_path):
    cache = WeightCache(tmp_path / "packed", 1)
    for precision in ("fp32", "int8"):
        load_packed(found, precision, NativeKernels(1), "int8", cache)
    gguf_of(found, "q4_0", tmp_path)
    assert not (found.folder / "model.safetensors").exists()
    assert len([*cache.folder.iterdir()]) == 1
    assert library_folder(found) == library_folder(found) == found.folder
    written = Checkpoint.open(found.folder)
    assert same_tensors(written, found) and written.fingerprint() != found.fingerprint()
    assert found.is_unchanged()
    with found.gguf.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!")
    assert not found.is_unchanged()


def test_without_room_transformers_is_refused_and_multilora_named(found, monkeypatch):
    usage = shutil.disk_usage(found.folder)._replace(free=1000)
    monkeypatch.setattr(safetensors_copy, "disk_usage", lambda _: usage)
    with pytest.raises(UsageError, match=r"paths\.cache: .* in fp32.*use engine=multilora"):
        check_room(found)


def test_a_file_cut_short_or_replaced_since_its_header_was_read(found):
    with found.weights.open() as opened:
        with found.gguf.open("r+b") as file:
            file.truncate(found.gguf.stat().st_size - 5000)
        with pytest.raises(UsageError, match=r"was cut short while it was read"):
            [opened.read(each) for each in opened]
    with pytest.raises(UsageError, match="broken or cut short"):
        found.weights.open()


def test_rows_of_tokens_are_looked_up_in_the_file(found, tmp_path):
    """In fp32 the embedding stays where it is."""
    ids = [1, 5, 900, 2047]
    library_folder(found)
    logits = []
    for each in (found, Checkpoint.open(found.folder)):
        driver = Driver(Decoder.load(each, "fp32", NativeKernels(1)), 32)
        driver.step({driver.add(ids): len(ids)})
        logits.append(driver.result(0))
    assert torch.equal(*logits)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak can be reset on Linux")
def test_packing_never_holds_a_second_copy(random_checkpoint, tmp_path):
    """Of 24 million weights: what loading takes, at most, above what stays."""
    wide = {"hidden_size": 1024, "intermediate_size": 2048, "num_attention_heads": 8}
    made = random_checkpoint("llama", **wide)
    path = gguf_of(made, "q8_0", tmp_path)
    opening = "checkpoint_of(Path(sys.argv[1]), Path(sys.argv[2]))"
    script = PEAK.replace(
        "checkpoint, warm = (Checkpoint.open(Path(each)) for each in sys.argv[1:])",
        "from pipeline.gguf.conversion import checkpoint_of\n"
        f"checkpoint, warm = {opening}, Checkpoint.open(Path(sys.argv[3]))",
    )
    asked = [str(path), str(tmp_path / "cache"), str(made.folder)]
    said = subprocess.run(
        [sys.executable, "-c", script, *asked], capture_output=True, text=True, check=True
    )
    peak, kept = map(int, said.stdout.split())
    weights = sum(each.n_elements for each in gguf.GGUFReader(path).tensors)
    assert peak - kept < weights
    left = sum(each.stat().st_size for each in (tmp_path / "cache").rglob("*") if each.is_file())
    assert left < path.stat().st_size / 20
