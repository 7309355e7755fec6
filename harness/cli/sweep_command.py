"""`python -m harness sweep`: measure, decide, write the config, verify it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from harness.cli import EXIT_INTERRUPTED
from harness.cli.console import Duration, json_option
from harness.cli.progress import live


@click.command(
    "sweep",
    epilog="Example: python -m harness sweep --fast\n\nExample: python -m harness sweep copy --budget 5m --filter avx2",
)
@click.argument("experiment", nargs=-1)
@click.option("--fast", "tier", flag_value="FAST", help="About 30 seconds: a coarser grid, fewer processes.")
@click.option("--rigorous", "tier", flag_value="RIGOROUS", help="About 15 minutes: a finer grid, more processes.")
@click.option("--budget", type=Duration(), help="Time from start to end, e.g. 90, 90s or 5m; overrides the tier's.")
@click.option("--filter", "only", default="", metavar="RE", help="Only candidates whose name matches; libc always.")
@click.option("--resume", "resumed", metavar="RUN", help="Go on with a run that was cut off: its folder or name.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the run; else one under results/runs.")
@click.option("--no-install", is_flag=True, help="Leave the config in the run's folder only.")
@json_option
def command(
    experiment: tuple[str, ...],
    tier: str | None,
    budget: float | None,
    only: str,
    resumed: str | None,
    output: Path | None,
    no_install: bool,
    as_json: bool,
) -> None:
    """Measure the candidates of each EXPERIMENT (all where none is named), decide, write and verify the config.

    Ctrl-C ends it with what it has. Exit code: 0 done, 1 the config is slower than libc somewhere, 130 interrupted.
    """
    import experiments
    from experiments import Tier
    from harness import machine, sweep
    from harness.cli.outcome import show

    here = machine.detect()
    code = 0
    for name in experiment or experiments.names():
        with live(as_json) as report:
            if resumed:
                result = sweep.resume(run_folder(resumed), here, report, install=not no_install)
            else:
                chosen = Tier[tier or "DEFAULT"]
                experiments.load(name)
                request = sweep.Request(
                    experiment=name,
                    tier=chosen,
                    budget=budget or sweep.BUDGETS[chosen],
                    only=valid_pattern(only),
                    folder=output or sweep.RUNS / sweep.run_id(),
                    command=shlex.join(["python", "-m", "harness", *sys.argv[1:]]),
                    install=not no_install,
                )
                result = sweep.sweep(request, here, report)
        show(result, as_json=as_json)
        code = EXIT_INTERRUPTED if result.interrupted else code
        code = code or int(bool(result.verification and result.verification.losses))
    raise SystemExit(code)


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
