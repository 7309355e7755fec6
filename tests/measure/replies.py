"""Replies as a worker would give them, without timing anything."""

from __future__ import annotations

from harness.experiment import AA_ARM, BASELINE
from harness.measure.protocol import Job, Reply


def reply(job: Job, speed: dict[str, float], libc_ns: float = 100.0, took: float = 0.02) -> Reply:
    """What a noiseless machine answers: `speed` is libc's time over the candidate's, 1 where it is not named."""
    names = list(job.candidates)
    row = [libc_ns / speed.get(name, 1.0) for name in names]
    return Reply(
        block=job.block,
        replicate=job.replicate,
        seed=job.seed,
        src_offset=0,
        dst_offset=0,
        candidates=names,
        calls=[1] * len(names),
        ns=[list(row) for _ in range(job.rounds)],
        left_out={},
        started=0.0,
        took=took,
    )


ARMS = (BASELINE, AA_ARM)
