"""Decisions, settings, tunables, the gate, the journal, and a real run in miniature."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.profile import fleet
from harness.config.load import load
from harness.errors import UserError
from harness.experiment import Condition
from harness.machine import detect
from harness.measure.journal import Journal
from harness.optimize import events, gate, measurer, start
from harness.optimize.config import as_config
from harness.optimize.decision import Difference, decide, level_of_test
from harness.optimize.events import EventLog, follow, only_one
from harness.optimize.loop import Options
from harness.optimize.review import Observation, Priority, findings, markdown
from harness.optimize.settings import BANDS, Settings, band_of, bounds, from_plain, of_config, old_rule
from harness.optimize.tunables import declared, named
from harness.sweep import header_of
from kernels import dispatch
from tests.analysis.simulation import block
from tests.config.config_examples import CONFIG
from tests.conftest import Ran


def difference(gain: float, area: str = "copy:0", error: float = 0.005) -> Difference:
    return Difference(area, gain, error, 12)


def test_a_gain_is_accepted_a_loss_and_a_tie_are_not() -> None:
    level = level_of_test(20, 3, 6)
    assert decide([difference(0.2), difference(0.0, "b")], 0.02, level).accepted
    lost = decide([difference(0.2), difference(-0.1, "b")], 0.02, level)
    assert (lost.accepted, lost.why) == (False, "b is 9.5 % slower")
    assert not decide([difference(0.03)], 0.02, level).accepted
    assert not decide([difference(0.2, error=0.1)], 0.02, level).accepted
    assert not decide([], 0.02, level).accepted


def test_where_nothing_changed_a_whole_run_rarely_accepts_anything() -> None:
    rng = np.random.default_rng(1)
    level = level_of_test(20, 3, 6)
    runs = 0
    for _ in range(100):
        means = rng.normal(0, 0.02, (60, 6, 8))
        made = [
            [Difference(str(i), float(row.mean()), float(row.std(ddof=1) / 8**0.5), 8) for i, row in enumerate(task)]
            for task in means
        ]
        runs += any(decide(task, 0.0, level).accepted for task in made)
    assert runs <= 12


def test_a_single_process_says_nothing() -> None:
    assert math.isinf(Difference("a", 0.5, 0.0, 1).bound(0.05))


def test_bands_cover_every_size_once() -> None:
    assert [band_of(size) for size in (0, 64, 65, 256, 257, 4095, 4096, 1 << 20, (1 << 20) + 1)] == [
        *(0, 0, 1, 1, 2, 3, 4, 6, 7)
    ]
    assert [bounds(band)[0] for band in range(len(BANDS))] == list(BANDS)


def test_settings_are_a_policy_that_the_dispatcher_takes() -> None:
    table = dispatch.table_from(old_rule("portable").policy())
    assert [(rule.end, rule.kernel) for rule in table.classes[0].rules] == [(4096, "portable"), (None, "libc")]
    near = replace(Settings(), near_kernel="portable")
    dispatch.install(dispatch.table_from(near.policy()))
    dispatch.reset()
    assert from_plain(json.loads(json.dumps(near.plain()))) == near


def test_settings_of_a_config_and_back(tmp_path: Path) -> None:
    settings = of_config(CONFIG)
    assert settings.kernels == ("portable", *("libc",) * 6, "portable", "portable")
    assert settings.near_kernel == "portable"
    changed = replace(settings, rounds=(3, 0, 0, 0, 0, 0, 0, 5, 7), near_kernel="portable")
    made = as_config(changed, detect(), header_of("optimize", detect(), 1, 60.0), 0.01)
    rules = made.policy.classes[-1].rules
    assert [(rule.low, rule.kernel, rule.decided_by) for rule in rules] == [
        (0, "portable", "round 3"),
        (65, "libc", ""),
        ((1 << 20) + 1, "portable", "round 5, 7"),
    ]
    assert of_config(made).kernels == settings.kernels


def test_every_tunable_can_be_set_to_all_of_its_domain() -> None:
    for tunable in declared():
        for value in tunable.domain:
            changed = tunable.put(Settings(), value, 2)
            assert tunable.get(changed) == value
            dispatch.table_from(changed.policy())
        assert set(tunable.touches) <= {*measurer.every_area()}
    assert named(declared(), "nonsense") is None


def test_findings_are_ranked_by_what_they_bring() -> None:
    seen = [
        Observation("copy:0", "portable", 0.5, 0.4, 0.6, 0.9),
        Observation("copy:1", "portable", 0.05, 0.03, 0.07, 0.5),
        Observation("copy:2", "portable", 0.05, -0.1, 0.2, 0.5),
        Observation("copy:3", "portable", -0.5, -0.6, -0.4, 0.5),
    ]
    found = findings(seen, Settings(), declared(), 0.02)
    kernels = [each for each in found if each.area.startswith("copy:")]
    assert [(each.priority, each.area) for each in kernels] == [
        (Priority.P0, "copy:0"),
        (Priority.P1, "copy:1"),
        (Priority.P2, "copy:2"),
    ]
    assert {"dma_split", "tlb_entries", "zero_scan"} <= {each.tunable for each in found}
    assert "| P0 | copy.0 | portable |" in markdown(found, 0.01)


def test_a_whole_policy_is_weighed_by_its_kernels() -> None:
    sweep = replace(Settings(), kernels=("portable", *("libc",) * 8))
    tunables = declared({"sweep": sweep, "libc": Settings()})
    seen = [Observation("copy:0", "portable", 0.5, 0.4, 0.6, 0.9), Observation("copy:1", "libc", -0.1, -0.2, 0.0, 0.1)]
    whole = next(each for each in findings(seen, old_rule("rep"), tunables, 0.02) if each.value == "sweep")
    assert (whole.tunable, whole.priority) == ("copy.policy", Priority.P0)
    assert whole.gain_percent == pytest.approx(100 * math.expm1(0.44))
    tunable = tunables[0]
    changed = tunable.put(old_rule("rep"), "sweep", 4)
    assert (tunable.get(changed), set(changed.rounds)) == ("sweep", {4})
    assert tunable.get(old_rule("rep")) == ""
    assert not [each for each in findings(seen, sweep, tunables, 0.02) if each.value == "sweep"]


def test_pooled_blocks_give_the_difference_that_is_there() -> None:
    rng = np.random.default_rng(2)
    truths = {"dispatch": 0.1, "dispatch@1": 0.4, "k": 0.7}
    blocks = [block(rng, size, condition=Condition().key, **truths) for size in (100, 150, 200)]
    found = measurer.changed("copy:1", blocks)
    assert found is not None
    assert found.gain == pytest.approx(0.3, abs=0.05)
    seen = {each.value: each for each in measurer.observe("copy:1", blocks, 0.5)}
    assert seen["k"].gain == pytest.approx(0.6, abs=0.05)
    assert seen["k"].low < 0.6 < seen["k"].high


@pytest.mark.parametrize("area", [area for area in measurer.every_area() if area.startswith("copy:")])
def test_blocks_follow_from_the_seed_and_fit_their_area(area: str) -> None:
    blocks = measurer.blocks_of(area, 1 << 40, 1)
    assert blocks == measurer.blocks_of(area, 1 << 40, 1) != measurer.blocks_of(area, 1 << 40, 2)
    what = area.partition(":")[2]
    if what.isdigit():
        low, high = bounds(int(what))
        assert all(low <= each.size < high for each in blocks)
    assert measurer.blocks_of(area, 100, 1) == tuple(each for each in blocks if each.size <= 50)


def test_the_gate_passes_what_is_right() -> None:
    assert gate.problem(old_rule("portable"), 1) == ""


def test_the_gate_refuses_what_is_wrong() -> None:
    small = replace(Settings(), kernels=("small_scalar",) * len(BANDS))
    assert "refused" in gate.problem(small, 1, guests=False)
    assert "no zero-scan kernel" in gate.problem(replace(Settings(), zero_scan="nonsense"), 1, guests=False)
    assert "tlb_entries" in gate.problem(replace(Settings(), tlb_entries=100), 1)


def test_only_one_loop_runs(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with only_one(lock), pytest.raises(UserError, match="another loop runs"), only_one(lock):
        pass
    with only_one(lock):
        pass


def test_events_are_kept_and_a_torn_one_is_dropped(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append("started", "one", value=3)
    log.close()
    with (tmp_path / events.NAME).open("ab") as file:
        file.write(b'{"kind":"meas')
    assert [event.text for event in events.read(tmp_path)] == ["one"]
    again = EventLog(tmp_path)
    again.append("finished", "two")
    again.close()
    assert [event.text for event in follow(tmp_path)] == ["one", "two"]
    (tmp_path / events.NAME).write_bytes(b"nonsense\n")
    with pytest.raises(UserError, match="damaged"):
        events.read(tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        events.read(tmp_path / "none")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A real loop that takes seconds."""
    monkeypatch.setattr(measurer, "REVIEW_SECONDS", 3.0)
    monkeypatch.setattr(measurer, "VERIFY_SECONDS", 2.0)
    monkeypatch.setattr(measurer, "PATH_SECONDS", 1.0)
    monkeypatch.setattr(measurer, "PAIRS", 2)
    monkeypatch.setattr(start, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(start, "every_area", lambda: ("copy:0", "path:net_rx", "guest:disk", "service:migrate"))


@pytest.mark.usefixtures("short")
def test_a_real_run_resumes_and_is_watched(tmp_path: Path, harness: Callable[..., Ran]) -> None:
    folder = tmp_path / "run"
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[task]]\ntunable = "copy.0"\nvalue = "libc"\n[[task]]\ntunable = "dma_split"\nvalue = 65536\n'
        '[[task]]\ntunable = "snapshot_gap"\nvalue = 16\n'
    )
    options = ("--start", "old-rule", "--max-iterations", "1", "--budget", "60s", "--no-install")
    ran = harness("optimize", *options, "--plan", plan, "--output", folder, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert [each["task"]["tunable"] for each in found["attempts"]] == ["copy.0", "dma_split", "snapshot_gap"]
    assert load(folder / "thresholds.toml").policies.zero_scan is not None
    watched = harness("optimize", "watch", folder)
    assert watched.code == 0
    assert "finished" in watched.out
    assert json.loads(harness("optimize", "watch", folder, "--json").out.splitlines()[0])["kind"] == "started"
    again = harness("optimize", "--resume", folder)
    assert again.code == 3
    assert "has finished" in again.err
    anew = harness("optimize", "--output", folder)
    assert anew.code == 3
    assert "holds a run already" in anew.err
    lines = (folder / events.NAME).read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"finished"' not in line and b"snapshot_gap=16" not in line]
    (folder / events.NAME).write_bytes(b"".join(kept))
    resumed = harness("optimize", "--resume", folder, "--no-install")
    assert resumed.code == 0, resumed.err
    assert "tasks" in resumed.out


@pytest.mark.usefixtures("short")
def test_a_real_review_sees_every_band(tmp_path: Path) -> None:
    header = header_of("optimize", detect(), 1, 60.0)
    with Journal.create(tmp_path / "run", header) as log:
        seen, noise = measurer.RealMeasurer(detect(), log, fleet()).review(old_rule("portable"), 1)
    assert noise >= 0
    assert {"copy:0", "copy:1"} <= {each.area for each in seen}
    assert all(0 <= each.weight <= 1 for each in seen)
    assert Options(1, 1.0, 1).patience == 2
