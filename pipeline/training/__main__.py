"""`python -m pipeline.training`: makes the embedded model again, from text Python brings along."""

import argparse
from pathlib import Path
from random import Random

import torch

from pipeline.training.adapters import RECIPES, train_adapter
from pipeline.training.base import train_base
from pipeline.training.corpus import corpus
from pipeline.training.habits import passage
from pipeline.training.tokenizer import train_tokenizer

ASSETS = Path(__file__).parents[1] / "assets" / "tiny"


def train(out: Path, seed: int, steps: int, adapter_steps: int) -> None:
    """Corpus, tokenizer, base, adapters; each is saved as soon as it is made."""
    torch.manual_seed(seed)
    text = corpus()
    habits = [passage(name, Random(f"tokenizer:{name}"), 200) for name in RECIPES]
    tokenizer = train_tokenizer([text, *habits], out / "base")
    base = train_base(torch.tensor(tokenizer(text)["input_ids"]), steps, out / "base")
    for name in RECIPES:
        train_adapter(base, tokenizer, text, name, adapter_steps, out / "adapters")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.training", description=__doc__)
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=500, help="of the base model")
    parser.add_argument("--adapter-steps", type=int, default=150, help="of each adapter")
    arguments = parser.parse_args()
    train(arguments.out, arguments.seed, arguments.steps, arguments.adapter_steps)


if __name__ == "__main__":
    main()
