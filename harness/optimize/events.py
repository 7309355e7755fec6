"""The loop's journal: one event a line, appended and synced, so that a loop that is killed goes on; and its lock."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.errors import UserError

NAME: Final = "events.jsonl"
LOCK: Final = "crossover-optimize.lock"


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    kind: str
    """started, reviewed, planned, measured, accepted, rolled_back, stopped, resumed, finished."""
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    at: float = 0.0
    """Unix time, seconds."""


class EventLog:
    """The open journal of a run."""

    def __init__(self, folder: Path) -> None:
        """Create the folder and open its journal to append.

        Raises:
            UserError: it cannot be written.
        """
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            whole = _whole(self.path)
            self._file = self.path.open("ab")
            self._file.truncate(whole)
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be written: {error.strerror}; make room, or name another folder"
            ) from None

    def append(self, kind: str, text: str, **data: Any) -> Event:
        """Write an event; it is on the disk when this returns.

        Raises:
            UserError: it cannot be written.
        """
        event = Event(kind, text, data, time.time())
        try:
            self._file.write(json.dumps(asdict(event), separators=(",", ":")).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be written: {error.strerror}; make room and go on with --resume {self.path.parent}"
            ) from None
        return event

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _whole(path: Path) -> int:
    """Bytes up to the end of the last whole line; 0 where there is no file."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    return content.rfind(b"\n") + 1


def read(folder: Path) -> tuple[Event, ...]:
    """A run's events; a torn last line is left out.

    Raises:
        UserError: there is no such journal, or it is damaged.
    """
    path = folder / NAME
    try:
        lines = path.read_bytes()[: _whole(path)].splitlines()
        return tuple(Event(**json.loads(line)) for line in lines)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; name a folder that `optimize` wrote") from None
    except (ValueError, TypeError):
        raise UserError(f"{path} is damaged; restore it, or start anew") from None


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Holds the machine's lock: two loops would measure each other.

    Raises:
        UserError: another loop runs, or the lock cannot be made.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UserError(f"{lock} cannot be made: {error.strerror}; make its folder writable") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"another loop runs on this machine (it holds {lock}): wait for it, or stop it") from None
        yield
    finally:
        os.close(descriptor)


def follow(folder: Path, poll: float = 0.5) -> Iterator[Event]:
    """Every event so far, then each new one as it comes, until the loop has finished or stopped.

    Raises:
        UserError: there is no such journal, or it is damaged.
    """
    seen = 0
    while True:
        events = read(folder)
        yield from events[seen:]
        seen = len(events)
        if events and events[-1].kind in {"finished", "stopped"}:
            return
        time.sleep(poll)
