"""The C compiler as processes: found, named, and run over several sources at once.

Standard library only, for `setup.py` runs it before any dependency is there.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kernels.errors import KernelError

CFLAGS: Final = ("-std=gnu11", "-O2", "-fPIC", "-fno-strict-aliasing", "-pthread", "-Wall", "-Wextra")
STRICT: Final = "CROSSOVER_WERROR"
"""Environment variable; set to 1, a warning in our own sources is an error."""


class BuildError(KernelError):
    """C code could not be built; the text says why and what to do."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler that exists."""

    command: tuple[str, ...]
    identity: str
    """Its path and what it says of its version."""

    def run(self, arguments: Iterable[str | Path], what: str) -> None:
        """Runs the compiler.

        Args:
            arguments: what follows the compiler's own name.
            what: what it makes, for the error's text.

        Raises:
            BuildError: it cannot be started, or fails.
        """
        command = [*self.command, *map(str, arguments)]
        try:
            result = subprocess.run(command, capture_output=True, text=True, errors="replace")
        except OSError as error:
            raise BuildError(f"cannot run the C compiler {self.command[0]}: {error.strerror}") from None
        sys.stderr.write(result.stderr if result.returncode == 0 else "")
        if result.returncode:
            raise BuildError(_reason(what, shlex.join(command), result.stderr))


def find_compiler() -> Compiler:
    """The compiler that `CC` names, or else Python's own, or else the system's.

    Raises:
        BuildError: there is none.
    """
    chosen = os.environ.get("CC")
    candidates = [chosen] if chosen else [sysconfig.get_config_var("CC") or "cc", "cc", "gcc", "clang"]
    for candidate in candidates:
        command = tuple(shlex.split(candidate))
        path = shutil.which(command[0]) if command else None
        if path:
            command = (path, *command[1:])
            return Compiler(command, f"{shlex.join(command)}\n{_version(path)}")
    missing = f"CC={chosen}" if chosen else ", ".join(candidates)
    raise BuildError(f"no C compiler ({missing} not found): install gcc or clang, or set CC to one")


def python_include() -> Path:
    """Where Python's C headers lie.

    Raises:
        BuildError: they are not installed.
    """
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").exists():
        raise BuildError(f"Python.h is not in {include}: install Python's headers (e.g. python3-dev)")
    return include


def strict_flags() -> tuple[str, ...]:
    """`-Werror` where the environment asks for it."""
    return ("-Werror",) if os.environ.get(STRICT) == "1" else ()


def fingerprint(*parts: str | Path) -> str:
    """A digest of texts and of files' contents."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def headers(include_dirs: Iterable[Path]) -> list[Path]:
    """Every header under these directories, in a stable order."""
    return sorted(path for directory in include_dirs for path in Path(directory).rglob("*.h"))


def build_extension(
    output: Path, generated: Path, sources: Sequence[Path], include_dirs: Sequence[Path], directory: Path
) -> None:
    """Builds a Python extension module, its sources in parallel.

    Args:
        output: the shared object to make.
        generated: cffi's C file, whose warnings are not ours.
        sources: our own C files, compiled strictly where `CROSSOVER_WERROR` is 1.
        include_dirs: where the sources' headers lie.
        directory: where objects go, and stay for the next build.

    Raises:
        BuildError: no compiler, no Python headers, or code that does not compile.
    """
    compiler, python = find_compiler(), python_include()
    common = [*CFLAGS, *(f"-I{path}" for path in include_dirs)]
    flags = {source: [*common, *strict_flags()] for source in sources} | {generated: [*common, f"-I{python}"]}
    known = compiler.identity + fingerprint(*headers(include_dirs))
    directory.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda file: _object(compiler, file, flags[file], known, directory), flags))
    output.parent.mkdir(parents=True, exist_ok=True)
    shared = ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)
    compiler.run([*shared, "-pthread", *objects, "-o", output], output.name)


def _object(compiler: Compiler, source: Path, flags: Sequence[str], known: str, directory: Path) -> Path:
    """The source's object file, compiled unless one of exactly these inputs is there."""
    key = fingerprint(known, *flags, source)[:16]
    product = directory / f"{source.stem}-{key}.o"
    if not product.exists():
        unfinished = product.with_suffix(f".{os.getpid()}.tmp.o")
        compiler.run([*flags, "-c", source, "-o", unfinished], str(source))
        unfinished.replace(product)
    return product


def _version(path: str) -> str:
    try:
        return subprocess.run([path, "--version"], capture_output=True, text=True, errors="replace").stdout
    except OSError as error:
        raise BuildError(f"cannot run the C compiler {path}: {error.strerror}") from None


def _reason(what: str, command: str, output: str) -> str:
    """One failed run as one sentence, with the first error line that the compiler gave."""
    if "No space left on device" in output:
        return f"no space is left on the disk to build {what}: free some"
    lines = [line for line in output.splitlines() if "error" in line] or output.splitlines() or ["no message"]
    return f"building {what} failed: {lines[0].strip()} (command: {command})"
