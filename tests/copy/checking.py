"""How the C checker is built and run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from kernels.compiler import CFLAGS

KERNELS = Path(__file__).parents[2] / "kernels"
SOURCES = [Path(__file__).with_name("check.c"), *sorted((KERNELS / "copy").glob("*.c"))]

Checker = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the checker with these arguments."""


def build(command: Sequence[str], flags: Sequence[str], output: Path) -> None:
    subprocess.run(
        [*command, *CFLAGS, "-Werror", *flags, f"-I{KERNELS}", *map(str, SOURCES), "-o", str(output)],
        check=True,
        capture_output=True,
        text=True,
    )


def runner(*command: str | Path) -> Checker:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*map(str, command), *arguments], capture_output=True, text=True)

    return run
