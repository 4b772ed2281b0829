"""Chat templates: what transformers makes of them, and what hostile ones come to."""

import json
import os
import shutil
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from pipeline.errors import UsageError
from pipeline.models import template_rendering as module
from pipeline.models.chat_template import ChatTemplate
from pipeline.models.tokenizer import read_tokenizer
from pipeline.process.child import Child

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny" / "base"
PLAIN = """{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>
{{ m['content'] | trim }}{{ eos_token }}
{% endfor %}{% if add_generation_prompt %}<|assistant|>
{% endif %}"""
DATED = "{{ strftime_now('%d %b %Y') }} {{ messages | tojson }} {{ tools is defined }}"
TURNS = (
    (("user", " caf\u00e9 <s> \n"),),
    (("system", "Be brief."), ("user", "One?"), ("assistant", "1"), ("user", "Two?")),
)


@pytest.fixture
def folder(tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY / name, tmp_path / name)
    return tmp_path


def template(folder):
    file = folder / "tokenizer.json"
    return ChatTemplate(file, read_tokenizer(file))


def render(folder, turns=TURNS, path=None):
    return template(folder).render(turns, [f"file:{n}" for n in range(len(turns))], path)


def refusal(folder, *arguments):
    with pytest.raises(UsageError) as refused:
        render(folder, *arguments)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 1000
    return str(refused.value)


@pytest.mark.parametrize("text", [PLAIN, "{{ messages | tojson }}{{ messages[0].role }}"])
def test_the_same_as_transformers_makes(folder, text):
    (folder / "chat_template.jinja").write_text(text)
    judge = PreTrainedTokenizerFast.from_pretrained(folder)
    for turns, made in zip(TURNS, render(folder), strict=True):
        chat = [{"role": role, "content": content} for role, content in turns]
        asked = {"add_generation_prompt": True}
        assert made == judge.apply_chat_template(chat, tokenize=False, **asked)
        ids = judge.apply_chat_template(chat, tokenize=True, return_dict=False, **asked)
        assert list(template(folder).encode(made)) == list(ids)


def test_every_day_is_the_same(folder):
    (folder / "chat_template.jinja").write_text(DATED)
    assert render(folder)[0].startswith('26 Jul 2024 [{"role": "user", "content": " caf\u00e9')


def test_chance_has_no_part_in_it(folder):
    (folder / "chat_template.jinja").write_text("{{ range(99999) | random }} {{ lipsum(n=1) }}")
    one, other = render(folder, TURNS[:1] * 2)
    assert one == other


def test_wherever_it_lies(folder, tmp_path):
    config = json.loads((TINY / "tokenizer_config.json").read_text())
    several = [
        {"name": ["tool_use"], "template": "tools"},
        {"name": "default", "template": "of several"},
    ]
    for said, text in (("of the configuration", "of the configuration"), (several, "of several")):
        config["chat_template"] = said
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        assert template(folder).source(None) == text
    (folder / "chat_template.jinja").write_text("of the file")
    assert template(folder).source(None) == "of the file"
    given = tmp_path / "a path with spaces.jinja"
    given.write_text("given")
    assert render(folder, TURNS[:1], given) == ["given"]
    assert template(folder).sha256(given) != template(folder).sha256(None)


def test_none_is_refused_by_name(folder):
    assert f"{folder}: has no chat template" in refusal(folder)
    os.mkfifo(folder / "pipe")
    assert "pipe: can't be read (is a pipe, not a file)" in refusal(folder, TURNS, folder / "pipe")
    (folder / "latin").write_bytes(b"caf\xe9")
    assert "latin: can't be read" in refusal(folder, TURNS, folder / "latin")


HOSTILE = {
    "{% if %}": "isn't one (TemplateSyntaxError",
    "{{ raise_exception('roles must\\nalternate') }}": "refuses it (TemplateError: roles must alt",
    "{{ messages[7].content }}": "refuses it (UndefinedError",
    "{{ ''.__class__.__mro__ }}": "refuses it (SecurityError",
    "{% for i in range(10**9) %}{% endfor %}": "refuses it (OverflowError",
    "{{ 'a' * 10**11 }}": "refuses it (MemoryError",
    "{{ 'a' * (2 * 10**7) }}": "makes 20000000 characters",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "refuses it (RecursionError",
}


def each_alone():
    """What becomes of the hostile ones, in a process of its own like theirs."""
    return [module._render(text, {}, TURNS, 60) for text in HOSTILE]


def test_what_is_wrong_is_said_in_a_line(folder):
    with Child(each_alone) as child:
        for failed, said in zip(child.result(), HOSTILE.values(), strict=True):
            assert said in failed.why and "\n" not in failed.why and len(failed.why) < 400
    (folder / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    assert refusal(folder) == "file:0: the chat template refuses it (TemplateError: no)"


def test_a_template_without_end_is_ended(folder, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 2)
    loop = "{% for i in range(99999) %}"
    (folder / "chat_template.jinja").write_text(loop * 2 + "{% endfor %}" * 2)
    assert "the chat template was ended (its process was ended by SIG" in refusal(folder)
