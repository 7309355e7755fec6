"""What a round and a whole run did, for people who were not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.optimize.decision import Decision, Difference
from harness.optimize.plan import Task
from harness.optimize.review import Finding, Priority
from harness.optimize.settings import Settings
from harness.optimize.tunables import Value
from harness.report.text import seconds_text


@dataclass(frozen=True)
class Attempt:
    """One task tried."""

    round: int
    task: Task
    before: Value
    decision: Decision
    differences: tuple[Difference, ...]
    seconds: float

    @property
    def gain_percent(self) -> float:
        """Of the area that the task is for; 0 where it was not measured."""
        return next((each.percent() for each in self.differences if each.area == self.task.area), 0.0)

    @property
    def verdict(self) -> str:
        """In a word or two."""
        return "accepted" if self.decision.accepted else "rolled back"


def round_markdown(number: int, attempts: Sequence[Attempt]) -> str:
    """One round's report."""
    taken = sum(attempt.decision.accepted for attempt in attempts)
    lines = [f"# Round {number}: {taken} of {len(attempts)} tasks accepted", ""]
    for attempt in attempts:
        lines += [*_attempt(attempt), ""]
    return "\n".join(lines)


def _attempt(attempt: Attempt) -> list[str]:
    task = attempt.task
    return [
        f"## {task.tunable}: `{shown(attempt.before)}` to `{shown(task.value)}`, {attempt.verdict}",
        "",
        f"{task.priority}; expected {task.expected_gain_percent:+.1f} % on {task.area}. "
        f"{attempt.verdict.capitalize()}, because {attempt.decision.why}.",
        "",
        f"Time spent: {seconds_text(attempt.seconds)}. Return: {_return(attempt)}.",
        "",
        *differences_table(attempt.differences, attempt.decision.level),
    ]


def _return(attempt: Attempt) -> str:
    if not attempt.decision.accepted:
        return "nothing, and one question less"
    return f"{60 * attempt.gain_percent / max(attempt.seconds, 1.0):.1f} percent of {attempt.task.area} a minute"


def shown(value: Value) -> Value:
    """A value for people: an empty one says so."""
    return "none" if value == "" else value


def differences_table(differences: Sequence[Difference], level: float) -> list[str]:
    """Areas with their gains; the interval is that of the test."""
    lines = [
        f"Speed before over after, fresh processes, unseen sizes; intervals at level {level:.2g}.",
        "",
        "| area | gain | interval | processes or pairs |",
        "|---|---|---|---|",
    ]
    for each in differences:
        half = each.bound(level)
        low, high = (Difference("", each.gain + sign * half, 0, 0).percent() for sign in (-1, 1))
        lines.append(f"| {each.area} | {each.percent():+.1f} % | [{low:+.1f}, {high:+.1f}] % | {each.samples} |")
    return lines


def summary_markdown(
    attempts: Sequence[Attempt],
    first: Settings,
    last: Settings,
    differences: Sequence[Difference],
    reviews: tuple[Sequence[Finding], Sequence[Finding]],
    why: str,
    seconds: float,
) -> str:
    """The whole run: what was accepted, and the first settings beside the last ones, measured again."""
    accepted = sum(attempt.decision.accepted for attempt in attempts)
    rounds = len({attempt.round for attempt in attempts})
    opened, left = (_counts(found) for found in reviews)
    lines = [
        "# Summary",
        "",
        f"{rounds} rounds in {seconds_text(seconds)}: of {len(attempts)} tasks {accepted} accepted, "
        f"{len(attempts) - accepted} rolled back. It ended because {why}.",
        "",
        f"Findings at the start: {opened}. At the last review: {left}.",
        "",
        "## First settings beside the last, measured again",
        "",
        *(differences_table(differences, 0.05) if differences else ["They were not measured."]),
        "",
        "## Tasks",
        "",
        "| round | tunable | from | to | gain | decision |",
        "|---|---|---|---|---|---|",
        *(
            f"| {each.round} | {each.task.tunable} | {shown(each.before)} | {shown(each.task.value)} "
            f"| {each.gain_percent:+.1f} % on {each.task.area} | {each.verdict}: {each.decision.why} |"
            for each in attempts
        ),
        "",
        "## What changed",
        "",
        *(_changes(first, last) or ["Nothing."]),
        "",
        "## What to do next",
        "",
        _next([each for each in reviews[1] if f"{each.tunable}={each.value}" not in {a.task.id for a in attempts}]),
    ]
    return "\n".join(lines) + "\n"


def _counts(found: Sequence[Finding]) -> str:
    return ", ".join(f"{sum(each.priority is level for each in found)} {level.name}" for level in Priority)


def _changes(first: Settings, last: Settings) -> list[str]:
    before, after = first.plain(), last.plain()
    return [
        f"- {name}: {before[name]} → {after[name]}"
        for name in before
        if before[name] != after[name] and name != "rounds"
    ]


def _next(left: Sequence[Finding]) -> str:
    urgent = [each for each in left if each.priority is not Priority.P2][:3]
    if not urgent:
        return "No loss beyond the margin is known. Run again after a change of machine, libc or load."
    return "Left: " + "; ".join(f"{each.tunable} = {each.value} ({each.gain_percent:+.1f} %)" for each in urgent) + "."
