"""Building and running small foreign programs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import kernels

KERNELS = Path(kernels.__file__).parent
HERE = Path(__file__).parent


def run(*command: str | Path, stdin: str = "") -> str:
    """What the command prints; its whole output is in the failure otherwise."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, input=stdin, check=False)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def compile_c(compiler: str, output: Path, sources: Sequence[Path], *flags: str | Path) -> Path:
    run(compiler, "-O2", "-Wall", "-Wextra", "-Werror", *sources, *flags, "-pthread", "-o", output)
    return output
