"""Checkpoints as they are found in the wild: served as transformers serves them, or refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.config.run_config import RunConfig
from pipeline.engines.llama_cpp import engine as llama_engine
from pipeline.engines.llama_cpp.files import _files
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.folder import FolderModel
from pipeline.stages.preflight import preflight
from tests.conftest import ROOT
from tests.models.edited import (
    EMBEDDING,
    HEAD,
    INDEX,
    UP,
    WEIGHTS,
    copied,
    longer,
    reconfigure,
    rewrite,
    shard,
)
from tests.optional import installed

ENGINES = sorted(filter(installed, (path.stem for path in (ROOT / "conf/engine").glob("*.yaml"))))
SAME_FILES = {"ik_llama_cpp": "llama_cpp"}
"""Who refuses what another refuses."""
PROMPT, CONTINUATION = [269, 78, 337, 312, 276, 505, 85, 90], [312, 276, 505, 223]

Edit = Callable[[Path], None]


def other(table: torch.Tensor) -> torch.Tensor:
    """Another matrix of the same shape, as a fine-tuned output layer is."""
    return table + 0.3 * torch.randn(table.shape, generator=torch.manual_seed(1)).to(table.dtype)


def with_(**changes: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Edit:
    """Edits tensors, then values of `config.json`."""
    change, config = changes.pop("tensors"), changes
    return lambda folder: (rewrite(folder, change), reconfigure(folder, **config))


def fp8(folder: Path, **config: object) -> None:
    """As DeepSeek and Qwen publish them: fp8 weights with a scale a block."""
    rewrite(
        folder,
        lambda t: t | {UP: t[UP].to(torch.float8_e4m3fn), f"{UP}_scale_inv": torch.ones(6, 2)},
    )
    reconfigure(folder, **config)


def packed(kind: torch.dtype, name: str, **config: object) -> Edit:
    """A linear layer's weights in integers under another name, its scales beside it."""

    def edit(folder: Path) -> None:
        rewrite(
            folder,
            lambda t: (
                {k: v for k, v in t.items() if k != UP}
                | {name: t[UP].to(kind), f"{name}.absmax": torch.ones(9)}
            ),
        )
        reconfigure(folder, **config)

    return edit


def cut(folder: Path) -> None:
    shard(folder)
    path = sorted(folder.glob("model-*"))[1]
    path.write_bytes(path.read_bytes()[:-100])


def beside(name: str) -> Edit:
    """The weights under another name than transformers looks for."""
    return lambda folder: (folder / WEIGHTS).rename(folder / name) and None


def biased(t: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return t | {"model.layers.0.self_attn.q_proj.bias": torch.ones(256, dtype=torch.float16)}


REFUSED: dict[str, tuple[Edit, str]] = {
    "fp8": (
        lambda f: fp8(f, quantization_config={"quant_method": "fp8"}),
        r"config\.json: quantization_config .*fp8.*name the original model",
    ),
    "fp8, config silent": (fp8, rf"{UP} is stored as F8_E4M3.*name the original"),
    "compressed-tensors": (
        packed(torch.int8, UP, quantization_config={"quant_method": "compressed-tensors"}),
        "quantised already .compressed-tensors",
    ),
    "int8, config silent": (packed(torch.int8, UP), f"{UP} is stored as I8"),
    "bitsandbytes nf4": (
        packed(torch.uint8, UP, quantization_config={"quant_method": "bitsandbytes"}),
        "quantised already .bitsandbytes",
    ),
    "nf4, config silent": (packed(torch.uint8, UP), f"{UP} is stored as U8"),
    "gptq": (
        packed(torch.int32, "model.layers.1.mlp.up_proj.qweight"),
        "up_proj.qweight is stored as I32",
    ),
    "embedding with two rows too many": (
        with_(tensors=lambda t: t | {EMBEDDING: longer(2)(t[EMBEDDING])}),
        rf"{EMBEDDING} has 2050 rows, vocab_size in config\.json says 2048",
    ),
    "embedding and head with two rows too many": (
        with_(
            tensors=lambda t: t | {n: longer(2)(t[EMBEDDING]).clone() for n in (EMBEDDING, HEAD)},
            tie_word_embeddings=False,
        ),
        "has 2050 rows",
    ),
    "fewer rows than the vocabulary": (
        with_(tensors=lambda t: t | {EMBEDDING: longer(-5)(t[EMBEDDING])}),
        "has 2043 rows",
    ),
    "another shape": (with_(tensors=lambda t: t | {UP: t[UP][:-1]}), rf"{UP} is \[767, 256\]"),
    "a missing tensor": (
        with_(tensors=lambda t: {k: v for k, v in t.items() if k != UP}),
        f"model.safetensors: no tensor {UP}",
    ),
    "an unexpected bias": (with_(tensors=biased), r"q_proj\.bias.*attention_bias"),
    "biases that are missing": (
        lambda f: reconfigure(f, attention_bias=True),
        r"no tensor model\.layers\.0\.self_attn\.k_proj\.bias .12 are missing",
    ),
    "fewer layers in the config": (
        lambda f: reconfigure(f, num_hidden_layers=2),
        r"unexpected tensor model\.layers\.2.*num_hidden_layers",
    ),
    "untied without an output layer": (
        lambda f: reconfigure(f, tie_word_embeddings=False),
        "no tensor lm_head.weight, though config.json says tie_word_embeddings=false",
    ),
    "untied without an embedding": (
        with_(tensors=lambda t: {HEAD: t.pop(EMBEDDING), **t}, tie_word_embeddings=False),
        f"no tensor {EMBEDDING}",
    ),
    "a cut shard": (cut, r"model-00002-of-00003\.safetensors: not whole"),
    "a cut file": (
        lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:5000]) and None,
        r"model\.safetensors: not whole",
    ),
    "a missing shard": (
        lambda f: (shard(f), (f / "model-00001-of-00003.safetensors").unlink()),
        r"index\.json: names model-00001-of-00003\.safetensors, which isn't there",
    ),
    "an index that isn't one": (
        lambda f: (shard(f), (f / INDEX).write_text('{"weight_map": []}')),
        "not an index of shards",
    ),
    "another name": (
        beside("consolidated.safetensors"),
        "found consolidated.safetensors, which isn't read",
    ),
    "a pickle alone": (beside("pytorch_model.bin"), r"pytorch_model\.bin, a pickle"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
    "a tokenizer that isn't one": (
        lambda f: (f / "tokenizer.json").write_text("{}") and None,
        "not a fast tokenizer",
    ),
    "a token that the tokenizer lacks": (
        lambda f: reconfigure(f, "tokenizer_config.json", pad_token="[PAD]"),
        r"tokenizer_config\.json: names the token '\[PAD\]'",
    ),
    "a config that isn't JSON": (
        lambda f: (f / "config.json").write_text("{") and None,
        "config.json: not JSON",
    ),
}


JOBS: list[RunConfig] = []


@pytest.fixture
def jobs(config):
    """A job of every engine, composed once."""
    if not JOBS:
        JOBS.extend(config(f"engine={engine}", "adapters=none") for engine in ENGINES)
    return JOBS


@pytest.mark.parametrize("name", REFUSED)
def test_every_engine_refuses_it_before_anything_starts(name, jobs, tmp_path):
    edit, said = REFUSED[name]
    folder = copied(tmp_path / "base")
    edit(folder)
    for job in jobs:
        with pytest.raises(UsageError, match=said) as refused:
            preflight([replace(job, model=FolderModel(name="folder", path=folder))])
        assert "\n" not in str(refused.value)
        assert str(folder) in str(refused.value)


def rope(kind: str, **values: object) -> Edit:
    return lambda f: reconfigure(
        f, rope_parameters={"rope_type": kind, "rope_theta": 10000.0, **values}
    )


SOME: dict[str, tuple[Edit, dict[str, str]]] = {
    "another activation": (
        lambda f: reconfigure(f, hidden_act="gelu"),
        {"multilora": "hidden_act 'gelu'", "llama_cpp": "hidden_act 'gelu'"},
    ),
    "a stretched rope": (rope("yarn", factor=4.0), {}),
    "a rope that grows": (rope("dynamic", factor=2.0), {"llama_cpp": "rope_type 'dynamic'"}),
    "a rope of another family": (
        rope("proportional"),
        {"multilora": "rope_type 'proportional'", "llama_cpp": "rope_type 'proportional'"},
    ),
    "half of each head turned": (
        rope("default", partial_rotary_factor=0.5),
        {"multilora": "partial_rotary_factor", "llama_cpp": "partial_rotary_factor"},
    ),
    "a tokenizer without an equal": (
        lambda f: reconfigure(f, "tokenizer.json", normalizer={"type": "Lowercase"}),
        {"llama_cpp": "tokenizer.json"},
    ),
}


@pytest.mark.parametrize("name", SOME)
def test_those_that_cannot_serve_it_refuse_it_before_anything_starts(name, jobs, tmp_path):
    edit, refusals = SOME[name]
    folder = copied(tmp_path / "base")
    edit(folder)
    for engine, job in zip(ENGINES, jobs, strict=True):
        asked = replace(job, model=FolderModel(name="folder", path=folder))
        refusal = refusals.get(SAME_FILES.get(engine, engine))
        if refusal is None:
            preflight([asked])
            continue
        served = replace(asked, engine=jobs[ENGINES.index("noop")].engine)
        referred = replace(served, fidelity=replace(served.fidelity, reference=job.engine))
        for refused in ([asked], [served, asked], [served, referred]):
            with pytest.raises(UsageError, match=refusal) as said:
                preflight(refused)
            assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("engine", "change", "said"),
    [
        (
            "llama_cpp",
            {"context": 16, "max_batch_size": 16},
            r"engine\.context=16: the longest request needs",
        ),
        ("multilora", {"kv_tokens": 20}, r"engine\.kv_tokens=20: the longest request needs"),
        ("llama_cpp", {"gguf": Path("absent.gguf"), "precision": "file"}, "absent.gguf: no such"),
    ],
)
def test_settings_that_cannot_hold_the_workload_are_refused(engine, change, said, jobs):
    job = jobs[ENGINES.index(engine)]
    preflight([job])
    with pytest.raises(UsageError, match=said):
        preflight([replace(job, engine=replace(job.engine, **change))])


def test_a_window_shorter_than_the_requests_is_served_by_those_that_keep_to_it(jobs, tmp_path):
    folder = copied(tmp_path / "base")
    reconfigure(folder, model_type="mistral", sliding_window=20)
    for engine, job in zip(ENGINES, jobs, strict=True):
        asked = replace(job, model=FolderModel(name="folder", path=folder))
        if SAME_FILES.get(engine, engine) == "llama_cpp":
            with pytest.raises(UsageError, match="sliding window has 20"):
                preflight([asked])
        else:
            preflight([asked])


def head(change: Callable[[torch.Tensor], torch.Tensor], **config: object) -> Edit:
    return with_(tensors=lambda t: t | {HEAD: change(t[EMBEDDING])}, **config)


def whole_beside_a_stale_index(folder: Path) -> None:
    whole = load_file(folder / WEIGHTS)
    rewrite(folder, lambda t: {name: 2 * each for name, each in t.items()})
    shard(folder)
    save_file(whole, folder / WEIGHTS)


def shards_beside_others(folder: Path) -> None:
    shard(folder)
    (folder / "consolidated.safetensors").write_bytes(b"not read")
    save_file({UP: torch.zeros(768, 256)}, folder / "model-extra.safetensors")
    (folder / "model.safetensors.index.fp16.json").write_text("{}")


def named_by_the_config(folder: Path) -> None:
    right = load_file(folder / WEIGHTS)
    save_file(right, folder / "mine.safetensors")
    rewrite(folder, lambda t: {name: 2 * each for name, each in t.items()})
    reconfigure(folder, transformers_weights="mine.safetensors")


SERVED: dict[str, Edit] = {
    "stored as F64": lambda folder: rewrite(
        folder, lambda t: {name: each.double() for name, each in t.items()}
    ),
    "a config that asks for an attention that isn't installed": lambda folder: reconfigure(
        folder, attn_implementation="flash_attention_2"
    ),
    "tied by config, another head stored": head(other),
    "tied by config, the same head stored": head(torch.clone),
    "tied by config, the head alone stored": with_(tensors=lambda t: {HEAD: t.pop(EMBEDDING), **t}),
    "untied by config, another head stored": head(other, tie_word_embeddings=False),
    "untied by silence, another head stored": head(other, tie_word_embeddings=None),
    "whole beside a stale index": whole_beside_a_stale_index,
    "shards beside other files": shards_beside_others,
    "a file that the config names": named_by_the_config,
    "frequencies of an old checkpoint": with_(
        tensors=lambda t: t | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(32)}
    ),
    "bfloat16": with_(tensors=lambda t: {name: each.bfloat16() for name, each in t.items()}),
}


@pytest.fixture
def scores(config, jobs, tmp_path, monkeypatch):
    """Log-probabilities of the continuation by one engine, on that checkpoint."""
    monkeypatch.setattr(llama_engine, "files_of", _files)  # a process of its own takes seconds

    def scored(folder: Path, engine: str) -> np.ndarray:
        settings = jobs[ENGINES.index(engine)].engine
        if engine == "llama_cpp":
            settings = replace(settings, precision="f32", cache=tmp_path / "cache")
        serving = Serving(Checkpoint.open(folder), {}, threads=1)
        with settings.build(serving) as entered:
            return entered.score(None, PROMPT, CONTINUATION)

    return scored


@pytest.mark.parametrize("name", SERVED)
def test_every_engine_serves_it_as_transformers_does(name, scores, tmp_path):
    folder = copied(tmp_path / "base")
    SERVED[name](folder)
    wanted = scores(folder, "merged")
    for engine in ("multilora", "llama_cpp"):
        np.testing.assert_allclose(scores(folder, engine), wanted, atol=0.02)


def test_the_edits_change_what_is_served(scores, tmp_path):
    folder = copied(tmp_path / "base")
    before = scores(folder, "merged")
    SERVED["tied by config, another head stored"](folder)
    assert np.abs(scores(folder, "merged") - before).max() > 0.1
