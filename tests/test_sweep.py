"""A real sweep in miniature, from measuring to files; then what can be done with its run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness import machine, sweep
from harness.config.load import load
from harness.errors import UserError
from harness.measure import journal
from harness.measure.journal import Event, Journal
from harness.sweep import NothingMeasured, Result
from kernels import dispatch
from tests.conftest import KERNELS, Ran, miniature

ROOT = Path(__file__).parent.parent
FILES = {
    "journal.jsonl",
    "suite.json",
    "thresholds.toml",
    "thresholds.h",
    "verification.json",
    "report.md",
    "curves.png",
}


@pytest.fixture(autouse=True)
def _libc_again() -> Iterator[None]:
    yield
    dispatch.reset()


def swept(folder: Path) -> list[tuple[str, int, int]]:
    """The sweep's own points; trial and verification share the journal."""
    return [point for point in points(folder) if point[0].startswith("copy/")]


def assert_continued(before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]) -> None:
    """What was measured before stands as it was, and nothing was measured twice."""
    assert after[: len(before)] == before
    assert len({(block, replicate) for block, replicate, _ in after}) == len(after)


def points(folder: Path) -> list[tuple[str, int, int]]:
    return [(reply.block, reply.replicate, reply.seed) for reply in journal.read(folder).replies]


def test_every_step_leaves_its_file(result: Result) -> None:
    assert {path.name for path in result.folder.iterdir()} == FILES
    assert not result.interrupted
    assert result.verification is not None
    assert result.verification.cells


def test_the_config_it_writes_is_valid_and_of_this_machine(result: Result) -> None:
    config = load(result.folder / "thresholds.toml")
    assert config == result.config
    assert config.provenance.run_id == result.header.run
    assert config.policies.copy is not None
    assert {rule.kernel for each in config.policies.copy.classes for rule in each.rules} <= {
        "libc",
        *(name for name in measured(result)),
    }


def measured(result: Result) -> set[str]:
    return {name for reply in journal.read(result.folder).replies for name in reply.candidates}


def test_the_filter_leaves_libc_and_what_it_names(result: Result) -> None:
    own = {name for name in measured(result) if not name.startswith(("dispatch", "libc"))}
    assert own
    assert all(any(part in name for part in ("u4_aligned", "portable", "rep_movsb", "masked64")) for name in own)


@pytest.mark.parametrize("command", ["stats", "hist", "check"])
def test_pyperf_reads_the_suite(command: str, result: Result) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", command, str(result.folder / "suite.json")], capture_output=True, text=True
    )
    assert "copy/" in done.stdout
    assert done.stderr == ""


def test_an_analysis_decides_the_same_from_the_same_data(result: Result) -> None:
    again = sweep.analyze(result.folder, machine.detect())
    assert again.decisions.policies == result.decisions.policies
    assert again.decisions.noise == result.decisions.noise


def test_analyze_prints_and_rewrites(result: Result, tmp_path: Path, harness: Callable[..., Ran]) -> None:
    copied = copy_of(result, tmp_path)
    assert harness("analyze", copied, "--write").code == 0
    assert {path.name for path in copied.iterdir()} == FILES - {"verification.json"}
    assert json.loads(harness("analyze", copied, "--json").out)["run"] == result.header.run


def test_a_config_is_verified_in_fresh_processes(result: Result, harness: Callable[..., Ran]) -> None:
    shown = harness("verify", "--config", result.folder / "thresholds.toml", "--budget", "4s", "--json")
    assert shown.code in (0, 1), shown.err
    assert json.loads(shown.out)["cells"]
    assert "Traceback" not in shown.err


def test_sizes_are_judged_that_the_sweep_has_not_seen(result: Result) -> None:
    assert result.verification is not None
    seen = {size_of(block) for block, _, _ in swept(result.folder)}
    judged = {cell.size for cell in result.verification.cells if cell.condition.startswith("fixed")}
    assert {size for size in judged if size > 64}.isdisjoint(seen)


def test_the_config_serves_programs(
    result: Result, harness: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSOVER_CONFIG", str(result.folder / "thresholds.toml"))
    shown = harness("config", "show", "--json")
    assert shown.code == 0, shown.err
    assert result.header.run in shown.out


def copy_of(result: Result, tmp_path: Path) -> Path:
    """The run's journal alone, in a folder of its own."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / journal.NAME).write_bytes((result.folder / journal.NAME).read_bytes())
    return folder


def size_of(block: str) -> int:
    return int(block.rpartition("/")[2])


def test_a_finished_run_resumes_without_measuring_twice(result: Result, tmp_path: Path) -> None:
    folder = copy_of(result, tmp_path)
    before = swept(folder)
    sweep.resume(folder, machine.detect(), lambda *_: None, install=False)
    assert_continued(before, swept(folder))


def test_a_run_of_another_machine_is_not_continued(result: Result, tmp_path: Path) -> None:
    header = journal.read(result.folder).header
    foreign = replace(header, machine={**header.machine, "key": "other", "name": "Zen 9"})
    with Journal.create(tmp_path / "run", foreign) as log:
        log.event(Event("begun"))
    with pytest.raises(UserError, match="begun on another machine \\(Zen 9\\)"):
        sweep.resume(tmp_path / "run", machine.detect(), lambda *_: None)


def test_a_run_without_data_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingMeasured, match="measured nothing"):
        sweep.sweep(miniature(tmp_path / "run", budget=0.01), machine.detect(), lambda *_: None)


def start(folder: Path) -> subprocess.Popen[str]:
    """A sweep in a process of its own, once it has measured a few blocks."""
    command = [
        "sweep",
        "copy",
        "--fast",
        "--budget",
        "30s",
        "--filter",
        KERNELS,
        "--no-install",
        "--output",
        str(folder),
    ]
    child = subprocess.Popen(
        [sys.executable, "-m", "harness", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    file = folder / journal.NAME
    while child.poll() is None and (not file.exists() or file.read_bytes().count(b"\n") < 12):
        time.sleep(0.05)
    assert child.poll() is None, child.stdout and child.stdout.read()
    return child


def test_killed_and_resumed_measures_nothing_twice(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    child = start(folder)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    before = swept(folder)
    assert before
    rewrite_header(folder, replace(journal.read(folder).header, budget=8.0))
    result = sweep.resume(folder, machine.detect(), lambda *_: None, install=False)
    assert_continued(before, swept(folder))
    assert {path.name for path in result.folder.iterdir()} == FILES


def rewrite_header(folder: Path, header: journal.Header) -> None:
    """Gives a run another header; its other lines stay."""
    path = folder / journal.NAME
    rest = path.read_bytes().split(b"\n", 1)[1]
    path.unlink()
    with Journal.create(folder, header):
        pass
    path.write_bytes(path.read_bytes() + rest)


def test_ctrl_c_ends_with_what_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    child = start(folder)
    os.kill(child.pid, signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 130, output
    assert "Traceback" not in output
    assert "--resume" in output
    assert (folder / "thresholds.toml").exists()
