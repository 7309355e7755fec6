"""A cache of built files: each appears whole or not at all, and a damaged one is built again.

A file carries the digest of its content as its last 32 bytes, which loaders of shared objects ignore. It is
built in a directory of its own and put in place by one rename, so that processes that build at once do not
disturb each other.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import platformdirs

from kernels.compiler import BuildError

VARIABLE: Final = "CROSSOVER_CACHE"
DIGEST: Final = hashlib.sha256().digest_size


def directory() -> Path:
    """Where built modules are kept: `CROSSOVER_CACHE`, or the user's cache directory."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen or platformdirs.user_cache_dir("crossover")) / "modules"


def fetch(name: str, build: Callable[[Path], None]) -> Path:
    """The cached file of this name, built first where it is missing or damaged.

    Args:
        name: its name, which tells all that it is built from.
        build: makes the file at the path it is given; may leave other files beside it.

    Raises:
        BuildError: `build` fails, or the cache cannot be written.
    """
    path = directory() / name
    if _intact(path):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".building-") as temporary:
            product = Path(temporary) / name
            build(product)
            _seal(product)
            product.replace(path)
    except OSError as error:
        raise BuildError(_reason(error, path.parent)) from None
    return path


def _seal(path: Path) -> None:
    """Appends the digest of the file's content."""
    content = path.read_bytes()
    with path.open("ab") as file:
        file.write(hashlib.sha256(content).digest())
        file.flush()
        os.fsync(file.fileno())


def _intact(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-DIGEST]).digest() == content[-DIGEST:]


def _reason(error: OSError, where: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space is left for {where}: free some, or set {VARIABLE} to a directory on another disk"
    return f"cannot write {where} ({error.strerror}): set {VARIABLE} to a directory that can be written"
