"""Changed checkpoint folders: refused in one line, or served as transformers serves them.

Each case changes one or two things in a small sound checkpoint, puts it through preflight and,
if that lets it pass, through `prepare`, the engine that the arm names, and transformers.
"""

import json
import shutil
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from pipeline.config.run_config import RunConfig
from pipeline.models.folder import FolderModel
from tests.fuzz.broken_files import break_file
from tests.fuzz.campaign import Outcome, Try
from tests.fuzz.composed import composed
from tests.fuzz.json_junk import change_json
from tests.fuzz.safetensors_bytes import Safetensors, break_header, change_tensors
from tests.fuzz.served_alike import tried
from tests.fuzz.small_checkpoints import CHECKPOINTS, CONFIG, INDEX, make

SHAPES = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "vocab_size", "tie_word_embeddings"),
)
KEYS = (
    *CONFIG,
    *("attention_bias", "mlp_bias", "sliding_window", "use_sliding_window", "max_window_layers"),
    *("layer_types", "rope_scaling", "rope_theta", "partial_rotary_factor", "quantization_config"),
    *("original_max_position_embeddings", "transformers_weights", "torch_dtype", "dtype"),
    *("auto_map", "architectures", "attn_implementation", "_attn_implementation", "use_cache"),
    *(
        "pretraining_tp",
        "is_decoder",
        "is_causal",
        "return_dict",
        "output_attentions",
        "unk_token_id",
    ),
    *("chunk_size_feed_forward", "initializer_range", "attention_dropout", "tokenizer_class"),
)
PRECISIONS = {
    "multilora": ("fp32", "fp32", "int8", "int4"),
    "llama_cpp": ("f32", "f32", "f16", "q8_0", "q4_k_m"),
}
OUTSIDE = ("../x.safetensors", "/etc/passwd", "/dev/zero", "", ".", "..", "config.json", "a/b", "~")
"""What an index may call a shard."""
Change = Callable[[Path, Random], str]
Changes = Mapping[Change, float]


def begin(work: Path, arm: str, seed: int) -> Try:
    """Make the sound checkpoints, compose a job for the engine, and try it once unchanged."""
    return begin_with(CHECKPOINTS, CHANGES, work, arm, seed)


def begin_with(names: Iterable[str], made: Changes, work: Path, arm: str, seed: int) -> Try:
    """The same with these checkpoints, and these changes as often as each is made."""
    bases = [make(name, work / "bases" / name) for name in names]
    job = composed(work, f"engine={arm}", "model=folder", f"model.path={bases[0]}")

    def attempt(number: int) -> Outcome:
        rng = Random(f"{seed}/{number}")
        folder = work / "case"
        shutil.rmtree(folder, ignore_errors=True)
        base = rng.choice(bases)
        shutil.copytree(base, folder)
        chosen = rng.choices([*made], [*made.values()], k=rng.choice((1, 1, 1, 1, 2)))
        said = "; ".join([base.name, *(_made(each, folder, rng) for each in chosen)])
        try:
            return _tried(_with_precision(job, arm, number), folder, said)
        except Exception:
            return Outcome("foreign", said, traceback.format_exc()[-6000:])

    for base in [*bases]:
        found = _tried(job, base, base.name)
        if found.kind == "refused" and "sliding window" in found.said:
            bases.remove(base)  # that engine keeps to none
        else:
            assert found.kind == "served", found
    return attempt


def _made(change: Change, folder: Path, rng: Random) -> str:
    try:
        return change(folder, rng)
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        return f"nothing, after the change before ({error!r:.80})"


def _tried(job: RunConfig, folder: Path, change: str) -> Outcome:
    return replace(
        tried(replace(job, model=FolderModel(name="folder", path=folder))), change=change
    )


def _with_precision(job: RunConfig, arm: str, number: int) -> RunConfig:
    if arm not in PRECISIONS:
        return job
    chosen = PRECISIONS[arm][number % len(PRECISIONS[arm])]
    return replace(job, engine=replace(job.engine, precision=chosen))


def _any_file(folder: Path, rng: Random) -> str:
    return break_file(rng.choice(_readable(folder)), rng)


def _weights(change: Change) -> Change:
    return lambda folder, rng: change(rng.choice(_readable(folder, "*.safetensors")), rng)


def _json(name: str, keys: tuple[str, ...] = ()) -> Change:
    return lambda folder, rng: change_json(_readable(folder, name)[0], rng, keys)


def _shape(names: tuple[str, ...]) -> Change:
    """One of the dimensions, which all tensors are held against."""
    return lambda folder, rng: _json("config.json", (rng.choice(names),))(folder, rng)


def _index(folder: Path, rng: Random) -> str:
    """The list of shards; where there is none, one that names the whole file by another name."""
    shards = _readable(folder, "*.safetensors")
    if not _readable(folder, INDEX):
        whole = dict.fromkeys(Safetensors.read(shards[0]).names(), "whole.safetensors")
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": whole}))
        shards = [shards[0].rename(folder / "whole.safetensors")]
    if rng.random() < 0.6:
        return _json(INDEX, ("metadata", "weight_map"))(folder, rng)
    text = (folder / INDEX).read_text("utf-8")
    shard, other = rng.choice(shards).name, rng.choice(OUTSIDE)
    (folder / INDEX).write_text(text.replace(shard, other))
    return f"{INDEX}: {shard} is called {other}"


def _readable(folder: Path, pattern: str = "*") -> list[Path]:
    """What an earlier change hasn't made a pipe of, or of endless size."""
    found = sorted(folder.glob(pattern))
    return [each for each in found if each.is_file() and each.stat().st_size < 1 << 20]


def _extra_file(folder: Path, rng: Random) -> str:
    """Something beside the weights that may be taken for them."""
    name = rng.choice(
        ("adapter_config.json", INDEX, "model.safetensors", "added_tokens.json", "vocab.json",
         "special_tokens_map.json", "chat_template.jinja", "pytorch_model.bin", "merges.txt")
    )  # fmt: skip
    (folder / name).write_bytes(rng.choice((b"{}", b"", b"[]", b'{"<x>": 300}', b"null", b"\xff")))
    return f"{name} put there"


def changes(shapes: tuple[str, ...], keys: tuple[str, ...]) -> Changes:
    """How often each is made.

    Args:
        shapes: keys of a `config.json` that say how large something is.
        keys: that it may have.
    """
    return {
        _shape(shapes): 18,
        _json("config.json", keys): 22,
        _json("generation_config.json", ("eos_token_id", "max_length", "do_sample")): 5,
        _json("tokenizer.json"): 12,
        _json("tokenizer_config.json", ("additional_special_tokens", "added_tokens_decoder")): 4,
        _index: 5,
        _weights(change_tensors): 16,
        _weights(break_header): 12,
        _any_file: 10,
        _extra_file: 2,
    }


CHANGES = changes(SHAPES, KEYS)
