"""`python -m harness vm run`: a guest on the virtual machine, its memory moved as the config says."""

from __future__ import annotations

import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import EXIT_INTERRUPTED, EXIT_NO
from harness.cli.console import Size, json_option, print_json

if TYPE_CHECKING:
    from kernels.vm.machine import Machine, Stop

SLICE = 5_000_000
"""Instructions between looks at the console, about ten milliseconds."""


@click.group("vm", epilog="Example: python -m harness vm run guest.elf --ram 256M")
def command() -> None:
    """Run guests on the virtual machine."""


@command.command("run", epilog="Example: python -m harness vm run guest.elf --ram 256M --disk disk.img")
@click.argument("guest", type=click.Path(path_type=Path))
@click.option("--ram", type=Size(), default="256M", show_default=True, help="Guest memory, e.g. 64M or 2G.")
@click.option("--disk", type=click.Path(path_type=Path), help="Image file for a block device; the guest writes to it.")
@click.option("--harts", type=click.IntRange(1, 8), default=1, show_default=True, help="Harts, which take turns.")
@click.option(
    "--mode",
    type=click.Choice(["machine", "supervisor"]),
    default="machine",
    show_default=True,
    help="Start with the guest's own firmware, or under the built-in SBI.",
)
@click.option("--max-instructions", type=click.IntRange(1), help="Stop after so many; else run until the guest ends.")
@click.option("--config", type=click.Path(path_type=Path), help="Config whose policy the memory paths obey.")
@json_option
def run(
    guest: Path,
    ram: int,
    disk: Path | None,
    harts: int,
    mode: str,
    max_instructions: int | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Run the ELF file GUEST until it ends itself, its console on this terminal.

    Exit code: 0 the guest ended with success, 1 with failure (its number is printed), 3 it could not be run,
    130 interrupted.
    """
    from harness.errors import UserError
    from kernels.vm.devices import attach_block
    from kernels.vm.machine import Machine, Mode, Stop

    copy, zero_scan = policy_addresses(config)
    with Machine(ram=ram, harts=harts, copy_address=copy) as machine:
        machine.set_zero_scan(zero_scan)
        if disk is not None:
            attach_block(machine, disk)
        machine.load_elf(guest, Mode[mode.upper()])
        try:
            stop = run_with_console(machine, max_instructions, quiet=as_json)
        except KeyboardInterrupt:
            click.echo(f"interrupted after {machine.instret} instructions at 0x{machine.pc():x}", err=True)
            raise SystemExit(EXIT_INTERRUPTED) from None
        if as_json:
            print_json(facts(machine, stop))
        if stop is Stop.EXIT:
            if machine.exit_code:
                click.echo(f"{guest}: failed, number {machine.exit_code}", err=True)
            raise SystemExit(EXIT_NO if machine.exit_code else 0)
        if stop is Stop.BUDGET:
            raise UserError(f"{guest}: has not ended after {machine.instret} instructions; allow more, or look at it")
        reason = "traps for ever" if stop is Stop.STUCK else "waits for an interrupt that nothing will raise"
        raise UserError(f"{guest}: the guest {reason}, at 0x{machine.pc():x} after {machine.instret} instructions")


def policy_addresses(config: Path | None) -> tuple[int, int]:
    """The dispatcher and the zero-scan kernel for pages, under the config that holds here or that the file holds.

    Raises:
        ConfigError: the named file cannot be used.
    """
    from harness.config.apply import serve
    from harness.config.schema import machine_key
    from harness.machine import detect
    from harness.zero_scan import page_kernel
    from kernels import dispatch, zero_scan

    located = serve(machine_key(detect()), config)
    if located.error is not None:
        if config is not None:
            raise located.error
        click.echo(f"warning: {located.error}; libc serves", err=True)
    kernel = page_kernel(located.config)
    return dispatch.address(), zero_scan.address(kernel) if kernel else 0


def run_with_console(machine: Machine, most: int | None, *, quiet: bool) -> Stop:
    """Run to the end, passing the console on after each slice and the terminal's input in."""
    from kernels.vm.machine import Stop

    reason = Stop.BUDGET
    while reason is Stop.BUDGET and (most is None or machine.instret < most):
        feed_input(machine)
        reason = machine.run(SLICE if most is None else min(SLICE, most - machine.instret))
        output = machine.console_output()
        if output and not quiet:
            sys.stdout.buffer.write(output)
            sys.stdout.buffer.flush()
    return reason


def feed_input(machine: Machine) -> None:
    """What has been typed, or lies in the pipe, without waiting for it."""
    stdin: Any = sys.stdin
    if stdin is None or stdin.closed or not select.select([stdin], [], [], 0)[0]:
        return
    import os

    data = os.read(stdin.fileno(), 4096)
    if data:
        machine.console_input(data)


def facts(machine: Machine, stop: Stop) -> dict[str, object]:
    """How the run ended and what its paths moved."""
    return {
        "stop": stop.name.lower(),
        "exit_code": machine.exit_code,
        "instructions": machine.instret,
        "paths": {name: {"calls": path.calls, "bytes": path.bytes} for name, path in machine.paths().items()},
    }
