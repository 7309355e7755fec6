"""A run's report for people: Markdown with the figure, and what the figure shows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from harness.report.tables import class_text, hazard_text, range_text
from harness.report.text import bytes_text, condition_text, gain_text, seconds_text, speed_text, time_text, worth_text

if TYPE_CHECKING:
    from harness.analysis.weights import Worth
    from harness.config.schema import Config
    from harness.measure.confirm import Confirmation
    from harness.trial import Trial
    from harness.verify import Verification


def markdown(
    config: Config,
    *,
    trial: Trial | None = None,
    verification: Verification | None = None,
    worth: Worth | None = None,
    confirmed: Sequence[Confirmation] = (),
    notes: Sequence[str] = (),
) -> str:
    """The report of a run."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # Markdown, not HTML.
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("run.md.j2").render(
        machine=config.machine,
        made=config.provenance,
        headline=headline_text(config),
        classes=config.policy.classes,
        hazards=config.hazards,
        trial=trial,
        verification=verification,
        worth=worth_text(worth) if worth else "",
        confirmed=confirmed,
        notes=notes,
        bytes_text=bytes_text,
        class_text=class_text,
        condition_text=condition_text,
        gain_text=gain_text,
        hazard_text=hazard_text,
        range_text=range_text,
        seconds_text=seconds_text,
        speed_text=speed_text,
        time_text=time_text,
    )


def headline_text(config: Config) -> str:
    """The plain number people ask for, or why there is none."""
    headline = config.headline
    note = f" ({headline.note})" if headline.note else ""
    if headline.simd_stdlib_crossover is None or headline.low is None or headline.high is None:
        return f"No single crossover between SIMD and libc{note}."
    return (
        f"SIMD and libc cross at {bytes_text(headline.simd_stdlib_crossover)} "
        f"[{bytes_text(headline.low)}, {bytes_text(headline.high)}]{note}."
    )
