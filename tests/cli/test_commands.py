"""Every command as a person meets it: help, JSON, mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import COMMANDS
from harness.cli import progress as progress_module
from harness.cli.progress import live, text
from harness.measure.sweep import Progress
from kernels import copy
from tests.conftest import Ran

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "scipy", "pandas", "matplotlib", "pyperf", "rich", "msgspec", "kernels._native")
Harness = Callable[..., Ran]


def test_help_names_every_command(harness: Harness) -> None:
    shown = harness("--help")
    assert shown.code == 0
    assert all(name in shown.out for name in COMMANDS)


@pytest.mark.parametrize("arguments", [*[(name,) for name in COMMANDS], ("config", "export"), ("bench", "copy")])
def test_each_command_has_help_with_an_example(arguments: tuple[str, ...], harness: Harness) -> None:
    shown = harness(*arguments, "--help")
    assert shown.code == 0
    assert f"Example: python -m harness {arguments[0]}" in shown.out


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; sys.argv = ['harness', '--help']\nimport harness.cli\ntry: harness.cli.main()\n"
    program += "except SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert set(done.stderr.split()).isdisjoint(HEAVY)


def test_the_worker_imports_nothing_heavy() -> None:
    program = "import harness.measure.worker, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert set(done.stdout.split()).isdisjoint({"numpy", "scipy", "pandas", "click", "rich", "msgspec"})


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("swep",), 2, "No such command"),
        (("sweep", "nonsense"), 3, "there is no experiment 'nonsense'"),
        (("sweep", "--budget", "soon"), 2, "no duration"),
        (("sweep", "--budget", "-3s"), 2, "no duration"),
        (("sweep", "--filter", "("), 2, "no regular expression"),
        (("sweep", "--resume", "nowhere"), 2, "there is no run 'nowhere'"),
        (("analyze", "nowhere"), 2, "there is no run 'nowhere'"),
        (("verify", "--config", "nowhere.toml"), 3, "nowhere.toml"),
        (("config", "export", "--format", "cobol"), 2, "cobol"),
    ],
    ids=str,
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    arguments: tuple[str, ...], code: int, says: str, harness: Harness
) -> None:
    shown = harness(*arguments)
    assert shown.code == code, shown.err
    assert says in shown.err
    assert "Traceback" not in shown.err


def test_a_folder_that_is_no_run(tmp_path: Path, harness: Harness) -> None:
    shown = harness("analyze", tmp_path)
    assert (shown.code, shown.out) == (3, "")
    assert "cannot be read" in shown.err
    assert shown.err.count("\n") == 1


def test_an_output_that_cannot_be_written(tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "file").write_text("")
    shown = harness("sweep", "copy", "--budget", "5s", "--output", tmp_path / "file" / "run")
    assert shown.code == 3
    assert "file/run" in shown.err
    assert shown.err.count("\n") == 1


def test_an_output_that_holds_a_run_is_not_overwritten(tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "journal.jsonl").write_text("precious\n")
    shown = harness("sweep", "copy", "--budget", "5s", "--output", tmp_path)
    assert shown.code == 3
    assert (tmp_path / "journal.jsonl").read_text() == "precious\n"


def test_verify_without_a_config_names_the_remedy(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.config.locate.RESULTS", Path("/nowhere"))
    shown = harness("verify")
    assert shown.code == 2
    assert "python -m harness sweep" in shown.err


def test_list(harness: Harness) -> None:
    shown = json.loads(harness("list", "--json").out)
    assert {each["name"] for each in shown["candidates"]} == {kernel.name for kernel in copy.table()}
    assert shown["experiments"][0]["name"] == "copy"
    here = json.loads(harness("list", "--runnable", "--json").out)["candidates"]
    assert all(each["runnable"] for each in here)
    assert "candidates run on this CPU" in harness("list").out


def test_machine(harness: Harness) -> None:
    shown = json.loads(harness("machine", "--json").out)
    assert len(shown["key"]) == 16
    assert shown["noise"]["aa_p95"] >= 0
    plain = harness("machine", "--no-noise").out
    assert shown["key"] in plain
    assert "noise now" not in plain


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m harness list | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, env=os.environ)
    assert done.stderr == ""


PROGRESS = Progress(10, 40, 12.0, 30.0, 0.011, "copy/fixed,hot,page,once,1t/64")


def test_progress_shows_blocks_elapsed_remaining_and_noise() -> None:
    shown = text("measure", PROGRESS)
    for part in ("10 of 40", "12 s elapsed", "at most 18 s remaining", "noise 1.1%"):
        assert part in shown


def test_progress_is_a_line_a_stage_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with live(quiet=False) as report:
        report("measure", PROGRESS)
        report("measure", PROGRESS)
        report("verify", PROGRESS)
    assert capsys.readouterr().err.splitlines() == ["measure: up to 30 s", "verify: up to 30 s"]


def test_progress_is_rewritten_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    screen = Console(force_terminal=True, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    monkeypatch.setattr(progress_module, "console", lambda **_: screen)
    with live(quiet=False) as report:
        report("measure", PROGRESS)


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with live(quiet=True) as report:
        report("measure", PROGRESS)
    assert capsys.readouterr() == ("", "")
