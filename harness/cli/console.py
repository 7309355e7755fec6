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


class Size(click.ParamType[int]):
    """An amount of memory such as `4096`, `64K`, `256M` or `2G`, as bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes of the text; anything that is not a positive whole number with K, M or G is refused."""
        if isinstance(value, int):
            return value
        unit = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(value[-1:].upper(), 0)
        digits = value[:-1] if unit else value
        if not digits.isdecimal() or int(digits) == 0:
            self.fail(f"{value!r} is no size; write 4096, 64K, 256M or 2G", param, ctx)
        return int(digits) * (unit or 1)
