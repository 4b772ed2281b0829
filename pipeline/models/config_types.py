"""Of which types the values of a `config.json` must be: as transformers 5 insists on them."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.families import FAMILIES
from pipeline.models.family import NULL, Types

_ALL: Types = {
    **dict.fromkeys(("hidden_size", "intermediate_size", "num_hidden_layers"), (int,)),
    **dict.fromkeys(("num_attention_heads", "max_position_embeddings", "vocab_size"), (int,)),
    "num_key_value_heads": (int, NULL),
    **dict.fromkeys(("pad_token_id", "bos_token_id"), (int, NULL)),
    "eos_token_id": (int, list, NULL),
    **dict.fromkeys(("initializer_range", "rms_norm_eps"), (float,)),
    "attention_dropout": (int, float, NULL),
    **dict.fromkeys(("use_cache", "tie_word_embeddings"), (bool,)),
    "hidden_act": (str,),
    **dict.fromkeys(("rope_parameters", "rope_scaling"), (dict, NULL)),
    "rope_theta": (int, float),
    "layer_types": (list, NULL),
    "auto_map": (dict, list, str),
    "id2label": (dict, NULL),
    "num_labels": (int,),
    "base_model_tp_plan": (dict, NULL),
}
_SAID = {NULL: "null", bool: "true or false", str: "a text", dict: "an object", list: "a list"}
_SAID |= {int: "a whole number", float: "a number with a point"}


def types_of(family: str) -> Types:
    """By key, for transformers' `model_type`; keys that the family doesn't know may be anything."""
    its = FAMILIES[family]
    unknown = {*its.keys, *its.fixed} - its.types.keys()
    return {key: types for key, types in {**_ALL, **its.types}.items() if key not in unknown}


def check_types(config: Mapping[str, Any], where: str) -> None:
    """Refuse a value that transformers would refuse for its type, whoever serves the model.

    Raises:
        UsageError: naming file, key, value and what it must be.
    """
    for key, types in types_of(config["model_type"]).items():
        if key in config and type(config[key]) not in types:
            wanted = " or ".join(_SAID[each] for each in types)
            raise UsageError(f"{where}: {key} is {config[key]!r:.80}, not {wanted}; correct it")
