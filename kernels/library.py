"""Builds the kernels and the dispatcher as a C library for other programs.

`python -m kernels.library --output build` leaves `libcrossover.a`, `libcrossover.so` and a folder
`include`, whose `crossover.h` declares it all.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import KernelError

ROOT = Path(__file__).parent
CFLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-fno-strict-aliasing", "-pthread", "-fPIC")
HEADERS = ("copy/api.h", "dispatch/api.h", "dispatch/scalar.h", "dispatch/specialised.h")


class BuildError(KernelError):
    """The compiler or the archiver is missing or refused the sources."""


@dataclass(frozen=True)
class Library:
    """What was built, and the folder to give the compiler with -I."""

    static: Path
    shared: Path
    include: Path


def sources() -> tuple[Path, ...]:
    """The C files of the kernels and the dispatcher."""
    return tuple(path for room in ("copy", "dispatch") for path in sorted((ROOT / room).glob("*.c")))


def compiler() -> tuple[str, ...]:
    """The C compiler's command: the environment variable CC, or what Python was built with."""
    return tuple(shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"))


def build(output: Path, cc: Sequence[str] | None = None, flags: Sequence[str] = ()) -> Library:
    """Builds both libraries and copies the headers into `output`, which is made where it is missing.

    Args:
        output: folder for the libraries and `include`.
        cc: compiler command; `compiler()` where None.
        flags: more flags, for compiling and linking.

    Raises:
        BuildError: the compiler is missing or refused a source, or the folder cannot be written.
    """
    command = tuple(cc or compiler())
    library = Library(output / "libcrossover.a", output / "libcrossover.so", output / "include")
    try:
        _copy_headers(library.include)
        with tempfile.TemporaryDirectory(prefix="crossover-") as folder:
            objects = [_compile(command, source, Path(folder), flags) for source in sources()]
            static, shared = Path(folder) / library.static.name, Path(folder) / library.shared.name
            _run(("ar", "rcs", str(static), *objects))
            _run((*command, "-shared", "-pthread", *flags, "-o", str(shared), *objects))
            shutil.copy(static, library.static)
            shutil.copy(shared, library.shared)
    except OSError as error:
        raise BuildError(f"{error.filename or output} cannot be used: {error.strerror}") from None
    return library


def _copy_headers(include: Path) -> None:
    for name in HEADERS:
        target = include / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    shutil.copy(ROOT / "dispatch" / "crossover.h", include / "crossover.h")


def _compile(command: Sequence[str], source: Path, folder: Path, flags: Sequence[str]) -> str:
    target = folder / f"{source.parent.name}_{source.stem}.o"
    _run((*command, *CFLAGS, *flags, f"-I{ROOT}", "-c", str(source), "-o", str(target)))
    return str(target)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"there is no {command[0]} here: install a C compiler or name one in CC") from None
    if done.returncode:
        message = done.stderr.strip().splitlines() or ["it says nothing"]
        raise BuildError(f"{command[0]} failed: {message[0]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    summary = "Build the kernels and the dispatcher as a C library for other programs."
    parser = argparse.ArgumentParser(prog="python -m kernels.library", description=summary)
    parser.add_argument("--output", type=Path, default=Path("build"), help="folder (default: build)")
    options = parser.parse_args(arguments)
    try:
        library = build(options.output)
    except KernelError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{library.static}\n{library.shared}\n{library.include}/crossover.h")
    return 0


if __name__ == "__main__":
    sys.exit(main())
