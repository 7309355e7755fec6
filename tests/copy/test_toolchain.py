"""Compiling at run time: built once, whole or not at all, and one clear sentence where it cannot be."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kernels import cache, compiler, toolchain
from kernels.compiler import BuildError, Compiler

ROOT = Path(__file__).parents[2]
CDEF = "int answer(void);"


def source(value: int) -> str:
    return f"static int answer(void) {{ return {value}; }}"


def answer(value: int) -> int:
    return int(toolchain.compile_module("_answer", CDEF, source(value)).lib.answer())


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; returns where modules will lie in it."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(compiler.STRICT, raising=False)
    return tmp_path / "cache" / "modules"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled or linked since."""
    made: list[str] = []
    run = Compiler.run

    def counting(self: Compiler, arguments: list[str], what: str) -> None:
        made.append(what)
        run(self, arguments, what)

    monkeypatch.setattr(Compiler, "run", counting)
    return made


def one_sentence(error: pytest.ExceptionInfo[BuildError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def test_a_second_start_builds_nothing(builds: list[str]) -> None:
    assert answer(41) == 41
    assert len(builds) == 2
    assert answer(41) == 41
    assert len(builds) == 2


def test_each_source_has_a_module_of_its_own() -> None:
    assert [answer(1), answer(2), answer(1)] == [1, 2, 1]


def test_links_our_own_sources() -> None:
    files = sorted((toolchain.KERNELS / "copy").glob("*.c"))
    code = '#include "copy/api.h"\nstatic size_t kernels(void) { size_t n; xo_kernels(&n); return n; }'
    assert toolchain.compile_module("_count", "size_t kernels(void);", code, files).lib.kernels() > 50


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1000]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\0" + path.read_bytes()[1:]),
    ],
    ids=["truncated", "empty", "altered"],
)
def test_a_damaged_entry_is_built_again(damage: Callable[[Path], object], modules: Path, builds: list[str]) -> None:
    run = [sys.executable, "-c", program(7)]
    subprocess.run(run, cwd=ROOT, check=True)
    (entry,) = modules.iterdir()
    damage(entry)
    subprocess.run(run, cwd=ROOT, check=True)
    assert answer(7) == 7
    assert builds == []


def program(value: int) -> str:
    """Python that compiles and checks."""
    return (
        "from kernels.toolchain import compile_module\n"
        f"assert compile_module('_answer', {CDEF!r}, {source(value)!r}).lib.answer() == {value}"
    )


def test_processes_may_build_at_once(modules: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", program(9)], cwd=ROOT) for _ in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert len(list(modules.iterdir())) == 1


@pytest.mark.parametrize("changed", ["flags", "compiler", "cpu"])
def test_other_flags_compiler_or_cpu_is_another_module(
    changed: str, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(3)
    if changed == "flags":
        monkeypatch.setenv(compiler.STRICT, "1")
    elif changed == "compiler":
        monkeypatch.setenv("CC", f"{compiler.find_compiler().command[0]} -g")
    else:
        monkeypatch.setattr(toolchain, "CPUINFO", Path("/nowhere"))
    answer(3)
    assert len(list(modules.iterdir())) == 2


def test_no_compiler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(BuildError, match="CC=no-such-compiler not found") as error:
        answer(1)
    assert "install gcc or clang" in one_sentence(error)


def test_no_python_headers_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(BuildError, match=r"Python\.h is not in .*python3-dev") as error:
        answer(1)
    one_sentence(error)


def test_code_that_does_not_compile_names_the_place(modules: Path) -> None:
    with pytest.raises(BuildError, match=r"_broken\.c:\d+.*error") as error:
        toolchain.compile_module("_broken", CDEF, "static int answer(void) { return }")
    one_sentence(error)
    assert not list(modules.iterdir())


def test_a_compiler_without_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = tmp_path / "cc"
    full.write_text('#!/bin/sh\n[ "$1" = --version ] || { echo "No space left on device" >&2; exit 1; }\n')
    full.chmod(0o755)
    monkeypatch.setenv("CC", str(full))
    with pytest.raises(BuildError, match="no space is left on the disk") as error:
        answer(1)
    one_sentence(error)


def test_a_cache_without_disk_is_one_sentence() -> None:
    def build(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(BuildError, match=r"no space is left.*CROSSOVER_CACHE") as error:
        cache.fetch("entry", build)
    one_sentence(error)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    with pytest.raises(BuildError, match=r"cannot write .*CROSSOVER_CACHE") as error:
        answer(1)
    one_sentence(error)


def test_installing_without_a_compiler_is_one_line(tmp_path: Path) -> None:
    places = ["--build-temp", str(tmp_path), "--build-lib", str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", *places],
        cwd=ROOT,
        env=os.environ | {"CC": "no-such-compiler"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "error: no C compiler (CC=no-such-compiler not found): install gcc or clang, or set CC to one"
    )


def test_our_code_builds_without_warnings(tmp_path: Path) -> None:
    places = ["--build-temp", str(tmp_path), "--build-lib", str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", *places],
        cwd=ROOT,
        env=os.environ | {compiler.STRICT: "1"},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
