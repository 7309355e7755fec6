"""Writing a config: the whole new file or the whole old one, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import tomli_w

from harness.config.errors import ConfigError
from harness.config.load import check
from harness.config.schema import Config

PREAMBLE: Final = """\
# Which copy kernel serves which sizes, measured on the machine below by `python -m harness sweep`.
# A rule serves sizes low <= n < high in bytes; a class serves copies with ((dst - src - low) & mask) < span.
# Gains are libc's time over the kernel's, less one, in percent, with their interval.

"""


def dumps(config: Config) -> str:
    """The config as TOML."""
    return PREAMBLE + tomli_w.dumps(msgspec.to_builtins(config, builtin_types=(datetime,)))


def save(config: Config, path: Path) -> None:
    """Writes the config, once it is found valid.

    Raises:
        ConfigError: it is not valid, or the file cannot be written; an old file stays as it was.
    """
    check(config, path)
    write_text(path, dumps(config))


def write_text(path: Path, text: str) -> None:
    """Replaces a file at once: readers see the old text or the new, also after a crash.

    Raises:
        ConfigError: the file cannot be written; an old one stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another place"
        problem = f"could not be written ({error.strerror}) and is as it was"
        raise ConfigError(path, "", problem, remedy) from None


def _sync_folder(folder: Path) -> None:
    """Makes the renaming itself durable, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
