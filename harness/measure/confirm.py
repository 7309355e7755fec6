"""The headline points again through pyperf's own runner: a second opinion, by another program's method.

`python -m harness.measure.confirm --config thresholds.toml -o confirmation.json` is a pyperf benchmark script and takes
all of pyperf's options. libc and the dispatcher under the config are timed at a few sizes, each in processes of its
own: unpaired, so it resolves less than the sweep, but it shares nothing with it but the kernels.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyperf

from harness.errors import UserError
from harness.experiment import BASELINE, Block, Condition
from harness.measure.arena import WorkingSets, place
from kernels import copy, dispatch
from kernels._native import lib

NAME: Final = "confirmation.json"
POLICY: Final = "policy"
ARMS: Final = (BASELINE, POLICY)
MOST: Final = 4
"""Sizes; each costs a second or two."""
LARGEST: Final = 64 << 20
PROCESSES: Final = 4
VALUES: Final = 3
MIN_TIME: Final = 0.01
"""Seconds a value takes at least."""


@dataclass(frozen=True)
class Confirmation:
    """One size: seconds a copy, mean and standard deviation over pyperf's values."""

    size: int
    libc: float
    libc_stdev: float
    policy: float
    policy_stdev: float

    @property
    def speed(self) -> float:
        """Libc's time over the policy's."""
        return self.libc / self.policy


def points(cuts: Iterable[tuple[int, int | None, str]]) -> tuple[int, ...]:
    """Sizes that stand for the rules (from, below, kernel) that do not serve libc: the middle of each, odd."""
    middles = [
        round(math.sqrt(max(low, 1) * min(high or LARGEST, LARGEST))) | 1
        for low, high, kernel in cuts
        if kernel != BASELINE and low < LARGEST
    ]
    return tuple(middles[:MOST])


def confirm(config: Path, sizes: Iterable[int], output: Path, cpu: int) -> tuple[Confirmation, ...]:
    """Runs pyperf over these sizes and writes its suite.

    Raises:
        UserError: pyperf fails; its last line says why.
    """
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "harness.measure.confirm", "--config", str(config), "-o", str(output), "--quiet"]
    command += ["--sizes", ",".join(map(str, sizes)), "--affinity", str(cpu), "-w", "2", "--min-time", str(MIN_TIME)]
    command += ["-p", str(PROCESSES), "-n", str(VALUES), "--inherit-environ", "PYTHONPATH,CROSSOVER_CACHE"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise UserError(f"the confirmation by pyperf failed: {reason[-1]}; the config stands, as it was verified")
    return tuple(read(pyperf.BenchmarkSuite.load(str(output))))


def read(suite: pyperf.BenchmarkSuite) -> Iterator[Confirmation]:
    """What a confirmation's suite says, by size."""
    found = {bench.get_name(): bench for bench in suite.get_benchmarks()}
    for size in sorted({int(name.rpartition("/")[2]) for name in found}):
        libc, policy = (found[f"{arm}/{size}"] for arm in ARMS)
        yield Confirmation(size, libc.mean(), libc.stdev(), policy.mean(), policy.stdev())


def _time(size: int, arm: str, loops: int) -> float:
    """Seconds of so many copies, the offsets drawn anew in this process."""
    placement = place(Block("confirm", Condition(), size), WorkingSets(0, 0), random.Random())
    address = dispatch.address() if arm == POLICY else copy.address(BASELINE)
    return float(lib.xo_time_batch(address, placement.batch, 0, loops)) * 1e-9


def _pass_on(command: list[str], arguments: Namespace) -> None:
    command += ["--config", arguments.config, "--sizes", arguments.sizes]


def main() -> None:
    """The benchmark script that pyperf runs, as manager and in each worker."""
    runner = pyperf.Runner(program_args=("-m", "harness.measure.confirm"), add_cmdline_args=_pass_on)
    runner.argparser.add_argument("--config", required=True, help="thresholds.toml that the dispatcher obeys")
    runner.argparser.add_argument("--sizes", required=True, help="bytes a copy, separated by commas")
    arguments = runner.parse_args()
    dispatch.install_config(arguments.config)
    for size in map(int, arguments.sizes.split(",")):
        for arm in ARMS:
            runner.bench_time_func(f"{arm}/{size}", lambda loops, size=size, arm=arm: _time(size, arm, loops))


if __name__ == "__main__":
    main()
