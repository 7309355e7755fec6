"""The journal's results as a pyperf suite: readable by `python -m pyperf stats | hist | check | compare_to`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyperf

from harness.errors import UserError
from harness.measure.journal import Header
from harness.measure.protocol import Reply

NAME = "suite.json"


def build(replies: Iterable[Reply], header: Header) -> pyperf.BenchmarkSuite:
    """One benchmark a (block, candidate), one pyperf run a process, one value a batch in seconds a call.

    Raises:
        UserError: there is nothing to put into a suite.
    """
    runs: dict[str, list[pyperf.Run]] = defaultdict(list)
    for reply in replies:
        for name, calls, times in zip(reply.candidates, reply.calls, zip(*reply.ns, strict=True), strict=True):
            label = f"{reply.block}/{name}"
            metadata: dict[str, Any] = {
                "name": label,
                "loops": calls,
                "src_offset": reply.src_offset,
                "dst_offset": reply.dst_offset,
                "run_id": header.run,
                "unit": "second",
            }
            runs[label].append(pyperf.Run([ns * 1e-9 for ns in times], metadata=metadata, collect_metadata=False))
    if not runs:
        raise UserError(f"run {header.run} has measured nothing yet; sweep again, with a larger --budget")
    return pyperf.BenchmarkSuite([pyperf.Benchmark(each) for each in runs.values()])


def write(path: Path, suite: pyperf.BenchmarkSuite) -> None:
    """Write the suite; an older one is replaced once the new one is whole.

    Raises:
        UserError: the file cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        suite.dump(str(part), replace=True)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UserError(
            f"{path} cannot be written: {error.strerror}; make room and `python -m harness analyze` again"
        ) from None
