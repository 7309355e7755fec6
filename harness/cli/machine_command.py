"""`python -m harness machine`: what this machine is, its key, and how noisy it is now."""

from __future__ import annotations

from dataclasses import asdict

import click

from harness.cli.console import console, json_option, print_json
from harness.report.text import bytes_text


@click.command("machine", epilog="Example: python -m harness machine --json")
@click.option("--no-noise", is_flag=True, help="Do not measure how noisy the machine is (about a second).")
@json_option
def command(no_noise: bool, as_json: bool) -> None:
    """Show what this machine is, the key that configs are bound to, and how noisy it is now."""
    from harness import machine
    from harness.measure import noise

    here = machine.detect()
    found = None if no_noise else noise.measure(here)
    if as_json:
        print_json({**here.facts(), "noise": asdict(found) if found else None})
        return

    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column()
    rows = {
        "key": here.key,
        "processor": f"{here.name} ({here.vendor} family {here.family} model {here.model} stepping {here.stepping})",
        "microarchitecture": f"{here.microarchitecture} (a label; in a virtual machine it can be too coarse)",
        "instruction sets": " ".join(sets(here.features)) or "unknown",
        "caches": ", ".join(
            f"L{cache.level} {bytes_text(cache.size)}" + (f" shared by {cache.shared}" if cache.shared > 1 else "")
            for cache in here.caches
        )
        or "not told by the system",
        "memory": f"{bytes_text(here.memory)}, {bytes_text(machine.memory_available())} free",
        "huge pages": here.huge_pages or "unknown",
        "CPUs": str(here.cpus),
        "libc, kernel": f"{here.libc}, Linux {here.kernel}",
        "clock": f"{here.clock or 'unknown'}, one cycle {here.cycle_ns:.3f} ns",
    }
    if found is not None:
        rows["noise now"] = (
            f"A/A error {found.aa_p95:.1%} at the 95th percentile, {found.between:.1%} between processes, "
            f"{found.stolen:.1%} stolen, clock step {found.clock_ns:.0f} ns"
        )
    for name, value in rows.items():
        table.add_row(name, value)
    for reason in found.reasons if found else ():
        table.add_row("[red]warning[/red]", reason)
    console().print(table)


def sets(features: tuple[str, ...]) -> list[str]:
    """The features that a person would ask for when copying is the subject."""
    asked = ("sse2", "avx", "avx2", "avx512f", "avx512bw", "avx512vl", "erms", "fsrm", "asimd", "sve", "sve2", "mops")
    return [name for name in asked if name in features]
