"""`python -m pipeline.training.skills`: trains adapters of visible skills for SmolLM2-135M."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from pipeline.places import ASSETS, ROOT
from pipeline.process.arguments import Arguments, count, new_folder, seed

FOLDER = ASSETS / "smollm2"
GGUF = ".gguf"


def train(model: Path, out: Path, seed: int, steps: int | None) -> None:
    """Write the questions, and train those adapters that `out` doesn't hold yet, one by one."""
    import torch  # and transformers, below: seconds that a wrong argument needn't wait for
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from pipeline.training.skills.questions import write_questions
    from pipeline.training.skills.recipes import SKILLS
    from pipeline.training.skills.train import train_skill

    write_questions(out, seed)
    folder = _folder(model)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for name, skill in SKILLS.items():
        if not (out / "adapters" / name).exists():
            train_skill(base, tokenizer, name, steps or skill.steps, seed, out / "adapters")


def main(given: Sequence[str] | None = None) -> None:
    """Read the command line and train."""
    parser = Arguments(prog="python -m pipeline.training.skills", description=__doc__)
    parser.add_argument(
        "--model",
        type=_checkpoint,
        required=True,
        help="folder of SmolLM2-135M-Instruct, or its GGUF file",
    )
    parser.add_argument(
        "--out",
        type=new_folder,
        default=FOLDER,
        help="folder to write; adapters that are there are kept (%(default)s)",
    )
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--steps", type=count, help="of each adapter (its recipe's)")
    arguments = parser.parse_args(given)
    train(arguments.model, arguments.out, arguments.seed, arguments.steps)


def _checkpoint(text: str) -> Path:
    path = Path(text)
    if not (path / "config.json").is_file() and not (path.suffix == GGUF and path.is_file()):
        raise ArgumentTypeError(
            f"{text}: isn't a folder with a checkpoint's config.json, nor a {GGUF} file"
        )
    return path


def _folder(model: Path) -> Path:
    """Where transformers finds it."""
    if model.suffix != GGUF:
        return model
    from pipeline.gguf.conversion import checkpoint_of
    from pipeline.models.safetensors_copy import library_folder

    return library_folder(checkpoint_of(model, ROOT / "runs" / ".cache"))


if __name__ == "__main__":
    main()
