"""What may happen to an adapter's folder."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from safetensors import SafetensorError

from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from tests.fuzz.broken_files import break_file
from tests.fuzz.json_junk import change_json
from tests.fuzz.safetensors_bytes import Safetensors, break_header, change_tensors
from tests.fuzz.small_adapters import COMMON, DTYPES, VALUES, make, random_values

Change = Callable[[Path, Random], str]
Values = Callable[[Random], dict[str, Any]]

KEYS = (
    *COMMON,
    *VALUES,
    *("auto_mapping", "revision", "megatron_config", "megatron_core", "loftq_config", "eva_config"),
    *("corda_config", "lora_ga_config", "velora_config", "alora_invocation_tokens", "use_qalora"),
    *("qalora_group_size", "monteclora_config", "layer_replication", "runtime_config"),
    *("target_parameters", "use_bdlora", "arrow_config", "kasa_config", "ensure_weight_tying"),
    *("subfolder", "ephemeral_gpu_offload", "from_the_future"),
)
PATTERNS = (
    *("(.*)*x", "(a|a)*b", "(.+)+$x", "(.*.*.*.*.*.*)x", r"(\w+\.?)+!", "(([a-z_.0-9])+)+Q"),
    *("(?:.?){40}x", "(.*?)*?x", r"(.*\.)*(.*\.)*(.*\.)*x", "((((((((a*)*)*)*)*)*)*)*)x"),
    *("(?=(.+)+x)q", r"(.+)\1\1+x", "(", "q_proj)", "[", "*", "a{99999999999}", "(?P<idx>q_proj)"),
    *("(?P<n>", "\\", "(?i", "(" * 3000, "x{60000}" * 100, "[\\x00-\U0010ffff]" * 50),
    *("(?i)" + "[\u0001-\U0010ffff]x" * 30, "\ud800", "\x00", "q_proj|.*", ".*", ".*proj"),
    *("(?s:.)*", r"\bq_proj\b", "(?<=self_attn.)q_proj", "q.proj" * 500),
    *("^.*$", "(?a).*q_proj", "(?x) .* q_proj # x", "q_proj++", "(?>.*)q_proj", ""),
)  # fmt: skip
"""Regular expressions that don't end, aren't any, are long, or are sound and odd."""
WHERE = (
    *("target_modules", "exclude_modules", "layers_pattern"),
    *("rank_pattern", "alpha_pattern", "modules_to_save"),
)
NUMBERS: tuple[Any, ...] = (
    *(0, -1, -8, 1e300, -1e300, 1e38, 3.5e38, 1e-300, 1e-45, 10**400, 10**30, 10**6, 1e6, 2**63),
    *(float("nan"), float("inf"), True, None, "8", [8], 8.0, 0.5, 1, 3, 100, 33, 4096),
)
ALONG = ("lm_head.weight", "model.embed_tokens.weight", "model.norm.weight",
         "lm_head.base_layer.weight", "model.layers.0.self_attn.q_proj.base_layer.weight",
         "model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_proj.lora_B.bias",
         "model.layers.0.self_attn.q_proj.lora_magnitude_vector", "lm_head.lora_A.weight",
         "model.embed_tokens.lora_embedding_A", "model.rotary_emb.inv_freq", "score.weight",
         "model.layers.0.self_attn.q_proj.lora_A.default.weight")  # fmt: skip
NAMES = (
    *("a b", " ", "nan", "null", "..x", "-", "~", "1", "1e3", "é", "🎭", "a.b", "keys", "x" * 200),
    *("x" * 160, "a\nb", "a\tb", "base", "__base__", "a%b", "a@b", "a\\b", "${x}", "{a}", "a=b"),
    *("a,b", "[x]", "'", '"', "a\u2028b", "\udcff", "%s", "served_000000000", "lora_A", "#"),
)


def a_configuration(folder: Path, rng: Random, shape: ModelConfig, values: Values) -> str:
    """Another configuration with tensors that fit it, as far as we know."""
    said, dtype = values(rng), rng.choice([*DTYPES])
    try:
        make(folder, said, dtype, shape, seed=rng.randrange(1000))
    except (UsageError, SafetensorError, re.error) as error:  # its old tensors stay
        return f"configured {said}, which nothing fits ({error!s:.60})"
    return f"made {dtype} {said}"


def a_pattern(folder: Path, rng: Random) -> str:
    """An odd regular expression somewhere."""
    config, pattern = _config(folder), rng.choice(PATTERNS)
    key = rng.choice(WHERE)
    if key in ("rank_pattern", "alpha_pattern"):
        config[key] = rng.choice(
            ({pattern: 4}, {pattern: 4, "q_proj": 4}, {"q_proj": 4, pattern: 9})
        )
    else:
        config[key] = rng.choice((pattern, [pattern], [pattern, "q_proj"]))
    if key == "layers_pattern":
        config["layers_to_transform"] = [0, 1]
    _write(folder, config)
    return f"{key}: {pattern[:60]!r}"


def a_number(folder: Path, rng: Random) -> str:
    """Another rank or alpha than the tensors'."""
    config, value = _config(folder), rng.choice(NUMBERS)
    key = rng.choice(("r", "lora_alpha", "rank_pattern", "alpha_pattern", "lora_dropout"))
    config[key] = {"q_proj": value} if "pattern" in key else value
    config["use_rslora"] = rng.random() < 0.5
    _write(folder, config)
    return f"{key} = {value!s:.40}"


def another_name(folder: Path, rng: Random) -> str:
    """Every tensor by another convention."""
    file = Safetensors.read(folder / WEIGHTS)
    old, new = rng.choice(
        ((PREFIX, ""), (PREFIX, "base_model."), (PREFIX, PREFIX + "model."), ("lora_", "lora_x_"),
         (".weight", ".default.weight"), ("self_attn", "attention"), ("layers.0", "layers.9"),
         (PREFIX + "model", "transformer"), ("lora_A", "lora_down"), ("lora_A", "lora_B"),
         ("model.layers", "model.decoder.layers"), (PREFIX, "_orig_mod." + PREFIX))
    )  # fmt: skip
    tensors = file.tensors()
    renamed = {name.replace(old, new): each for name, each in tensors.items()}
    if rng.random() < 0.3:
        renamed = {**tensors, **renamed}
    (folder / WEIGHTS).write_bytes(file.replaced(renamed).bytes())
    return f"{old!r} is called {new!r}"


def saved_along(folder: Path, rng: Random, shape: ModelConfig) -> str:
    """Something of the base, or of another kind of adapter, in the file."""
    file, name = Safetensors.read(folder / WEIGHTS), rng.choice(ALONG)
    rows = shape.vocabulary if "embed" in name or "lm_head" in name else shape.hidden
    size = [rows, shape.hidden] if name.endswith("weight") and "norm" not in name else [rows]
    if "lora_A" in name:
        size = [4, shape.hidden]
    content = bytes(4 * size[0] * (size[1] if len(size) > 1 else 1))
    tensors = {**file.tensors(), PREFIX + name: ("F32", size, content)}
    (folder / WEIGHTS).write_bytes(file.replaced(tensors).bytes())
    if rng.random() < 0.4:
        config = _config(folder)
        module = name.partition(".lora_")[0].rpartition(".")[0].rpartition(".")[2] or "lm_head"
        given = config.get("target_modules")
        config["target_modules"] = [*(given if isinstance(given, list) else []), module]
        _write(folder, config)
    return f"saved along: {name}"


def another_rank(folder: Path, rng: Random) -> str:
    """All matrices, or one kind, of another rank than the configuration's."""
    file = Safetensors.read(folder / WEIGHTS)
    rank, tensors = rng.choice((0, 1, 2, 3, 5, 8, 100, 5000)), file.tensors()
    only = rng.choice(("lora_A", "lora_B", "lora_", "lora_", "layers.0"))
    for name, (dtype, size, content) in tensors.items():
        if only in name and len(size) == 2 and content:
            at = 0 if "lora_A" in name else 1
            number = len(content) // (size[0] * size[1])
            other = [*size]
            other[at] = rank
            needed = other[0] * other[1] * number
            tensors[name] = (dtype, other, (content * (needed // len(content) + 1))[:needed])
    (folder / WEIGHTS).write_bytes(file.replaced(tensors).bytes())
    if said := rng.random() < 0.5:
        _write(folder, _config(folder) | {"r": rank, "rank_pattern": {}})
    return f"rank {rank} of {only}, {'as configured' if said else 'not configured'}"


def another_file(folder: Path, rng: Random) -> str:
    """Something in the place of a file."""
    return break_file(folder / rng.choice((CONFIG, WEIGHTS)), rng)


def no_folder(folder: Path, rng: Random) -> str:
    """Something in the place of the folder."""
    kind = rng.choice(
        ("empty", "a file", "a link to itself", "a link", "no configuration", "pickle")
    )
    if kind == "a link":
        moved = folder.rename(folder.with_name(f".{folder.name}"))
        folder.symlink_to(moved.name)
    elif kind == "no configuration":
        (folder / CONFIG).unlink()
    elif kind == "pickle":
        (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    else:
        shutil.rmtree(folder)
        if kind == "empty":
            folder.mkdir()
        elif kind == "a file":
            folder.write_text("{}")
        else:
            folder.symlink_to(folder.name)
    return f"the folder: {kind}"


def _config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / CONFIG).read_text("utf-8"))
    return found


def _write(folder: Path, config: dict[str, Any]) -> None:
    (folder / CONFIG).write_text(json.dumps(config), "utf-8")


def changes(shape: ModelConfig, values: Values = random_values) -> dict[Change, float]:
    """How often each is made.

    Args:
        shape: of the base.
        values: draws what a configuration may say.
    """
    return {
        lambda folder, rng: a_configuration(folder, rng, shape, values): 36,
        lambda folder, rng: change_json(folder / CONFIG, rng, KEYS): 24,
        lambda folder, rng: change_tensors(folder / WEIGHTS, rng): 14,
        lambda folder, rng: break_header(folder / WEIGHTS, rng): 10,
        lambda folder, rng: saved_along(folder, rng, shape): 6,
        a_pattern: 1,
        a_number: 5,
        another_name: 4,
        another_rank: 5,
        another_file: 6,
        no_folder: 1,
    }
