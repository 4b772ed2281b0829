"""What llama.cpp refuses before anything is loaded."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.adapters.as_gguf import gguf_adapter_of
from pipeline.engines.ik_llama_cpp.settings import IkLlamaCppSettings
from pipeline.engines.llama_cpp import settings as module
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.errors import UsageError
from pipeline.models.rope import RopeConfig

ROOT = Path(__file__).parents[2]


def chosen(**values):
    return LlamaCppSettings(name="llama_cpp", cache=Path("unused"), **values)


@pytest.fixture
def refusal(checkpoint):
    """What settings say to adapters that they refuse."""

    def said(settings, adapters):
        with pytest.raises(UsageError) as refused:
            settings.check(checkpoint, adapters)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    return said


@pytest.fixture
def unusual(adapters):
    """An adapter that says it has what only PEFT can serve."""

    def with_(**extra):
        lora = adapters["sql"].lora
        changed = replace(lora, config={**lora.config, **extra})
        return {"odd": replace(adapters["sql"], name="odd", lora=changed)}

    return with_


@pytest.mark.parametrize(
    "extra", [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"lora_bias": True}], ids=str
)
def test_more_than_plain_lora_is_refused_with_who_can_serve_it(extra, unusual, refusal):
    said = refusal(chosen(), unusual(**extra))
    assert "odd" in said
    assert next(iter(extra)) in said
    assert "engine=peft_hotswap" in said


def test_a_ready_made_file_lifts_that(unusual, checkpoint, adapters, tmp_path):
    ready = {"odd": gguf_adapter_of(adapters["sql"], checkpoint.config, tmp_path)}
    chosen(adapters_gguf=ready).check(checkpoint, unusual(use_dora=True))


def test_a_ready_made_file_that_isnt_there_is_refused(adapters, refusal):
    assert "no such file" in refusal(chosen(adapters_gguf={"sql": Path("odd.gguf")}), adapters)


def test_plain_adapters_are_let_through(adapters, checkpoint):
    chosen().check(checkpoint, adapters)


def test_without_llama_cpp_python_the_command_that_installs_it_is_named(
    monkeypatch, adapters, refusal
):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert "pip install llama-cpp-python" in refusal(chosen(), adapters)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (
            {"windows": (None, 40, None)},
            "sliding window has 40, .*; use engine=multilora or a PEFT engine",
        ),
        ({"rope": replace(RopeConfig.plain(), steady=40)}, "changes after 40, .*; use a PEFT"),
    ],
)
def test_who_serves_longer_requests_is_named(shape, said, checkpoint):
    model = replace(checkpoint.config, **shape)
    chosen().check_length(model, 40)
    with pytest.raises(UsageError, match=said):
        chosen().check_length(model, 41)


@pytest.mark.parametrize("settings", [LlamaCppSettings, IkLlamaCppSettings])
@pytest.mark.parametrize("precision", ["f16", "file"])
def test_a_family_that_llama_cpp_doesnt_compute(precision, settings, checkpoint, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: True)
    family = replace(checkpoint.config.family, name="new", gguf=None)
    model = replace(checkpoint, config=replace(checkpoint.config, family=family))
    with pytest.raises(UsageError, match="model_type 'new' can't be written as GGUF; use another"):
        settings(name="it", cache=Path("unused"), precision=precision).check(model, {})


def test_a_file_for_an_adapter_that_isnt_there_is_refused(adapters, refusal):
    assert "nobody" in refusal(chosen(adapters_gguf={"nobody": Path("x")}), adapters)


def test_a_ready_made_base_and_its_precision_belong_together(adapters, refusal):
    with pytest.raises(UsageError, match=r"engine\.gguf"):
        chosen(gguf=Path("x.gguf"))
    assert "engine.gguf" in refusal(chosen(precision="file"), adapters)


@pytest.mark.parametrize(
    "override",
    [
        "engine.max_batch_size=257",
        "engine.precision=q5_1",
        "engine.policy=fcfs",
        "engine.context=0",
    ],
)
def test_impossible_settings_are_refused_by_name(override, config):
    with pytest.raises(UsageError, match=override.split("=")[0]):
        config("engine=llama_cpp", override)


def test_a_broken_ready_made_file_is_refused_in_one_line(llama, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no such thing")
    with pytest.raises(UsageError, match=r"broken\.gguf"), llama(precision="file", gguf=broken):
        pass


@pytest.mark.parametrize(("context", "batch"), [(16, 64), (1, 2)])
def test_a_context_without_a_place_for_each_request_is_refused(context, batch):
    with pytest.raises(UsageError, match=rf"engine.context={context}: .*max_batch_size={batch}"):
        chosen(context=context, max_batch_size=batch)
    chosen(context=batch, max_batch_size=batch)


def test_an_assertion_that_fails_goes_into_the_log_and_calls_no_debugger(tmp_path):
    program = (
        "import logging; logging.basicConfig(filename='log.txt')\n"
        "from pipeline.engines.llama_cpp import log, mainline\n"
        "log.LibraryLog(mainline.Mainline())\n"
        "mainline.libggml.ggml_abort(b'file.c', 3, b'GGML_ASSERT(it) failed')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert run.returncode == -signal.SIGABRT and not run.stderr
    assert "file.c:3: GGML_ASSERT(it) failed" in (tmp_path / "log.txt").read_text()
