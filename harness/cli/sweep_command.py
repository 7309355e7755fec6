"""`python -m harness sweep`: measure, decide, write the config, verify it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from harness.cli import EXIT_INTERRUPTED, EXIT_NO
from harness.cli.console import Duration, json_option
from harness.cli.progress import live

ZERO_SCAN_SECONDS = (15.0, 40.0, 120.0)
"""By tier; far fewer kernels and conditions than copies have."""


@click.command(
    "sweep",
    epilog="Example: python -m harness sweep --fast\n\nExample: python -m harness sweep copy --budget 5m --filter avx2",
)
@click.argument("experiment", nargs=-1)
@click.option("--fast", "tier", flag_value="FAST", help="About 30 seconds: a coarser grid, fewer processes.")
@click.option("--rigorous", "tier", flag_value="RIGOROUS", help="About 15 minutes: a finer grid, more processes.")
@click.option("--budget", type=Duration(), help="Time from start to end, e.g. 90, 90s or 5m; overrides the tier's.")
@click.option("--filter", "only", default="", metavar="RE", help="Only candidates whose name matches; libc always.")
@click.option(
    "--profile", type=click.Path(path_type=Path), help="Sizes that `trace` recorded; they weight the copy policy."
)
@click.option("--resume", "resumed", metavar="RUN", help="Go on with a run that was cut off: its folder or name.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the run; else one under results/runs.")
@click.option("--no-install", is_flag=True, help="Leave the config in the run's folder only.")
@json_option
def command(
    experiment: tuple[str, ...],
    tier: str | None,
    budget: float | None,
    only: str,
    profile: Path | None,
    resumed: str | None,
    output: Path | None,
    no_install: bool,
    as_json: bool,
) -> None:
    """Measure the candidates of each EXPERIMENT (copy where none is named).

    For copy: decide, write and verify the config. For zero_scan: decide, and write the policy beside it. For the VM's
    memory paths (`list` names them): libc, each kernel, the old rule and the policy in force, on the path itself.
    Ctrl-C ends it with what it has.

    Exit code: 0 done, 1 the policy is slower than libc somewhere, 130 interrupted.
    """
    import experiments
    from experiments import Tier
    from harness import machine, sweep
    from harness.analysis.profile import load
    from harness.cli.outcome import show
    from harness.cli.paths_outcome import sweep_paths, sweep_zero_scan
    from harness.experiment import ZERO_SCAN

    here = machine.detect()
    chosen = Tier[tier or "DEFAULT"]
    names = experiment or (experiments.COPY,)
    for name in names:
        experiments.load(name)
    pattern, weights = valid_pattern(only), load(profile) if profile else None
    if not resumed and names == (ZERO_SCAN,):
        seconds = budget or ZERO_SCAN_SECONDS[chosen]
        raise SystemExit(sweep_zero_scan(here, chosen, seconds, output, install=not no_install, as_json=as_json))
    if not resumed and not {experiments.COPY, ZERO_SCAN} & set(names):
        raise SystemExit(sweep_paths(names, here, chosen, budget or sweep.BUDGETS[chosen], output, as_json=as_json))
    if len(names) > 1:
        raise click.UsageError("sweep copy and zero_scan by themselves: each writes a policy of its own")
    with live(as_json) as report:
        if resumed:
            result = sweep.resume(run_folder(resumed), here, report, install=not no_install)
        else:
            request = sweep.Request(
                experiment=experiments.COPY,
                tier=chosen,
                budget=budget or sweep.BUDGETS[chosen],
                only=pattern,
                folder=output or sweep.RUNS / sweep.run_id(),
                command=shlex.join(["python", "-m", "harness", *sys.argv[1:]]),
                install=not no_install,
                profile=weights,
            )
            result = sweep.sweep(request, here, report)
    show(result, as_json=as_json)
    if result.interrupted:
        raise SystemExit(EXIT_INTERRUPTED)
    raise SystemExit(EXIT_NO if result.verification and result.verification.losses else 0)


def run_folder(text: str) -> Path:
    """A run's folder from its path or its name under results/runs.

    Raises:
        click.UsageError: there is no such run.
    """
    from harness.sweep import RUNS

    for path in (Path(text), RUNS / text):
        if path.is_dir():
            return path
    raise click.UsageError(f"there is no run {text!r}, neither as a folder nor under {RUNS}")


def valid_pattern(text: str) -> str:
    """The regular expression, compiled once to see that it is one.

    Raises:
        click.UsageError: it is none.
    """
    import re

    try:
        re.compile(text)
    except re.error as error:
        raise click.UsageError(f"--filter {text!r} is no regular expression: {error}") from None
    return text
