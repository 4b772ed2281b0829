"""Regular expressions that don't come to an end are refused before anybody waits for them."""

import pytest

from pipeline.adapters.module_patterns import patterns_of
from pipeline.adapters.pattern_trial import try_patterns
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from tests.fuzz.small_checkpoints import CONFIG

SHAPE = ModelConfig.from_config(CONFIG, "small")
NAMES = SHAPE.every_module()
SAID = [
    {"target_modules": "(.*)*x"},
    {"target_modules": r"(\w+\.?)+!"},
    {"exclude_modules": "(.|..)*Q"},
    {"rank_pattern": {"q_proj": 4, "(.+)+$x": 8}},
    {"alpha_pattern": {".*.*.*.*.*.*.*x": 8}},
    {"modules_to_save": ["(.*.*)*x"]},
    {"layers_to_transform": [0], "layers_pattern": ["layers", "(.?){30}x"]},
    {"target_modules": "(?i)" + "[\u0001-\U0010ffff]x" * 60},
]


@pytest.mark.parametrize("config", SAID, ids=lambda config: next(reversed(config)))
def test_an_endless_one_is_refused_by_its_key(config):
    with pytest.raises(UsageError, match=rf"there: {next(reversed(config))}: .*simplify it"):
        try_patterns([*patterns_of(config)], NAMES, "there")


@pytest.mark.parametrize(
    "given", ["(", "q_proj)", "*", "(?P<n", "a{99999999999}", "(" * 3000, "\\", ".*(?i)q"]
)
@pytest.mark.parametrize("key", ["target_modules", "rank_pattern"])
def test_what_is_no_regular_expression_is_refused(key, given):
    config = {key: {given: 4} if key == "rank_pattern" else given}
    with pytest.raises(UsageError, match=f"there: {key}: .*isn't a regular expression"):
        try_patterns([*patterns_of(config)], NAMES, "there")


@pytest.mark.parametrize(
    "given",
    [
        r".*\.(q|v)_proj",
        r"model\.layers\.\d+\.(self_attn|mlp)\.(q|k|v|o|gate|up|down)_proj",
        r"^(?!.*vision).*(?:q_proj|v_proj)$",
        r"(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|ffn|dense).*?(?:q_proj|k_proj"
        r"|v_proj|o_proj|gate_proj|up_proj|down_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\."
        r"(?:self_attn|attention|attn|mlp|ffn|dense)\.(?:(?:q_proj|k_proj|v_proj|o_proj)))",
    ],
)
def test_those_that_people_write_end(given):
    try_patterns([*patterns_of({"target_modules": given})], NAMES, "there")


def test_a_list_holds_names_not_expressions():
    assert not [*patterns_of({"target_modules": ["(.*)*x", "("], "exclude_modules": ["["]})]


def test_a_key_for_every_module_of_a_large_model_is_no_expression_to_fear():
    names = [f"model.layers.{layer}.mlp.{name}_proj" for layer in range(80) for name in "abcdefg"]
    config = {"rank_pattern": {name.replace(".", r"\."): 4 for name in names}}
    try_patterns([*patterns_of(config)], names, "there")
