"""The plan: tasks in `plan.toml`, which a person may edit, reorder or forbid; the loop obeys."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from harness.config.write import write_text
from harness.errors import UserError
from harness.optimize.review import Finding, Priority
from harness.optimize.tunables import Tunable, Value, named

PREAMBLE = """\
# What the loop will try, in this order. Edit, reorder, or set `forbidden = true`; the loop reads this file before each
# round. `value` must lie in the tunable's domain.

"""


@dataclass(frozen=True)
class Task:
    """One change to try."""

    tunable: str
    value: Value
    priority: str
    area: str
    expected_gain_percent: float
    cost_seconds: float
    forbidden: bool = False

    @property
    def id(self) -> str:
        """What tells it from other tasks."""
        return f"{self.tunable}={self.value}"


def tasks(found: Sequence[Finding], tried: frozenset[str]) -> tuple[Task, ...]:
    """Tasks of the findings, in their order, without those that have been tried."""
    made = [
        Task(each.tunable, each.value, each.priority.name, each.area, round(each.gain_percent, 2), each.seconds)
        for each in found
    ]
    unique = {task.id: task for task in reversed(made)}
    return tuple(task for task in made if unique[task.id] is task and task.id not in tried)


def write(path: Path, planned: Sequence[Task]) -> None:
    """Write the plan.

    Raises:
        ConfigError: the file cannot be written.
    """
    write_text(path, PREAMBLE + tomli_w.dumps({"task": [asdict(task) for task in planned]}))


def load(path: Path, tunables: tuple[Tunable, ...]) -> tuple[Task, ...]:
    """Read a plan, of ours or of a person.

    Raises:
        UserError: it cannot be read, is no TOML, or names a tunable or a value that there is not.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; name a plan.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no plan: {error}; mend it, or delete it to have it written anew") from None
    entries = content.get("task", [])
    if not isinstance(entries, list):
        raise UserError(f"{path}: `task` is no list of tables; write [[task]] before each")
    return tuple(_task(path, index, entry, tunables) for index, entry in enumerate(entries))


def _task(path: Path, index: int, entry: Any, tunables: tuple[Tunable, ...]) -> Task:
    where = f"{path}: task[{index}]"
    if not isinstance(entry, dict) or not {"tunable", "value"} <= entry.keys():
        raise UserError(f"{where} lacks `tunable` or `value`; give it both, or remove it")
    tunable = named(tunables, str(entry["tunable"]))
    if tunable is None:
        raise UserError(
            f"{where}: there is no tunable {entry['tunable']!r}; there are {', '.join(t.name for t in tunables)}"
        )
    if entry["value"] not in tunable.domain:
        domain = ", ".join(str(value) for value in tunable.domain)
        raise UserError(f"{where}: {entry['value']!r} is no value of {tunable.name}; it takes {domain}")
    try:
        return Task(
            tunable=tunable.name,
            value=entry["value"],
            priority=Priority[str(entry.get("priority", "P1"))].name,
            area=str(entry.get("area", tunable.touches[0])),
            expected_gain_percent=float(entry.get("expected_gain_percent", 0.0)),
            cost_seconds=float(entry.get("cost_seconds", 0.0)),
            forbidden=bool(entry.get("forbidden", False)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{where}: {error} makes no sense; mend it, or remove the task") from None


def next_task(planned: Sequence[Task], tried: frozenset[str]) -> Task | None:
    """The first that is neither forbidden nor tried; None where none is left."""
    return next((task for task in planned if not task.forbidden and task.id not in tried), None)
