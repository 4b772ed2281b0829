"""`python -m pipeline.training`: makes the embedded model again, from text Python brings along."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

from pipeline.process.arguments import Arguments, count, new_folder, seed
from pipeline.training.corpus import corpus

ASSETS = Path(__file__).parents[1] / "assets" / "tiny"


def train(out: Path, seed: int, steps: int, adapter_steps: int) -> None:
    """Corpus, tokenizer, base, adapters; each is saved as soon as it is made."""
    import torch  # and transformers, below: seconds that a wrong argument needn't wait for

    from pipeline.training.adapters import RECIPES, train_adapter
    from pipeline.training.base import train_base
    from pipeline.training.habits import passage
    from pipeline.training.tokenizer import train_tokenizer

    torch.manual_seed(seed)
    text = corpus()
    habits = [passage(name, Random(f"tokenizer:{name}"), 200) for name in RECIPES]
    tokenizer = train_tokenizer([text, *habits], out / "base")
    base = train_base(torch.tensor(tokenizer(text)["input_ids"]), steps, out / "base")
    for name in RECIPES:
        train_adapter(base, tokenizer, text, name, adapter_steps, out / "adapters")


def main(given: Sequence[str] | None = None) -> None:
    """Read the command line and train."""
    parser = Arguments(prog="python -m pipeline.training", description=__doc__)
    parser.add_argument(
        "--out", type=new_folder, default=ASSETS, help="folder to write (%(default)s)"
    )
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--steps", type=count, default=500, help="of the base model")
    parser.add_argument("--adapter-steps", type=count, default=150, help="of each adapter")
    arguments = parser.parse_args(given)
    train(arguments.out, arguments.seed, arguments.steps, arguments.adapter_steps)


if __name__ == "__main__":
    main()
