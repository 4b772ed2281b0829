"""Which build of torch pip is asked for, held against indexes made here."""

import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.install import torch_build
from pipeline.install.torch_build import Build, cpu_build

HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"
CPU = "https://cpu.test/whl"
ELSEWHERE = ("--extra-index-url", CPU)


@pytest.mark.parametrize(
    ("usual", "cpu", "build"),
    [
        ({"2.13.0"}, {"2.13.0", "2.13.0+cpu"}, Build("torch==2.13.0+cpu", ELSEWHERE)),
        ({"2.13.0", "2.13.0+cpu"}, {"2.13.0+cpu"}, Build("torch==2.13.0+cpu")),
        ({"2.13.0"}, {"2.12.0+cpu"}, None),
        (set(), set(), None),
    ],
)
def test_where_pip_looks_anyhow_comes_first(monkeypatch, usual, cpu, build):
    listed = {(): usual, ELSEWHERE: usual | cpu}
    monkeypatch.setattr(torch_build, "_versions", lambda _, arguments: listed[arguments])
    assert cpu_build(Path(sys.executable), "2.13.0", CPU, "linux") == build


@pytest.mark.parametrize(("index", "platform"), [("", "linux"), (CPU, "darwin")])
def test_what_pip_finds_where_cuda_is_welcome_or_there_is_one_build(monkeypatch, index, platform):
    monkeypatch.setattr(torch_build, "_versions", lambda *_: {"2.13.0"})
    assert cpu_build(Path(sys.executable), "2.13.0", index, platform) == Build("torch==2.13.0")


def wheels(folder, *files):
    """An index of empty wheels."""
    (folder / "torch").mkdir(parents=True)
    for file in files:
        with zipfile.ZipFile(folder / "torch" / file, "w"):
            pass
    links = "".join(f'<a href="{file}">{file}</a>' for file in files)
    (folder / "torch" / "index.html").write_text(
        f"<!DOCTYPE html><html><body>{links}</body></html>"
    )
    return folder.as_uri()


def wheel(version, tag=HERE):
    return f"torch-{version}-{tag}-{tag}-manylinux_2_17_x86_64.whl"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux wheels")
def test_pip_asks_a_real_index(tmp_path, monkeypatch):
    for name in ("FIND_LINKS", "EXTRA_INDEX_URL", "CONSTRAINT"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", wheels(tmp_path / "usual", wheel("2.13.0")))
    files = (wheel("2.13.0+cpu"), wheel("2.14.0+cpu", "cp39"))
    cpu = wheels(tmp_path / "cpu", *files)
    build = cpu_build(Path(sys.executable), "2.13.0", cpu, "linux")
    assert build == Build("torch==2.13.0+cpu", ("--extra-index-url", cpu))
    assert cpu_build(Path(sys.executable), "2.14.0", cpu, "linux") is None
