"""The journal: every measured block, appended as it is done, so that a sweep killed at any moment resumes.

One JSON object a line, `{"crc": ..., "data": ...}`; the first line's data is the header. A torn last line is what a
kill or a full disk leaves behind: it is dropped. A damaged line elsewhere is an error.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from harness.errors import UserError
from harness.measure.protocol import Reply

NAME: Final = "journal.jsonl"
SYNC_SECONDS: Final = 1.0
VERSION: Final = 1


class JournalError(UserError):
    """The journal cannot be read or written."""


@dataclass(frozen=True)
class Header:
    """What a run is: enough to go on with it, and to say where its figures come from."""

    run: str
    experiments: tuple[str, ...]
    seed: int
    budget: float
    """Seconds."""
    tier: int
    """Density of the plan: 0 fast, 1 default, 2 rigorous."""
    only: str
    """Regular expression that candidates had to match; empty for all."""
    machine: dict[str, Any]
    harness: str
    """Version of the harness."""
    commit: str
    command: str
    started: float
    """Unix time, seconds."""
    profile: dict[str, Any] = field(default_factory=dict)
    """Sizes that weight the policy, as `harness.analysis.profile` writes them; empty for a published fleet's."""
    version: int = VERSION


@dataclass(frozen=True)
class Event:
    """Something that happened beside the measuring: a crash, a warning."""

    text: str
    candidate: str = ""
    """Candidate that is taken out of the run because of it; empty for none."""


@dataclass(frozen=True)
class Contents:
    """A journal read back."""

    header: Header
    replies: tuple[Reply, ...]
    events: tuple[Event, ...]
    note: str = ""
    """What was dropped, if the end was torn."""
    whole: int = field(default=0)
    """Bytes up to the end of the last whole line."""


def _frame(kind: str, data: dict[str, Any]) -> bytes:
    body = json.dumps({"kind": kind, **data}, separators=(",", ":"))
    return f'{{"crc":"{zlib.crc32(body.encode()):08x}","data":{body}}}\n'.encode()


class Journal:
    """An open journal; every method appends one line."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._synced = 0.0

    @classmethod
    def create(cls, folder: Path, header: Header) -> Journal:
        """Begin the journal of a new run.

        Raises:
            JournalError: the folder holds a journal already, or nothing can be written there.
        """
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            journal = cls(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644))
        except FileExistsError:
            raise JournalError(
                f"{path} exists already; go on with it by --resume {folder.name}, or name another folder"
            ) from None
        except OSError as error:
            raise JournalError(
                f"{folder} cannot be written: {error.strerror}; name another folder with --output"
            ) from None
        journal._append("header", asdict(header))
        return journal

    @classmethod
    def reopen(cls, folder: Path, contents: Contents) -> Journal:
        """Go on with a journal that has been read: its torn end is cut off first."""
        path = folder / NAME
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            os.ftruncate(descriptor, contents.whole)
        except OSError as error:
            raise JournalError(f"{path} cannot be continued: {error.strerror}; make it writable") from None
        return cls(path, descriptor)

    def reply(self, reply: Reply) -> None:
        """Append a measured block."""
        self._append("reply", asdict(reply))

    def event(self, event: Event) -> None:
        """Append something that happened."""
        self._append("event", asdict(event))

    def _append(self, kind: str, data: dict[str, Any]) -> None:
        frame = _frame(kind, data)
        try:
            written = os.write(self._descriptor, frame)
            if written < len(frame):
                os.write(self._descriptor, frame[written:])
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()
        except OSError as error:
            raise JournalError(
                f"{self.path} cannot be written: {error.strerror}; what was measured before is safe: "
                f"make room and go on with --resume {self.path.parent.name}"
            ) from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def read(folder: Path) -> Contents:
    """Read a run's journal back.

    Raises:
        JournalError: there is none, a line other than the last is damaged, or another version wrote it.
    """
    path = folder / NAME
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}; name a folder that a sweep wrote") from None
    records: list[dict[str, Any]] = []
    note, whole = "", 0
    for number, (line, end) in enumerate(_lines(blob), 1):
        data = _data(line)
        if data is not None:
            records.append(data)
            whole = end
        elif end == len(blob):
            note = f"{path}: line {number} is torn and was dropped: the block under way when the run was cut off"
        else:
            raise JournalError(f"{path}: line {number} is damaged; restore the file or sweep again")
    return _contents(path, records, note, whole)


def _lines(blob: bytes) -> Iterator[tuple[bytes, int]]:
    """Lines with the position after each; the last may lack its line feed, and then does not parse."""
    end = 0
    for line in blob.splitlines(keepends=True):
        end += len(line)
        yield line, end


def _data(line: bytes) -> dict[str, Any] | None:
    """The data of a whole, undamaged line."""
    prefix, suffix = b'{"crc":"', b"}\n"
    body = line[len(prefix) + 8 + len(b'","data":') : -len(suffix)] if line.endswith(suffix) else b""
    if not line.startswith(prefix) or line[len(prefix) : len(prefix) + 8] != f"{zlib.crc32(body):08x}".encode():
        return None
    data = json.loads(body)
    return data if isinstance(data, dict) else None


def _contents(path: Path, records: list[dict[str, Any]], note: str, whole: int) -> Contents:
    if not records or records[0].pop("kind") != "header":
        raise JournalError(f"{path} has no header; it is no journal of a sweep, or nothing was measured: sweep again")
    if records[0].get("version") != VERSION:
        raise JournalError(
            f"{path} is of version {records[0].get('version')}, this harness reads {VERSION}; sweep again"
        )
    records[0]["experiments"] = tuple(records[0]["experiments"])
    replies, events = [], []
    for data in records[1:]:
        if data.pop("kind") == "reply":
            replies.append(Reply(**data))
        else:
            events.append(Event(**data))
    return Contents(Header(**records[0]), tuple(replies), tuple(events), note, whole)
