"""The loop itself: rounds of up to three tasks, each verified at once, until there is a reason to stop.

All that it knows follows from its journal: whoever reads the journal again can go on where it was cut off.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from harness.config.write import write_text
from harness.optimize import plan as planning
from harness.optimize.decision import Decision, Difference, decide, level_of_test
from harness.optimize.events import Event, EventLog
from harness.optimize.measurer import Measurer
from harness.optimize.plan import Task
from harness.optimize.report import Attempt, round_markdown, summary_markdown
from harness.optimize.review import Finding, Priority, findings, markdown
from harness.optimize.settings import Settings, from_plain
from harness.optimize.tunables import Tunable, named

TASKS: Final = 3
"""In a round."""
AREAS: Final = 11
"""That one task is tested on, at the most."""
PATIENCE: Final = 2
"""Rounds in a row that bring nothing, after which the loop stops."""
MARGIN: Final = 0.02
LAST_SECONDS: Final = 110.0
"""Kept for measuring the first settings beside the last."""


@dataclass(frozen=True)
class Options:
    """How long a run may go on."""

    max_iterations: int
    budget: float
    """Seconds."""
    seed: int
    patience: int = PATIENCE
    areas: tuple[str, ...] = ()
    """What the last comparison looks at."""


@dataclass
class State:
    """Where a run stands."""

    first: Settings
    settings: Settings
    attempts: list[Attempt] = field(default_factory=list)
    opened: tuple[Finding, ...] = ()
    """Of the first review."""
    left: tuple[Finding, ...] = ()
    """Of the last."""
    noise: float = 0.0
    spent: float = 0.0
    """Seconds before this process."""

    @property
    def tried(self) -> frozenset[str]:
        """Tasks that have their answer: a value that lost under settings which have not changed since."""
        return frozenset(attempt.task.id for attempt in self.attempts)

    @property
    def rounds(self) -> int:
        """Rounds done or begun."""
        return max((attempt.round for attempt in self.attempts), default=0)

    def fruitless(self) -> int:
        """Rounds in a row, the last ones, that brought nothing."""
        count = 0
        for number in range(self.rounds, 0, -1):
            if any(attempt.decision.accepted for attempt in self.attempts if attempt.round == number):
                break
            count += 1
        return count


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    settings: Settings
    attempts: tuple[Attempt, ...]
    differences: tuple[Difference, ...]
    """The last settings beside the first, measured again."""
    why: str
    interrupted: bool


class Loop:
    """One run."""

    def __init__(
        self,
        folder: Path,
        log: EventLog,
        options: Options,
        measurer: Measurer,
        gate: Callable[[Settings, int], str],
        tunables: Sequence[Tunable],
        state: State,
    ) -> None:
        """A run in a folder, with what it has done so far.

        Args:
            folder: where reports and the plan go.
            log: takes every event.
            options: how long it may go on.
            measurer: how it learns.
            gate: says what is wrong with settings; empty where nothing is.
            tunables: what it may change.
            state: where it stands.
        """
        self._folder = folder
        self._log = log
        self._options = options
        self._measurer = measurer
        self._gate = gate
        self._tunables = tuple(tunables)
        self._state = state
        self._began = time.monotonic()
        self._plan = folder / "plan.toml"

    def run(self) -> Result:
        """Rounds until there is a reason to stop; then the summary.

        Raises:
            UserError: a file cannot be written, or a person's plan makes no sense.
        """
        interrupted = False
        try:
            why = self._rounds()
        except KeyboardInterrupt:
            why, interrupted = "a person interrupted it", True
        differences = () if interrupted else self._last()
        result = Result(self._state.settings, tuple(self._state.attempts), differences, why, interrupted)
        self._summary(result)
        self._log.append("stopped" if interrupted else "finished", f"ended: {why}")
        return result

    def _rounds(self) -> str:
        if not self._plan.exists():
            if self._state.left:
                planning.write(self._plan, planning.tasks(self._state.left, self._state.tried))
            else:
                self._review()
        while True:
            reason = self._reason_to_stop()
            if reason:
                return reason
            if self._next() is None and not self._refreshed():
                return "there is nothing left to try"
            self._round(self._state.rounds + 1)

    def _reason_to_stop(self) -> str:
        if self._state.rounds >= self._options.max_iterations:
            return f"{self._options.max_iterations} rounds are done"
        if self._left() <= 0:
            return "the budget is spent"
        if self._state.fruitless() >= self._options.patience:
            return f"{self._options.patience} rounds in a row brought nothing"
        return ""

    def _left(self) -> float:
        spent = self._state.spent + time.monotonic() - self._began
        return self._options.budget - spent - min(LAST_SECONDS, self._options.budget / 4)

    def _refreshed(self) -> bool:
        """A new review, where something was accepted since the last; whether it found more to try."""
        last = self._state.attempts[-1:]
        if not last or not any(each.decision.accepted for each in self._state.attempts if each.round == last[0].round):
            return False
        self._review()
        return self._next() is not None

    def _review(self) -> None:
        seen, self._state.noise = self._measurer.review(self._state.settings, self._seed())
        found = findings(seen, self._state.settings, self._tunables, self._margin())
        self._state.opened = self._state.opened or found
        self._state.left = found
        write_text(self._folder / "review.md", markdown(found, self._state.noise))
        write_text(self._folder / "review.json", json.dumps([asdict(each) for each in found], indent=1) + "\n")
        text = f"review: {sum(each.priority is not Priority.P2 for each in found)} losses, {len(found)} findings"
        self._log.append("reviewed", text, findings=[asdict(each) for each in found], noise=self._state.noise)
        planned = planning.tasks(found, self._state.tried)
        planning.write(self._plan, planned)
        self._log.append("planned", f"{len(planned)} tasks in {self._plan.name}")

    def _next(self) -> Task | None:
        """The first task of the plan, as it lies there now, that is still to be tried."""
        planned = planning.load(self._plan, self._tunables) if self._plan.exists() else ()
        settled = {attempt.task.tunable for attempt in self._since_review() if attempt.decision.accepted}
        fresh = [task for task in planned if task.tunable not in settled and not self._in_force(task)]
        return planning.next_task(fresh, self._state.tried)

    def _in_force(self, task: Task) -> bool:
        tunable = named(self._tunables, task.tunable)
        return tunable is not None and tunable.get(self._state.settings) == task.value

    def _since_review(self) -> list[Attempt]:
        """Attempts whose outcome the plan does not know: those of tasks that stand in it."""
        ids = {f"{each.tunable}={each.value}" for each in self._state.left}
        return [attempt for attempt in self._state.attempts if attempt.task.id in ids or not ids]

    def _round(self, number: int) -> None:
        for _ in range(TASKS):
            task = self._next()
            if task is None or self._left() <= 0:
                break
            self._attempt(number, task)
        done = [attempt for attempt in self._state.attempts if attempt.round == number]
        write_text(self._folder / f"round-{number:02d}.md", round_markdown(number, done))

    def _attempt(self, number: int, task: Task) -> None:
        tunable = named(self._tunables, task.tunable)
        assert tunable is not None  # a plan that names none is refused when it is read
        began = time.monotonic()
        before = self._state.settings
        after = tunable.put(before, task.value, number)
        wrong = self._gate(after, self._seed())
        level = level_of_test(self._options.max_iterations, TASKS, AREAS)
        differences: tuple[Difference, ...] = ()
        if wrong:
            decision = Decision(False, f"it is not correct: {wrong}", level)
        else:
            differences, heard = self._measurer.compare(before, after, tunable.touches, self._seed())
            decision = decide(differences, max(self._margin(), heard), level)
        attempt = Attempt(number, task, tunable.get(before), decision, differences, time.monotonic() - began)
        settings = after if decision.accepted else before
        text = f"round {number}: {task.id}: {attempt.verdict}, {decision.why}"
        self._log.append("measured", text, attempt=asdict(attempt), settings=settings.plain())
        self._state.attempts.append(attempt)
        self._state.settings = settings
        self._log.append("accepted" if decision.accepted else "rolled_back", text)

    def _margin(self) -> float:
        return max(MARGIN, self._state.noise)

    def _seed(self) -> int:
        """Another one for everything that is measured, the same when a run is replayed."""
        return self._options.seed + 1000 * len(self._state.attempts) + self._state.rounds

    def _last(self) -> tuple[Difference, ...]:
        """The first settings beside the last; nothing to measure where they are the same."""
        first, last = self._state.first, self._state.settings
        if first.policy() == last.policy() and _numbers(first) == _numbers(last):
            return ()
        try:
            return self._measurer.compare(first, last, self._options.areas, self._seed() + 7)[0]
        except KeyboardInterrupt:
            return ()

    def _summary(self, result: Result) -> None:
        state = self._state
        seconds = state.spent + time.monotonic() - self._began
        reviews = (state.opened, state.left)
        text = summary_markdown(
            state.attempts, state.first, state.settings, result.differences, reviews, result.why, seconds
        )
        write_text(self._folder / "summary.md", text)
        plain = {
            "why": result.why,
            "seconds": seconds,
            "first": state.first.plain(),
            "last": state.settings.plain(),
            "differences": [asdict(each) for each in result.differences],
            "attempts": [asdict(each) for each in state.attempts],
        }
        write_text(self._folder / "summary.json", json.dumps(plain, indent=1) + "\n")


def _numbers(settings: Settings) -> dict[str, Any]:
    return {name: value for name, value in settings.plain().items() if name not in {"kernels", "rounds"}}


def replay(events: Sequence[Event]) -> State | None:
    """Where a run stood when its last event was written; None where it never began."""
    state: State | None = None
    for event in events:
        if event.kind == "started":
            first = from_plain(event.data["settings"])
            state = State(first, first)
        elif state is not None and event.kind == "reviewed":
            found = tuple(_finding(each) for each in event.data["findings"])
            state.opened, state.left, state.noise = state.opened or found, found, event.data["noise"]
        elif state is not None and event.kind == "measured":
            state.attempts.append(_attempt_of(event.data["attempt"]))
            state.settings = from_plain(event.data["settings"])
    if state is not None:
        state.spent = _spent(events)
    return state


def _spent(events: Sequence[Event]) -> float:
    """Seconds that the run's processes took so far, the pauses between them left out."""
    total, began = 0.0, events[0].at
    for before, event in pairwise(events):
        if event.kind == "resumed":
            total += before.at - began
            began = event.at
    return total + events[-1].at - began


def _finding(values: dict[str, Any]) -> Finding:
    return Finding(**{**values, "priority": Priority(values["priority"])})


def _attempt_of(values: dict[str, Any]) -> Attempt:
    return Attempt(
        **{
            **values,
            "task": Task(**values["task"]),
            "decision": Decision(**values["decision"]),
            "differences": tuple(Difference(**each) for each in values["differences"]),
        }
    )
