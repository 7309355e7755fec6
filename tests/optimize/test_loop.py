"""The loop on a made-up machine whose truth is known: it finds what is there, and nothing where nothing is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.optimize import events
from harness.optimize.decision import Difference
from harness.optimize.events import EventLog
from harness.optimize.loop import Loop, Options, Result, State, replay
from harness.optimize.review import Observation
from harness.optimize.settings import BANDS, Settings
from harness.optimize.tunables import Tunable, Value

TRUTH = {"slow": 0.0, "libc": 0.3, "good": 0.5, "best": 0.8}
"""log speed of each kernel, in every band."""
AREAS = tuple(f"copy:{band}" for band in range(len(BANDS)))


def band_tunable(band: int) -> Tunable:
    def put(settings: Settings, value: Value, turn: int) -> Settings:
        kernels, rounds = list(settings.kernels), list(settings.rounds)
        kernels[band], rounds[band] = str(value), turn
        return replace(settings, kernels=tuple(kernels), rounds=tuple(rounds))

    return Tunable(f"copy.{BANDS[band]}", tuple(TRUTH), lambda s: s.kernels[band], put, (f"copy:{band}",))


def nothing_tunable(band: int) -> Tunable:
    """Takes values and changes nothing."""
    return Tunable(f"copy.{BANDS[band]}", tuple(TRUTH), lambda s: "libc", lambda s, _v, _t: s, (f"copy:{band}",))


@dataclass
class FakeMeasurer:
    """Measures the truth with noise between processes."""

    rng: np.random.Generator
    error: float = 0.02
    processes: int = 8
    interrupt_after: int = 10**9
    comparisons: int = 0

    def review(self, settings: Settings, seed: int) -> tuple[tuple[Observation, ...], float]:
        seen = []
        for band, kernel in enumerate(settings.kernels):
            for name, speed in TRUTH.items():
                gain = speed - TRUTH[kernel] + float(self.rng.normal(0, self.error / 2))
                seen.append(Observation(f"copy:{band}", name, gain, gain - self.error, gain + self.error, 0.1))
        return tuple(seen), 0.01

    def compare(
        self, before: Settings, after: Settings, areas: Sequence[str], seed: int
    ) -> tuple[tuple[Difference, ...], float]:
        self.comparisons += 1
        if self.comparisons > self.interrupt_after:
            raise KeyboardInterrupt
        return tuple(self._difference(before, after, area) for area in areas), 0.01

    def _difference(self, before: Settings, after: Settings, area: str) -> Difference:
        band = int(area.partition(":")[2])
        truth = TRUTH[after.kernels[band]] - TRUTH[before.kernels[band]]
        values = truth + self.rng.normal(0, self.error, self.processes)
        return Difference(area, float(values.mean()), float(values.std(ddof=1) / self.processes**0.5), self.processes)


def run(
    folder: Path,
    measurer: FakeMeasurer,
    *,
    tunables: Sequence[Tunable] | None = None,
    options: Options | None = None,
    gate: str = "",
    state: State | None = None,
) -> Result:
    start = Settings(kernels=("slow",) * len(BANDS))
    log = EventLog(folder)
    if state is None:
        log.append("started", "begins", settings=start.plain(), max_iterations=20, budget=1e6, seed=1)
    loop = Loop(
        folder,
        log,
        options or Options(20, 1e6, 1, areas=AREAS),
        measurer,
        lambda settings, _seed: gate if "best" in settings.kernels else "",
        tunables or [band_tunable(band) for band in range(len(BANDS))],
        state or State(start, start),
    )
    try:
        return loop.run()
    finally:
        log.close()


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_it_arrives_at_the_best_of_every_band(tmp_path: Path) -> None:
    result = run(tmp_path, FakeMeasurer(rng()))
    assert result.settings.kernels == ("best",) * len(BANDS)
    assert {each.area for each in result.differences} == set(AREAS)
    assert all(each.gain == pytest.approx(0.8, abs=0.1) for each in result.differences)
    assert all(turn > 0 for turn in result.settings.rounds)


def test_every_report_is_there_and_readable(tmp_path: Path) -> None:
    result = run(tmp_path, FakeMeasurer(rng()))
    rounds = {attempt.round for attempt in result.attempts}
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"round-{number:02d}.md" for number in rounds} <= names
    assert {"review.md", "review.json", "plan.toml", "summary.md", "summary.json", "events.jsonl"} <= names
    summary = (tmp_path / "summary.md").read_text()
    assert "P0" in summary
    assert "measured again" in summary
    assert "accepted" in (tmp_path / "round-01.md").read_text()
    assert json.loads((tmp_path / "summary.json").read_text())["last"] == json.loads(
        json.dumps(result.settings.plain())
    )


def test_with_tunables_that_change_nothing_twenty_rounds_accept_nothing(tmp_path: Path) -> None:
    accepted = 0
    for seed in range(10):
        tunables = [nothing_tunable(band) for band in range(len(BANDS))]
        options = Options(20, 1e6, 1, patience=20, areas=AREAS)
        result = run(tmp_path / str(seed), FakeMeasurer(rng(seed)), tunables=tunables, options=options)
        assert len(result.attempts) >= len(BANDS)
        accepted += any(attempt.decision.accepted for attempt in result.attempts)
    assert accepted <= 1


def test_two_rounds_that_bring_nothing_end_it(tmp_path: Path) -> None:
    tunables = [nothing_tunable(band) for band in range(len(BANDS))]
    result = run(tmp_path, FakeMeasurer(rng()), tunables=tunables)
    assert "2 rounds in a row brought nothing" in result.why
    assert {attempt.round for attempt in result.attempts} == {1, 2}


def test_it_ends_at_its_rounds_and_at_its_budget(tmp_path: Path) -> None:
    few = run(tmp_path / "few", FakeMeasurer(rng()), options=Options(1, 1e6, 1, areas=AREAS))
    assert few.why == "1 rounds are done"
    assert len(few.attempts) == 3
    none = run(tmp_path / "none", FakeMeasurer(rng()), options=Options(20, 0.0, 1, areas=AREAS))
    assert none.why == "the budget is spent"


def test_what_is_not_correct_is_never_measured(tmp_path: Path) -> None:
    measurer = FakeMeasurer(rng())
    result = run(tmp_path, measurer, gate="a copy of 7 bytes is wrong")
    assert "best" not in result.settings.kernels
    refused = [attempt for attempt in result.attempts if attempt.task.value == "best"]
    assert refused
    assert all("not correct: a copy of 7 bytes" in attempt.decision.why for attempt in refused)
    assert all(not attempt.differences for attempt in refused)


def test_a_rejected_task_is_not_tried_again(tmp_path: Path) -> None:
    result = run(tmp_path, FakeMeasurer(rng()), gate="no")
    ids = [attempt.task.id for attempt in result.attempts]
    assert len(ids) == len(set(ids))


def test_a_person_interrupts_and_resumes(tmp_path: Path) -> None:
    result = run(tmp_path, FakeMeasurer(rng(), interrupt_after=4))
    assert result.interrupted
    assert (tmp_path / "summary.md").exists()
    state = replay(events.read(tmp_path))
    assert state is not None
    assert state.settings == result.settings
    assert tuple(state.attempts) == result.attempts
    done = run(tmp_path, FakeMeasurer(rng(6)), state=state)
    assert done.settings.kernels == ("best",) * len(BANDS)
    assert done.attempts[: len(result.attempts)] == result.attempts


def test_killed_at_any_moment_nothing_is_lost(tmp_path: Path) -> None:
    run(tmp_path / "whole", FakeMeasurer(rng()))
    lines = (tmp_path / "whole" / events.NAME).read_bytes().splitlines(keepends=True)
    for cut in range(2, len(lines), 5):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / events.NAME).write_bytes(b"".join(lines[:cut]) + lines[cut][:17])
        state = replay(events.read(folder))
        assert state is not None
        kept = len(state.attempts)
        done = run(folder, FakeMeasurer(rng(cut)), state=state)
        assert tuple(state.attempts[:kept]) == done.attempts[:kept]
        assert done.settings.kernels == ("best",) * len(BANDS)


def test_a_persons_plan_is_obeyed(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        '[[task]]\ntunable = "copy.65"\nvalue = "good"\n\n'
        '[[task]]\ntunable = "copy.257"\nvalue = "best"\nforbidden = true\n\n'
        '[[task]]\ntunable = "copy.0"\nvalue = "best"\n'
    )
    result = run(tmp_path, FakeMeasurer(rng()), options=Options(1, 1e6, 1, areas=AREAS))
    assert [attempt.task.id for attempt in result.attempts] == ["copy.65=good", "copy.0=best"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task = 3", "no list of tables"),
        ("[[task]]\nvalue = 1", "lacks `tunable`"),
        ('[[task]]\ntunable = "copy.1"\nvalue = "best"', "there is no tunable 'copy.1'"),
        ('[[task]]\ntunable = "copy.0"\nvalue = "memcpy9"', "'memcpy9' is no value of copy.0"),
        ('[[task]]\ntunable = "copy.0"\nvalue = "best"\npriority = "P9"', "makes no sense"),
        ("[[task", "is no plan"),
    ],
)
def test_a_plan_that_makes_no_sense_is_one_sentence(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(UserError) as error:
        run(tmp_path, FakeMeasurer(rng()))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
