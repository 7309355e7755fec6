"""The library and the exports in foreign programs: C, C++ and Rust."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from programs import HERE, compile_c, run

from harness.config.export import as_rust, thresholds_h
from harness.config.load import load
from harness.config.schema import Config
from kernels import library
from kernels.compiler import BuildError

SAMPLE = HERE.parent / "config" / "data" / "version1.toml"


@pytest.fixture(scope="module")
def config() -> Config:
    return load(SAMPLE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, config: Config) -> library.Library:
    built = library.build(tmp_path_factory.mktemp("library"))
    (built.include / "thresholds.h").write_text(thresholds_h(config))
    return built


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"there is no {name} here")
    return path


@pytest.mark.parametrize("compiler", ["gcc", "clang", "g++", "clang++"])
def test_program_with_static_library(compiler: str, built: library.Library, config: Config, tmp_path: Path) -> None:
    source = tmp_path / ("program.cpp" if compiler.endswith("++") else "program.c")
    shutil.copy(HERE / "program.c", source)
    program = compile_c(tool(compiler), tmp_path / "program", [source], built.static, f"-I{built.include}")
    assert run(program).strip() == config.machine.key


def test_program_with_shared_library(built: library.Library, config: Config, tmp_path: Path) -> None:
    folder = built.shared.parent
    flags = (f"-I{built.include}", f"-L{folder}", "-Wl,-rpath," + str(folder), "-l:libcrossover.so")
    program = compile_c(tool("gcc"), tmp_path / "program", [HERE / "program.c"], *flags)
    assert run(program).strip() == config.machine.key


def test_rust_program(built: library.Library, config: Config, tmp_path: Path) -> None:
    shutil.copy(HERE / "program.rs", tmp_path)
    (tmp_path / "policy.rs").write_text(as_rust(config))
    program = tmp_path / "program"
    linking = ("-L", built.static.parent, "-l", "static=crossover")
    run(tool("rustc"), "--edition=2021", "-Dwarnings", tmp_path / "program.rs", *linking, "-o", program)
    assert run(program).split()[0] == config.machine.key


def test_command_builds_and_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert library.main(["--output", str(tmp_path)]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(paths) == 3
    assert all(path.is_file() for path in paths)


def test_missing_compiler_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert library.main(["--output", str(tmp_path)]) == 1
    assert "no-such-compiler" in capsys.readouterr().err


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="cannot be written"):
        library.build(tmp_path / "file" / "folder")
