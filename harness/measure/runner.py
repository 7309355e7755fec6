"""Runs worker processes: one at a time, a packet of jobs each, and says which candidate brought one down."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from harness.errors import UserError
from harness.machine import Machine, allowed_cpus, memory_available
from harness.measure.protocol import Job, Reply, Setup, line

WORKER: Final = (sys.executable, "-m", "harness.measure.worker")
PATIENCE: Final = 180.0
"""Seconds after which a job that has not answered is taken for hung."""
MEMORY_SHARE: Final = 0.25
"""Part of the free memory that a block may use."""


class WorkerError(UserError):
    """A worker could not do its work, and no candidate is to blame."""


class CandidateCrashed(Exception):
    """A worker died while a candidate ran."""

    def __init__(self, candidate: str, block: str, how: str) -> None:
        self.candidate = candidate
        self.block = block
        self.how = how
        super().__init__(f"{candidate} in block {block}: {how}")


@dataclass(frozen=True)
class Limits:
    """What blocks may use of this machine."""

    memory: int
    """Bytes for all buffers of a block together."""
    l3: int
    dram: int


def limits(machine: Machine) -> Limits:
    """Working sets for this machine's caches, within a quarter of the free memory."""
    memory = int(memory_available() * MEMORY_SHARE)
    last = machine.last_level_cache
    l2 = machine.cache_size(2) or 1 << 20
    return Limits(memory, l3=min(16 * l2, last // 2), dram=min(2 * last, memory))


def setup(machine: Machine) -> Setup:
    """How workers run here: pinned to the last CPU allowed, the manager keeps to the others."""
    cpus = allowed_cpus()
    bounds = limits(machine)
    return Setup(cpu=cpus[-1], cpus=cpus[::-1], l3=bounds.l3, dram=bounds.dram)


@contextmanager
def manager_elsewhere(cpu: int) -> Iterator[None]:
    """Keep this process off the CPU that workers are pinned to, where there is another one."""
    before = os.sched_getaffinity(0)
    if before - {cpu}:
        os.sched_setaffinity(0, before - {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_packet(setup: Setup, jobs: Sequence[Job]) -> Iterator[Reply]:
    """Measure jobs in one fresh process, yielding each result as it comes.

    Raises:
        CandidateCrashed: the process died or hung while a candidate ran; the jobs before it have been yielded.
        WorkerError: the process failed for another reason.
    """
    with tempfile.TemporaryDirectory(prefix="crossover-") as folder:
        announce = Path(folder) / "candidate"
        child = _start(replace(setup, announce=str(announce)))
        try:
            for job in jobs:
                yield _ask(child, job, announce)
        finally:
            _end(child)


def _start(setup: Setup) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        WORKER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C is the manager's to handle.
    )
    _send(child, line(setup))
    return child


def _send(child: subprocess.Popen[str], text: str) -> None:
    stdin = _pipe(child.stdin)
    try:
        stdin.write(text)
        stdin.flush()
    except BrokenPipeError:
        return  # The worker is gone: the answer that does not come says so.


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _ask(child: subprocess.Popen[str], job: Job, announce: Path) -> Reply:
    announce.write_bytes(b"")
    _send(child, line(job))
    stdout = _pipe(child.stdout)
    ready, _, _ = select.select([stdout], [], [], PATIENCE)
    if not ready:
        child.kill()
        raise CandidateCrashed(_announced(announce), job.block, f"no answer within {PATIENCE:.0f} s")
    text = stdout.readline()
    if text:
        return Reply(**json.loads(text))
    child.wait()
    if child.returncode < 0:
        raise CandidateCrashed(_announced(announce), job.block, signal.Signals(-child.returncode).name)
    reason = _pipe(child.stderr).read().strip().splitlines()
    raise WorkerError(f"the measuring process failed at {job.block}: {reason[-1] if reason else 'no reason given'}")


def _announced(path: Path) -> str:
    return path.read_bytes().strip(b" \0").decode()


def _end(child: subprocess.Popen[str]) -> None:
    """Let the worker see the end of its input; it is killed where it does not end at once."""
    _pipe(child.stdin).close()
    try:
        child.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for stream in (child.stdout, child.stderr):
        _pipe(stream).close()
