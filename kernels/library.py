"""Builds the kernels and the dispatcher as a C library for other programs.

`python -m kernels.library --output build` leaves `libcrossover.a`, `libcrossover.so` and a folder
`include`, whose `crossover.h` declares it all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kernels.compiler import CFLAGS, BuildError, Compiler, find_compiler, strict_flags
from kernels.errors import KernelError

ROOT: Final = Path(__file__).parent
HEADERS: Final = ("copy/api.h", "dispatch/api.h", "dispatch/scalar.h", "dispatch/specialised.h")


@dataclass(frozen=True)
class Library:
    """What was built, and the folder to give the compiler with -I."""

    static: Path
    shared: Path
    include: Path


def sources() -> tuple[Path, ...]:
    """The C files of the kernels and the dispatcher."""
    return tuple(path for room in ("copy", "dispatch") for path in sorted((ROOT / room).glob("*.c")))


def build(output: Path) -> Library:
    """Builds both libraries and copies the headers into `output`, which is made where it is missing.

    Raises:
        BuildError: there is no compiler, it refuses a source, or the folder cannot be written.
    """
    compiler = find_compiler()
    library = Library(output / "libcrossover.a", output / "libcrossover.so", output / "include")
    try:
        _copy_headers(library.include)
        with tempfile.TemporaryDirectory(prefix="crossover-") as name:
            objects = _compile(compiler, Path(name))
            _archive(objects, library.static)
            compiler.run(["-shared", "-pthread", *objects, "-o", library.shared], str(library.shared))
    except OSError as error:
        raise BuildError(f"{error.filename or output} cannot be written: {error.strerror}") from None
    return library


def _copy_headers(include: Path) -> None:
    for name in HEADERS:
        target = include / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    shutil.copy(ROOT / "dispatch" / "crossover.h", include / "crossover.h")


def _compile(compiler: Compiler, folder: Path) -> list[Path]:
    flags = [*CFLAGS, *strict_flags(), f"-I{ROOT}"]

    def compile_one(source: Path) -> Path:
        product = folder / f"{source.parent.name}_{source.stem}.o"
        compiler.run([*flags, "-c", source, "-o", product], str(source))
        return product

    with ThreadPoolExecutor() as pool:
        return list(pool.map(compile_one, sources()))


def _archive(objects: Sequence[Path], archive: Path) -> None:
    """Packs the objects anew: `ar` would keep what an old archive holds."""
    archiver = shutil.which("ar")
    if archiver is None:
        raise BuildError("there is no ar to make a static library with: install binutils")
    archive.unlink(missing_ok=True)
    Compiler((archiver,), archiver).run(["rcs", archive, *objects], str(archive))


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
