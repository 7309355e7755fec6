"""What the manager and a worker say to each other: one JSON object a line. Standard library only.

First line: a `Setup`. Then a `Job` a line; the worker answers each with a `Reply`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

DISPATCH: Final = "dispatch"
"""Candidate: the table-driven dispatcher under the worker's first policy."""
SPECIALISED: Final = "dispatch_specialised"
"""Candidate: the dispatcher compiled with the policy's thresholds as constants."""


def dispatch_under(policy: int) -> str:
    """Candidate: the table-driven dispatcher under the worker's policy of this index."""
    return f"{DISPATCH}@{policy}" if policy else DISPATCH


def policy_of(candidate: str) -> int | None:
    """Which of the worker's policies a candidate needs in force; None where it needs none."""
    name, _, index = candidate.partition("@")
    return int(index or 0) if name == DISPATCH else None


@dataclass(frozen=True)
class Setup:
    """What holds for all of a worker's jobs."""

    cpu: int
    """CPU to pin to; negative for none."""
    cpus: tuple[int, ...]
    """CPUs for conditions with several threads."""
    l3: int
    """Bytes of the working set that shall live in the last-level cache."""
    dram: int
    """Bytes of the working set that shall not fit any cache."""
    announce: str = ""
    """File that names the block and candidate under way, for when the worker dies."""
    policies: tuple[dict[str, Any], ...] = ()
    """Policies for the dispatcher, as `kernels.dispatch.table_from` reads them; `dispatch_under(i)` is the i-th."""
    header: str = ""
    """Text of the thresholds.h that the specialised dispatcher is compiled with."""


@dataclass(frozen=True)
class Job:
    """One block to measure in this process."""

    block: str
    """The block's key."""
    replicate: int
    """How many processes measured this block before."""
    seed: int
    candidates: tuple[str, ...]
    rounds: int
    target_us: float
    """Microseconds a batch shall take; one call at least."""
    give_up: float = float("inf")
    """Candidates this many times slower than the fastest in calibration are left out."""
    keep: tuple[str, ...] = field(default=())
    """Candidates that are never left out."""


@dataclass(frozen=True)
class Reply:
    """What one process measured of one block."""

    block: str
    replicate: int
    seed: int
    src_offset: int
    """Source's offset within its page, bytes."""
    dst_offset: int
    candidates: list[str]
    calls: list[int]
    """Calls a batch, one a candidate."""
    ns: list[list[float]]
    """Nanoseconds a call; one row a round, one column a candidate. A row's entries are paired: adjacent in time."""
    left_out: dict[str, float]
    """Candidates that calibration found far behind, with their nanoseconds a call."""
    started: float
    """Unix time, seconds."""
    took: float
    """Seconds from mapping the memory to the last batch."""


def line(message: Setup | Job | Reply) -> str:
    """The message as one line of JSON. Times keep seven digits: a batch resolves no more."""
    values = asdict(message)
    if isinstance(message, Reply):
        values["ns"] = [[float(f"{ns:.7g}") for ns in row] for row in message.ns]
    return json.dumps(values, separators=(",", ":")) + "\n"
