"""Sizes and alignments of what a guest's memory paths moved, as a profile that weights the policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from harness.analysis.profile import LARGEST, Profile, as_plain, from_histogram
from harness.config.write import write_text
from harness.errors import UserError
from kernels.vm.machine import PathUse


def profile(name: str, paths: Mapping[str, PathUse]) -> Profile:
    """All paths together: calls by doubling of size.

    Raises:
        UserError: nothing was moved.
    """
    counts = [sum(use.histogram[power] for use in paths.values()) for power in range(LARGEST.bit_length() - 1)]
    used = [power for power, count in enumerate(counts) if count]
    if not used:
        raise UserError(f"{name} moved nothing by any memory path; trace a guest that uses a device")
    first, last = used[0], used[-1]
    bounds = [1 << power for power in range(first, last + 2)]
    return from_histogram(name, bounds, counts[first : last + 1])


def write(path: Path, name: str, paths: Mapping[str, PathUse]) -> Profile:
    """Write the profile, and each path's own sizes and alignments beside it.

    Raises:
        UserError: nothing was moved, or the file cannot be written.
    """
    made = profile(name, paths)
    used = {
        each: {
            "calls": use.calls,
            "bytes": use.bytes,
            "calls_by_size": {str(1 << power): count for power, count in enumerate(use.histogram) if count},
            "calls_by_delta": {str(64 * bin): count for bin, count in enumerate(use.deltas) if count},
        }
        for each, use in paths.items()
        if use.calls
    }
    write_text(path, json.dumps({**as_plain(made), "paths": used}, indent=1) + "\n")
    return made
