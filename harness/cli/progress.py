"""Live progress of a measurement: blocks, elapsed, remaining, noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.cli.console import console

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.measure.sweep import Progress


@contextmanager
def live(quiet: bool) -> Iterator[Callable[[str, Progress], None]]:
    """A function that shows where a stage stands, on stderr: one line that is rewritten, on a terminal.

    Where stderr is no terminal, a line is printed as each stage begins.
    """
    out = console(stderr=True)
    if quiet:
        yield lambda _stage, _progress: None
    elif not out.is_terminal:
        begun: set[str] = set()

        def announce(stage: str, progress: Progress) -> None:
            if stage not in begun:
                begun.add(stage)
                out.print(f"{stage}: up to {progress.budget:.0f} s")

        yield announce
    else:
        with out.status("starting") as status:
            yield lambda stage, progress: status.update(text(stage, progress))


def text(stage: str, progress: Progress) -> str:
    """The line that is shown."""
    noise = "" if math.isnan(progress.noise) else f", noise {progress.noise:.1%}"
    left = max(0.0, progress.budget - progress.elapsed)
    return (
        f"{stage}: {progress.done} of {progress.planned} block runs, {progress.elapsed:.0f} s elapsed, "
        f"at most {left:.0f} s remaining{noise}  [dim]{progress.block}[/dim]"
    )
