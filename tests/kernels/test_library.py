"""When the kernels are compiled, and what happens where they can't be."""

import shutil

import pytest

from pipeline.inference.backend import ALIASES, PORTABLE
from pipeline.kernels import bindings, library
from pipeline.kernels.choice import kernels_for
from pipeline.kernels.library import BuildError, built
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.reference import ReferenceKernels


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """An empty cache and two small sources; the outputs that the compiler was asked for."""
    calls, real = [], library._compile
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "SOURCES", tmp_path / "native")
    monkeypatch.setattr(
        library, "_compile", lambda command, to: calls.append(to) or real(command, to)
    )
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "abi.h").write_text("")
    (tmp_path / "native" / "a.cpp").write_text('extern "C" int a() { return 1; }')
    (tmp_path / "native" / "b.cpp").write_text('extern "C" int b() { return 2; }')
    return calls


def test_compiled_once_and_again_for_other_sources_flags_and_processors(
    compiled, tmp_path, monkeypatch
):
    first = built()
    assert built() == first
    assert len(compiled) == 1
    (tmp_path / "native" / "b.cpp").write_text('extern "C" int b() { return 3; }')
    other = {built()}
    monkeypatch.setenv("MULTILORA_CXXFLAGS", "-O1")
    other.add(built())
    monkeypatch.setattr(library, "_processor", lambda: "another")
    other.add(built())
    monkeypatch.setenv("MULTILORA_ISA", "portable")
    other.add(built())
    assert len(other | {first}) == len(compiled) == 5
    assert all(path.is_file() for path in other)


def test_compiled_wherever_the_project_lies(compiled, tmp_path, monkeypatch):
    awkward = tmp_path / """a "quoted" $HOME's folder"""
    (tmp_path / "native").rename(awkward)
    monkeypatch.setattr(library, "SOURCES", awkward)
    assert built().is_file()


def test_nothing_is_left_of_a_compilation_that_failed(compiled, tmp_path):
    (tmp_path / "native" / "a.cpp").write_text("nonsense")
    with pytest.raises(BuildError, match=r"failed: .*error"):
        built()
    assert [*(tmp_path / "cache" / "multilora").iterdir()] == []


def test_without_a_compiler_the_message_says_how_to_get_one(compiled, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BuildError, match=r"no C\+\+ compiler; .* apt-get install g\+\+"):
        built()


def test_a_compiler_that_is_named_but_not_there_is_a_build_error(compiled, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++")
    with pytest.raises(BuildError, match=r"/nowhere/g\+\+"):
        built()


def test_where_nothing_can_be_compiled_torch_computes_with_a_warning(monkeypatch):
    def refuse(*_):
        raise BuildError("no C++ compiler; install one")

    monkeypatch.setattr(NativeKernels, "__init__", refuse)
    with pytest.warns(RuntimeWarning, match=r"plain PyTorch, far slower: no C\+\+ compiler"):
        assert isinstance(kernels_for(1, "native"), ReferenceKernels)


@pytest.fixture
def uncompilable(tmp_path, monkeypatch):
    """A machine whose compiler isn't there, and nothing compiled before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", "/nowhere/g++")
    bindings.bound.cache_clear()
    yield
    bindings.bound.cache_clear()


def test_the_stand_in_says_whom_it_stands_in_for(uncompilable):
    with pytest.warns(RuntimeWarning):
        found = kernels_for(1, "native").backend
    assert found.kernels == "reference"
    assert "/nowhere/g++ can't be run" in str(found.fallback)
    assert "engine.kernels=reference" in str(found.fallback)


def test_the_reference_that_was_asked_for_stands_in_for_nobody(uncompilable):
    found = kernels_for(1, "reference").backend
    assert (found.kernels, found.fallback) == ("reference", None)


def test_the_native_kernels_say_how_they_were_built():
    found = NativeKernels(1).backend
    assert (found.kernels, found.fallback) == ("native", None)
    assert found.instruction_set in {*ALIASES.values(), PORTABLE}
    assert any(name in str(found.built) for name in ("GCC", "Clang", "clang"))
