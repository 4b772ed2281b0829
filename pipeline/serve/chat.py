"""What a conversation is to the model: token ids, by the checkpoint's chat template."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.models.chat_template import ChatTemplate, read_template
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.template_process import TemplateProcess
from pipeline.models.tokenizer import TOKENIZER, read_tokenizer
from pipeline.serve.errors import ApiError
from pipeline.serve.model import ServedModel
from pipeline.serve.protocol.chat import ChatMessage, TemplateOptions


@dataclass(frozen=True)
class ChatEncoder:
    """Of one model.

    Attributes:
        model: what the tokens are for.
        process: runs the template; None where there is none.
        thread: waits for it, so that a slow conversation holds up no other work.
    """

    model: ServedModel
    process: TemplateProcess | None
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "template"))

    async def encode(self, turns: Sequence[ChatMessage], how: TemplateOptions) -> list[int]:
        """Token ids of a conversation.

        Args:
            turns: of it.
            how: what the template is told beside them.

        Raises:
            ApiError: there is no template, or it refuses the conversation.
        """
        if self.process is None:
            raise ApiError(
                "this model has no chat template; the server can be given one "
                "(serve.chat_template=path), or use /v1/completions",
                param="messages",
            )
        messages = [each.plain() for each in turns]
        try:
            text = await asyncio.get_running_loop().run_in_executor(
                self.thread, self.process.render, messages, how.options()
            )
        except UsageError as error:
            raise ApiError(str(error), param="messages") from error
        return await self.model.encode(text, bool(how.add_special_tokens))

    def close(self) -> None:
        """End the template's process."""
        if self.process is not None:
            self.process.close()
        self.thread.shutdown(wait=False, cancel_futures=True)


def template_process(checkpoint: Checkpoint, path: Path | None) -> TemplateProcess | None:
    """Runs the template beside a model's tokenizer, unless a file is named; it is started.

    Args:
        checkpoint: the model, which may not be made yet.
        path: the file; None takes the model's own.

    Returns:
        None where there is no template.

    Raises:
        UsageError: it can't be read, or isn't a template.
    """
    file = checkpoint.tokenizer_source or checkpoint.folder / TOKENIZER
    beside = ChatTemplate(file, read_tokenizer(file))
    if path is None:
        template = beside.stored()
    else:
        template = read_template(path, f"serve.chat_template={path}")
    if template is None:
        return None
    process = TemplateProcess(template, beside.tokens())
    process.start()
    return process
