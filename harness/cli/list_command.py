"""`python -m harness list`: experiments, candidates, and which of them run here."""

from __future__ import annotations

from dataclasses import asdict

import click

from harness.cli.console import console, json_option, print_json
from harness.report.text import bytes_text


@click.command(
    "list",
    epilog="Example: python -m harness list --runnable",
)
@click.option("--runnable", is_flag=True, help="Only candidates that this CPU runs.")
@json_option
def command(runnable: bool, as_json: bool) -> None:
    """Show the experiments, and every candidate with its parameters and whether it runs here."""
    import experiments
    from kernels import copy, zero_scan

    scans = zero_scan.runnable() if runnable else zero_scan.table()
    kernels = copy.runnable() if runnable else copy.table()
    names = experiments.names()
    if as_json:
        print_json(
            {
                "experiments": [{"name": name, "summary": experiments.load(name).summary} for name in names],
                "candidates": [asdict(kernel) for kernel in kernels],
                "zero_scan_candidates": [asdict(kernel) for kernel in scans],
            }
        )
        return

    from rich.box import SIMPLE
    from rich.table import Table

    out = console()
    for name in names:
        out.print(f"[bold]{name}[/bold]  {experiments.load(name).summary}")
    table = Table(
        title=f"{len(copy.runnable())} of {len(copy.table())} candidates run on this CPU",
        title_justify="left",
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in (
        "candidate",
        "ISA",
        "family",
        "vector",
        "unroll",
        "prefetch",
        "stores",
        "largest",
        "runs here",
    ):
        numeric = heading in {"vector", "unroll", "prefetch"}
        table.add_column(heading, justify="right" if numeric else "left", no_wrap=heading == "candidate")
    for kernel in kernels:
        table.add_row(
            kernel.name,
            kernel.isa,
            kernel.family,
            bytes_text(kernel.width) if kernel.width else "",
            str(kernel.unroll or ""),
            bytes_text(kernel.prefetch) if kernel.prefetch else "",
            _stores(kernel),
            bytes_text(kernel.max_size) if kernel.max_size < 1 << 40 else "any",
            "yes" if kernel.runnable else "[dim]no[/dim]",
        )
    out.print(table)
    here = [kernel.name for kernel in zero_scan.runnable()]
    out.print(f"zero_scan: {len(here)} of {len(zero_scan.table())} candidates run on this CPU: {', '.join(here)}")


def _stores(kernel: object) -> str:
    flags = [flag for flag in ("aligned", "backward", "streaming") if getattr(kernel, flag)]
    pages = getattr(kernel, "pages", 0)
    return ", ".join(flags + ([f"{pages} pages"] if pages else []))
