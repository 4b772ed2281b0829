"""A checkpoint's chat template: what a conversation is as a text, and which tokens that makes.

A template is a program in a file from strangers; `template_rendering` says how it is run.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.files.regular import MEBIBYTE, read_regular
from pipeline.models.files import is_there, read_object
from pipeline.models.template_rendering import Conversation, Unrendered, rendered
from pipeline.models.tokenizer import TOKENIZER_CONFIG, special_tokens

TEMPLATE = "chat_template.jinja"
KEY = "workload.chat.template"
MOST_BYTES = MEBIBYTE
"""Of a template; the longest published ones have a fiftieth."""


class ChatTemplate:
    """The chat template beside a tokenizer, read when it is first needed."""

    def __init__(
        self, tokenizer_file: Path, tokenizer: Tokenizer, base: "ChatTemplate | None" = None
    ) -> None:
        """Of a base model, or of an adapter that was trained with tokens added.

        Args:
            tokenizer_file: that it lies beside.
            tokenizer: which that file holds.
            base: the base's, for an adapter: what lies beside its own tokenizer goes before that.
        """
        self._folder, self._tokenizer, self._base = tokenizer_file.parent, tokenizer, base

    def encode(self, text: str) -> Sequence[int]:
        """Token ids of a text as a template makes it: none is added to those that it spells."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def tokens(self) -> Mapping[str, str]:
        """The special tokens that templates know by name, `bos_token` for one."""
        known = self._base.tokens() if self._base else {}
        return {**known, **special_tokens(self._folder)}

    def source(self, path: Path | None) -> str:
        """The template itself.

        Args:
            path: a file that holds it; None takes what lies beside the tokenizer. An adapter's own
                goes before it.

        Raises:
            UsageError: there is none, or it can't be read.
        """
        if self._base is not None:
            return self.stored() or self._base.source(path)
        if path is not None:
            return read_template(path, f"{KEY}={path}")
        if (found := self.stored()) is None:
            raise UsageError(
                f"{self._folder}: has no chat template ({TEMPLATE}, or in {TOKENIZER_CONFIG}), and "
                f"prompts are conversations; give one ({KEY}=path), or a model that has one"
            )
        return found

    def stored(self) -> str | None:
        """The one that lies beside the tokenizer; None where there is none.

        Raises:
            UsageError: it can't be read.
        """
        return stored_template(self._folder)

    def sha256(self, path: Path | None) -> str:
        """Of the template."""
        return hashlib.sha256(self.source(path).encode("utf-8", "surrogatepass")).hexdigest()

    def render(
        self, conversations: Sequence[Conversation], places: Sequence[str], path: Path | None
    ) -> list[str]:
        """Each conversation as a text, up to where the model is to answer.

        Args:
            conversations: role and content of their turns.
            places: where each stands, for messages.
            path: as of `source`.

        Raises:
            UsageError: the template refuses one, or takes too long or too much memory for them.
        """
        asked = tuple(tuple(map(tuple, each)) for each in conversations)
        tokens = tuple(sorted(self.tokens().items()))
        made = rendered(self.source(path), tokens, asked)
        if isinstance(made, Unrendered):
            own = self._base is not None and self.stored() is not None
            where = str(self._folder if own else path or self._folder)
            if made.number >= 0:
                where = places[made.number] or "workload.prompts"
            raise UsageError(f"{where}: the chat template {made.why}")
        return list(made)


def stored_template(folder: Path) -> str | None:
    """The template that lies beside a tokenizer; None where there is none.

    Raises:
        UsageError: it can't be read.
    """
    if is_there(folder / TEMPLATE):
        return read_template(folder / TEMPLATE, str(folder / TEMPLATE))
    config = folder / TOKENIZER_CONFIG
    said = read_object(config).get("chat_template") if is_there(config) else None
    if isinstance(said, list):
        named = [each for each in said if isinstance(each, dict)]
        chosen = (each.get("template") for each in named if each.get("name") == "default")
        said = next(chosen, None)
    return said if isinstance(said, str) and said else None


def read_template(path: Path, said: str) -> str:
    """A template in a file of its own.

    Args:
        path: of the file.
        said: how it was named, for messages.

    Raises:
        UsageError: it can't be read.
    """
    try:
        return read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{said}: can't be read ({why}); name a Jinja template") from error
