"""`python -m harness config show | check | path | export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import EXIT_NO
from harness.cli.console import console, json_option, print_json

if TYPE_CHECKING:
    from harness.config.locate import Located
    from harness.config.schema import Config


@click.group("config", epilog="Example: python -m harness config show")
def command() -> None:
    """Show, check, find and export the config that holds here."""


def _locate(path: Path | None) -> Located:
    from harness.config.locate import locate
    from harness.config.schema import machine_key
    from harness.machine import detect

    return locate(machine_key(detect()), path)


_path_argument = click.argument("file", required=False, type=click.Path(path_type=Path))


@command.command("show", epilog="Example: python -m harness config show results/runs/latest/thresholds.toml")
@_path_argument
@json_option
def show(file: Path | None, as_json: bool) -> None:
    """Print the policy in force here, or that of FILE, as a table."""
    from harness.report.tables import policy_table

    located = _locate(file)
    if located.error is not None and file is not None:
        raise located.error
    if as_json:
        import msgspec

        print_json(
            {
                "source": located.source.value,
                "path": located.path,
                "note": located.note,
                "passed_over": [{"source": p.source.value, "reason": p.reason} for p in located.passed_over],
                "config": msgspec.to_builtins(located.config) if located.config else None,
            }
        )
        return
    out = console()
    out.print(f"source: {located.source.value}" + (f", {located.path}" if located.path else ""))
    if located.note:
        out.print(f"note: {located.note}")
    if located.error is not None:
        out.print(f"[red]error: {located.error}[/red]")
    if located.config is None:
        out.print("libc serves every size. `python -m harness sweep` measures this machine.")
        return
    config = located.config
    made = config.provenance
    where = f"{config.machine.model_name} ({config.machine.label})"
    out.print(f"measured on {where}, {made.created:%Y-%m-%d %H:%M} UTC, run {made.run_id}")
    out.print(policy_table(config))


@command.command("check", epilog="Example: python -m harness config check thresholds.toml")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check(file: Path, as_json: bool) -> None:
    """Check FILE completely, against this machine too; exit code 1 where it cannot serve here."""
    from harness.config.errors import ConfigError

    located = _locate(file)
    error: ConfigError | None = located.error
    if as_json:
        print_json(
            {
                "file": file,
                "valid": error is None,
                "error": str(error) if error else None,
                "note": located.note,
            }
        )
    elif error is None:
        console().print(f"{file}: valid, serves this machine" + (f" ({located.note})" if located.note else ""))
    else:
        click.echo(f"error: {error}", err=True)
    if error is not None:
        raise SystemExit(EXIT_NO)


@command.command("path", epilog="Example: python -m harness config path")
@json_option
def path(as_json: bool) -> None:
    """Print which file holds here, and why the places before it gave none."""
    located = _locate(None)
    if as_json:
        print_json(
            {
                "path": located.path,
                "source": located.source.value,
                "passed_over": [{"source": p.source.value, "reason": p.reason} for p in located.passed_over],
            }
        )
        return
    for passed in located.passed_over:
        click.echo(f"{passed.source.value}: {passed.reason}", err=True)
    click.echo(located.path if located.path is not None else "libc")


@command.command("export", epilog="Example: python -m harness config export --format c -o thresholds.h")
@_path_argument
@click.option(
    "--format",
    "language",
    type=click.Choice(["c", "rust", "python", "json"]),
    default="c",
    show_default=True,
    help="A C header, a Rust module, a Python module, or JSON.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="File to write; else it is printed.")
def export(file: Path | None, language: str, output: Path | None) -> None:
    """Write the config that holds here, or FILE, for programs in other languages.

    Raises:
        UserError: no config holds here, it is not valid, or the output cannot be written.
    """
    from harness.config.export import FORMATS
    from harness.config.load import load
    from harness.config.write import write_text

    text = FORMATS[language](load(file) if file is not None else _holding())
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def _holding() -> Config:
    """The config that holds here.

    Raises:
        UserError: there is none, or it cannot be used.
    """
    from harness.errors import UserError

    located = _locate(None)
    if located.error is not None:
        raise located.error
    if located.config is None:
        raise UserError("no config holds here: measure this machine by `python -m harness sweep`, or name a FILE")
    return located.config
