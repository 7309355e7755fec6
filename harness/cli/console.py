"""How commands print: one console for people, plain JSON for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The `--json` flag that every command with a result has."""
    return click.option("as_json", "--json", is_flag=True, help="Print the result as JSON on standard output.")(
        function
    )


def print_json(value: object) -> None:
    """Write a value as indented JSON on standard output."""
    click.echo(json.dumps(value, indent=2, default=str))


def console(*, stderr: bool = False) -> Console:
    """A rich console; imported late, since `--help` must not pay for it."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


class Duration(click.ParamType[float]):
    """A time such as `90`, `30s`, `5m` or `1h`, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds of the text; anything that is not a positive number with s, m or h is refused."""
        if isinstance(value, float):
            return value
        factor = {"s": 1, "m": 60, "h": 3600}.get(value[-1:], 0)
        try:
            seconds = float(value[:-1]) * factor if factor else float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            self.fail(f"{value!r} is no duration; write 90, 30s, 5m or 1h", param, ctx)
        return seconds
