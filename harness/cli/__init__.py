"""The command line: one module a command, imported only when it is called."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import Final

import click

EXIT_NO: Final = 1
"""The command ran and its answer is no: slower than libc, config invalid."""
EXIT_ERROR: Final = 3
"""The command could not do its work."""
EXIT_INTERRUPTED: Final = 130

COMMANDS: Final = {
    "machine": "What this machine is, its key, and how noisy it is now.",
    "list": "Experiments, candidates, and which of them run here.",
    "sweep": "Measure, decide, write the config, verify it.",
    "analyze": "The decisions again from recorded data, no timing.",
    "verify": "The dispatcher under a config against libc and the best kernel, on fresh points.",
    "config": "Show, check, find and export configs.",
    "optimize": "Improve the configuration in small verified steps, round by round.",
    "vm": "Run guests on the virtual machine.",
    "trace": "Record what a guest's memory paths move.",
    "bench": "What the project claims, measured side by side in one run.",
}
"""Every command with its one line of help; the help page imports none of them."""


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of this name and return its `command`."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"harness.cli.{cmd_name}_command")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands from their one-liners."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `python -m harness sweep`. Each command has --help with an example.",
)
@click.version_option(package_name="crossover", prog_name="crossover")
def cli() -> None:
    """Measure which way of moving memory is fastest on this machine, and have programs use it."""


def main() -> None:
    """Run the command line; turn what a person can mend into one sentence on stderr."""
    from harness.errors import UserError
    from kernels.errors import KernelError

    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends us quietly, as it does any filter.
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (UserError, KernelError) as error:
        click.echo(f"error: {error}", err=True)
        code = EXIT_ERROR
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
    sys.exit(code or 0)
