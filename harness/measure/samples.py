"""The journal's results as a table: one row a (block, process, round, candidate)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from harness.experiment import Block
from harness.measure.protocol import Reply

COLUMNS = ("experiment", "condition", "size", "process", "round", "candidate", "ns", "src_offset", "dst_offset")


def samples(replies: Iterable[Reply]) -> pd.DataFrame:
    """Every recorded batch, nanoseconds a call, in the journal's order.

    `process` numbers the processes that measured a block, from 0. Candidates that a process left out are not in it.
    """
    parts = [_table(reply) for reply in replies]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)


def _table(reply: Reply) -> pd.DataFrame:
    block = Block.parse(reply.block)
    times = np.asarray(reply.ns, dtype=np.float64)
    rounds, candidates = times.shape
    return pd.DataFrame(
        {
            "experiment": block.experiment,
            "condition": block.condition.key,
            "size": block.size,
            "process": reply.replicate,
            "round": np.repeat(np.arange(rounds), candidates),
            "candidate": np.tile(np.asarray(reply.candidates, dtype=object), rounds),
            "ns": times.ravel(),
            "src_offset": reply.src_offset,
            "dst_offset": reply.dst_offset,
        }
    )
