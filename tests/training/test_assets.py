"""What is kept with the code is small, safe to load, and free of this or that machine."""

import json

from safetensors import safe_open

from pipeline.training.__main__ import ASSETS
from pipeline.training.adapters import RECIPES

FILES = [path for path in sorted(ASSETS.rglob("*")) if path.is_file()]
CONFIGS = {
    path.parent.name: json.loads(path.read_text("utf-8"))
    for path in sorted(ASSETS.glob("adapters/*/adapter_config.json"))
}


def test_everything_fits_in_ten_megabytes() -> None:
    assert sum(path.stat().st_size for path in FILES) < 10_000_000


def test_weights_are_safetensors_in_half_precision() -> None:
    assert {path.suffix for path in FILES} <= {".json", ".safetensors", ".md"}
    for path in ASSETS.rglob("*.safetensors"):
        with safe_open(path, framework="pt") as weights:
            assert {weights.get_slice(key).get_dtype() for key in weights.keys()} == {"F16"}  # noqa: SIM118


def test_no_file_names_a_folder_of_a_machine() -> None:
    for path in ASSETS.rglob("*.json"):
        if path.name != "tokenizer.json":
            text = path.read_text("utf-8")
            assert '"/' not in text and ":\\\\" not in text, path
    assert {config["base_model_name_or_path"] for config in CONFIGS.values()} == {"tiny"}


def test_saved_configurations_are_the_recipes() -> None:
    assert set(CONFIGS) == set(RECIPES)
    for name, recipe in RECIPES.items():
        saved = CONFIGS[name]
        assert (saved["r"], saved["lora_alpha"]) == (recipe.rank, recipe.alpha)
        assert set(saved["target_modules"]) == set(recipe.targets)
        assert saved["use_rslora"] == recipe.rslora
        assert saved["bias"] == "none" and saved["lora_dropout"] == 0


def test_recipes_are_mixed() -> None:
    recipes = RECIPES.values()
    assert {recipe.rank for recipe in recipes} == {4, 8, 16}
    assert len({recipe.targets for recipe in recipes}) >= 3
    assert sum(recipe.rslora for recipe in recipes) == 1


def test_widths_fit_every_quantisation() -> None:
    config = json.loads((ASSETS / "base" / "config.json").read_text("utf-8"))
    assert config["hidden_size"] % 256 == config["intermediate_size"] % 256 == 0
    assert config["dtype"] == "float16" and config["tie_word_embeddings"] is True
