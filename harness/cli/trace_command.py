"""`python -m harness trace`: what a guest's memory paths move, as a profile for `sweep --profile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.console import Size, console, json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernels.vm.machine import PathUse


@click.command("trace", epilog="Example: python -m harness trace guest.elf --disk disk.img -o guest.json")
@click.argument("guest", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="File for the profile.")
@click.option("--ram", type=Size(), default="256M", show_default=True, help="Guest memory, e.g. 64M or 2G.")
@click.option("--disk", type=click.Path(path_type=Path), help="Image file for a block device.")
@click.option("--network", is_flag=True, help="A network card that returns what it is sent.")
@click.option("--display", is_flag=True, help="A display of 640 x 480 pixels.")
@click.option(
    "--mode", type=click.Choice(["machine", "supervisor"]), default="machine", show_default=True, help="See `vm run`."
)
@click.option("--max-instructions", type=click.IntRange(1), help="Stop after so many; else when the guest ends.")
@json_option
def command(
    guest: Path,
    output: Path,
    ram: int,
    disk: Path | None,
    network: bool,
    display: bool,
    mode: str,
    max_instructions: int | None,
    as_json: bool,
) -> None:
    """Run the ELF file GUEST and record the sizes and alignments of every memory path."""
    from harness.cli.vm_command import run_with_console
    from harness.trace import write
    from kernels.vm.devices import attach_block, attach_display, attach_net
    from kernels.vm.machine import Machine, Mode

    with Machine(ram=ram) as machine:
        if disk is not None:
            attach_block(machine, disk)
        if network:
            attach_net(machine)
        if display:
            attach_display(machine, 640, 480)
        machine.load_elf(guest, Mode[mode.upper()])
        run_with_console(machine, max_instructions, quiet=True)
        used = {name: use for name, use in machine.paths().items() if use.calls}
    made = write(output, guest.stem, used)
    if as_json:
        print_json({"profile": output, "calls": sum(use.calls for use in used.values()), "bins": len(made.calls)})
        return
    console().print(table(used))
    console().print(f"profile written to {output}; weight a policy by it: python -m harness sweep --profile {output}")


def table(used: Mapping[str, PathUse]) -> object:
    """One row a path: calls, bytes, and the size in the middle of its calls."""
    from rich.table import Table

    from harness.report.text import bytes_text

    made = Table(title="memory paths", title_justify="left")
    made.add_column("path")
    for heading in ("calls", "bytes", "median size"):
        made.add_column(heading, justify="right")
    for name, use in used.items():
        seen, power = 0, -1
        while seen * 2 < use.calls:
            power += 1
            seen += use.histogram[power]
        made.add_row(name, str(use.calls), bytes_text(use.bytes), f"{bytes_text(1 << power)} and more")
    return made
