"""What PEFT's configuration may ask for, and what is refused by name before anything starts."""

import json
import shutil

import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, WEIGHTS
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from tests.conftest import ROOT

TINY = ROOT / "pipeline" / "assets" / "tiny"


@pytest.fixture(scope="module")
def shape():
    return ModelConfig.read(TINY / "base")


@pytest.fixture
def opened(tmp_path, shape):
    """Opens a copy of an embedded adapter with other entries in its configuration."""

    def copy(**said):
        shutil.copytree(TINY / "adapters" / "sql", tmp_path / "sql")
        config = json.loads((tmp_path / "sql" / CONFIG).read_text("utf-8"))
        (tmp_path / "sql" / CONFIG).write_text(json.dumps(config | said), "utf-8")
        return Adapter.open("sql", tmp_path / "sql", shape)

    return copy


@pytest.mark.parametrize("began", ["pissa", "pissa_niter_16", "olora", "OLoRA", "corda", "lora_ga"])
def test_an_adapter_that_took_a_part_of_the_base_is_refused_with_the_way_out(began, opened):
    with pytest.raises(UsageError, match=rf"sql.*{began}.*path_initial_model_for_weight_conv"):
        opened(init_lora_weights=began)


def test_an_adapter_of_a_base_that_loftq_quantised_is_refused(opened):
    with pytest.raises(UsageError, match=r"init_lora_weights='loftq'.*merge_and_unload"):
        opened(init_lora_weights="loftq", loftq_config={"loftq_bits": 4})


@pytest.mark.parametrize("began", [True, False, None, "gaussian", "eva", "orthogonal", "mica"])
def test_where_training_began_is_no_matter_if_it_left_the_base_alone(began, opened):
    assert not opened(init_lora_weights=began).lora.unusual()


@pytest.mark.parametrize(
    "said",
    [
        {"init_lora_weights": "other"},
        {"kasa_config": {"beta": 1.0}},
        {"layer_replication": [[0, 2], [1, 3]]},
        {"alora_invocation_tokens": [5, 6]},
        {"arrow_config": {"top_k": 2}},
        {"monteclora_config": {"num_samples": 2}},
        {"use_bdlora": {"nblocks": 2}},
        {"use_qalora": True},
        {"use_bdlora": 0.0},
    ],
    ids=lambda said: next(iter(said)),
)
def test_what_no_engine_serves_is_refused_by_name(said, opened):
    with pytest.raises(UsageError, match=next(iter(said))):
        opened(**said)


def test_biases_of_projections_without_any_are_refused_and_a_mere_setting_is_not(opened, shape):
    import torch
    from safetensors.torch import load_file, save_file

    adapter = opened(bias="all")
    tensors = load_file(adapter.folder / WEIGHTS)
    name = next(iter(tensors)).partition(".lora_")[0]
    save_file(tensors | {f"{name}.bias": torch.zeros(8)}, adapter.folder / WEIGHTS)
    with pytest.raises(UsageError, match=r"\.bias is nothing that PEFT saves"):
        Adapter.open("sql", adapter.folder, shape)


def test_a_whole_module_of_another_size_is_refused(opened, shape):
    import torch
    from safetensors.torch import load_file, save_file

    adapter = opened()
    tensors = load_file(adapter.folder / WEIGHTS)
    config = {**adapter.lora.config, "modules_to_save": ["lm_head"]}
    (adapter.folder / CONFIG).write_text(json.dumps(config))
    head = {"base_model.model.lm_head.weight": torch.zeros(shape.vocabulary + 1, shape.hidden)}
    save_file(tensors | head, adapter.folder / WEIGHTS)
    with pytest.raises(UsageError, match=r"saves .*lm_head\.weight as \[2049, 256\]"):
        Adapter.open("sql", adapter.folder, shape)


def test_a_configuration_without_rank_and_alpha_has_pefts(opened):
    adapter = opened()
    config = {k: v for k, v in adapter.lora.config.items() if k not in ("r", "lora_alpha")}
    lora = type(adapter.lora)(adapter.folder, config, adapter.lora.shapes)
    assert (lora.rank("model.layers.0.self_attn.q_proj"), lora.alpha) == (8, 8.0)


@pytest.mark.parametrize("said", ["[]", "{", '"text"'])
def test_a_configuration_that_is_none_is_refused(said, opened, shape):
    folder = opened().folder
    (folder / CONFIG).write_text(said)
    with pytest.raises(UsageError, match="sql"):
        Adapter.open("sql", folder, shape)
