"""What a sweep or an analysis found, printed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from harness.cli.console import console, print_json
from harness.report.run import headline_text
from harness.report.tables import confirmation_table, hazard_text, policy_table, verification_table
from harness.report.text import seconds_text, verification_text, worth_text

if TYPE_CHECKING:
    from harness.sweep import Result


def show(result: Result, *, as_json: bool) -> None:
    """Print the table, the headline, the hazards, the verification and the files written."""
    if as_json:
        print_json(plain(result))
        return
    out = console()
    out.print(policy_table(result.config))
    out.print(f"[bold]{headline_text(result.config)}[/bold]")
    out.print(worth_text(result.worth))
    for hazard in result.config.hazards:
        out.print(f"hazard: {hazard_text(hazard)}")
    if result.verification is not None:
        out.print(verification_table(result.verification))
        out.print(verification_text(result.verification))
    if result.confirmed:
        out.print(confirmation_table(result.confirmed))
    out.print(f"noise (A/A, 95th percentile): {100 * result.decisions.noise.p95:.1f} %")
    for note in result.notes:
        out.print(f"note: {note}")
    if result.interrupted:
        out.print(f"interrupted; go on with: python -m harness sweep --resume {result.folder}")
    out.print(f"{seconds_text(result.seconds)}; files in {result.folder}:")
    out.print("  " + ", ".join(sorted(path.name for path in result.folder.iterdir())))


def plain(result: Result) -> dict[str, object]:
    """The result as plain values."""
    return {
        "run": result.header.run,
        "folder": result.folder,
        "interrupted": result.interrupted,
        "seconds": result.seconds,
        "noise": result.decisions.noise.p95,
        "worth": asdict(result.worth),
        "config": msgspec.to_builtins(result.config),
        "trial": asdict(result.trial) if result.trial else None,
        "verification": asdict(result.verification) if result.verification else None,
        "confirmation": [asdict(each) for each in result.confirmed],
        "notes": result.notes,
        "files": sorted(path.name for path in result.folder.iterdir()),
    }
