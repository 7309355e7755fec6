"""Reading `thresholds.toml`: everything in it is checked, and what is wrong is one `ConfigError`."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from harness.config.errors import ConfigError
from harness.config.schema import SCHEMA_VERSION, Config
from harness.config.validate import CORRECT, SWEEP, KernelFacts, Problem, non_finite, problems

MAX_FILE_SIZE: Final = 1 << 20
"""Bytes; the largest policy takes a tenth of it."""


def load(path: str | Path, kernels: Mapping[str, KernelFacts] | None = None) -> Config:
    """The config in a file, completely checked but for the machine it is from.

    Args:
        path: the file.
        kernels: every kernel by name; this build's copy kernels where None.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong.
    """
    return parse(_read(Path(path)), path, kernels)


def parse(text: str, file: str | Path, kernels: Mapping[str, KernelFacts] | None = None) -> Config:
    """The config that a text holds.

    Args:
        text: TOML.
        file: the name to use in errors.
        kernels: as for `load`.

    Raises:
        ConfigError: something in it is wrong.
    """
    document = _document(text, file)
    _check_version(document, file)
    _raise_first(non_finite(document), file)
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise _typed_error(error, file) from None
    check(config, file, kernels)
    return config


def check(config: Config, file: str | Path, kernels: Mapping[str, KernelFacts] | None = None) -> None:
    """Checks what the fields say together.

    Raises:
        ConfigError: the first problem.
    """
    _raise_first(problems(config, copy_kernels() if kernels is None else kernels, zero_scan_kernels()), file)


def copy_kernels() -> dict[str, KernelFacts]:
    """This build's copy kernels by name."""
    from kernels.copy import table  # The compiled module is loaded only when a config is.

    return {kernel.name: kernel for kernel in table()}


def zero_scan_kernels() -> dict[str, KernelFacts]:
    """This build's zero-scan kernels by name."""
    from kernels.zero_scan import table  # As above.

    return {kernel.name: kernel for kernel in table()}


def _read(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(path, "", "is not a file", "name a thresholds.toml")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise ConfigError(path, "", f"cannot be read: {error.strerror}", _read_remedy(error)) from None
    except ValueError:
        raise ConfigError(repr(str(path)), "", "is no file name", "name a thresholds.toml") from None
    if len(data) > MAX_FILE_SIZE:
        raise ConfigError(path, "", f"is larger than {MAX_FILE_SIZE} bytes, so no config", SWEEP)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(path, "", f"is no UTF-8 text at byte {error.start}", SWEEP) from None


def _read_remedy(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"give user {os.getuid()} the right to read it"
    return "name another file, or write one with `python -m harness sweep`"


def _document(text: str, file: str | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one, and so is an integer of too many digits.
        raise ConfigError(file, "", f"is no valid TOML or was cut short: {error}", CORRECT) from None
    except RecursionError:
        raise ConfigError(file, "", "is no config: it nests too deeply", SWEEP) from None


def _check_version(document: Mapping[str, Any], file: str | Path) -> None:
    if "schema_version" not in document:
        raise ConfigError(file, "schema_version", "is missing: the file is no config or was cut short", SWEEP)
    version = document["schema_version"]
    if type(version) is not int or version < 1:
        raise ConfigError(file, "schema_version", f"is {version!r}, not a version number from 1 on", CORRECT)
    if version > SCHEMA_VERSION:
        problem = f"is {version}, but this version of Crossover reads up to {SCHEMA_VERSION}"
        raise ConfigError(file, "schema_version", problem, "update Crossover, or sweep again with this one")


def _typed_error(error: msgspec.ValidationError, file: str | Path) -> ConfigError:
    """What msgspec says as `text - at `$.path``; the key is the path, with the field where it names one."""
    text, _, place = str(error).partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    field = re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", text)
    if field is None:
        return ConfigError(file, path, f"is wrong: {text[:1].lower()}{text[1:]}", CORRECT)
    key = f"{path}.{field[2]}" if path else field[2]
    problem = "is missing" if field[1].startswith("missing") else "is no key of this version"
    return ConfigError(file, key, problem, CORRECT)


def _raise_first(found: Iterable[Problem], file: str | Path) -> None:
    for problem in found:
        raise ConfigError(file, problem.key, problem.text, problem.remedy)
