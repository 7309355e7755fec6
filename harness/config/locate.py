"""Which config holds here: explicit path, environment, the user's cache, reference results, and at last libc.

A place without a file is passed over. A file that is there but cannot be used ends the look-up: libc serves
and the error is reported, because a person who put a config there would not want another one in silence.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import platformdirs

from harness.config.errors import ConfigError
from harness.config.load import load
from harness.config.schema import FILE_NAME, Config, MachineKey
from harness.config.validate import SWEEP

VARIABLE: Final = "CROSSOVER_CONFIG"
RESULTS: Final = Path(__file__).parents[2] / "results"


class Source(StrEnum):
    """Where a config was found, in the order of the look-up."""

    EXPLICIT = "explicit path"
    ENVIRONMENT = "environment variable"
    CACHE = "cache for this machine"
    REFERENCE = "reference results"
    LIBC = "libc"


@dataclass(frozen=True)
class PassedOver:
    """A place that gave no config, and why."""

    source: Source
    reason: str


@dataclass(frozen=True)
class Located:
    """What the look-up found."""

    source: Source
    config: Config | None
    """None where libc serves."""
    path: Path | None
    passed_over: tuple[PassedOver, ...]
    note: str = ""
    """Why a config of another machine holds here; else empty."""
    error: ConfigError | None = None
    """What was wrong with the file that ended the look-up."""


@dataclass(frozen=True)
class _Place:
    source: Source
    path: Path | None
    required: bool
    """Whether a missing file is an error: somebody named it."""


def cache_path(machine: MachineKey) -> Path:
    """Where a sweep leaves this machine's config for every program of the user."""
    return platformdirs.user_cache_path("crossover") / machine.key / FILE_NAME


def reference_path(machine: MachineKey) -> Path:
    """The reference results for this microarchitecture."""
    return RESULTS / machine.label / FILE_NAME


def libc(passed_over: tuple[PassedOver, ...], error: ConfigError | None = None) -> Located:
    """The end of every look-up that found nothing it could use."""
    return Located(Source.LIBC, None, None, passed_over, error=error)


def locate(
    machine: MachineKey,
    explicit: str | Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    force: bool = False,
) -> Located:
    """The config that holds on this machine.

    Args:
        machine: this machine.
        explicit: a path that comes before all others.
        environment: where `CROSSOVER_CONFIG` is looked up.
        force: accept a config of another machine, if all its kernels run here.
    """
    passed_over: list[PassedOver] = []
    for place in _places(machine, explicit, environment):
        if place.path is None or not (place.required or os.path.lexists(place.path)):
            passed_over.append(PassedOver(place.source, _absence(place)))
            continue
        try:
            config = load(place.path)
            reference = place.source is Source.REFERENCE
            note = check_machine(config, machine, place.path, force=force, reference=reference)
        except ConfigError as error:
            return libc(tuple(passed_over), error)
        return Located(place.source, config, place.path, tuple(passed_over), note)
    return libc(tuple(passed_over))


def check_machine(config: Config, machine: MachineKey, file: Path, *, force: bool, reference: bool) -> str:
    """Whether a config, whose kernels all run here, holds on this machine; the note to show beside it.

    Args:
        config: the config.
        machine: this machine.
        file: the config's file, for the error.
        force: whether any machine will do.
        reference: whether another machine of the same microarchitecture will do.

    Raises:
        ConfigError: it is another machine's.
    """
    theirs = config.machine
    if theirs.key == machine.key:
        return ""
    if reference and theirs.label == machine.label:
        return f"measured on another {theirs.label} (key {theirs.key}); all its kernels run here"
    keys = f"key {theirs.key}, {theirs.label}; here {machine.key}, {machine.label}"
    origin = f"measured on another machine ({keys})"
    if force:
        return f"forced, though {origin}"
    raise ConfigError(file, "machine.key", f"does not fit: it was {origin}", f"{SWEEP}, or force it")


def _places(machine: MachineKey, explicit: str | Path | None, environment: Mapping[str, str]) -> Iterator[_Place]:
    variable = environment.get(VARIABLE)
    yield _Place(Source.EXPLICIT, Path(explicit) if explicit is not None else None, required=True)
    yield _Place(Source.ENVIRONMENT, Path(variable) if variable else None, required=True)
    yield _Place(Source.CACHE, cache_path(machine), required=False)
    yield _Place(Source.REFERENCE, reference_path(machine), required=False)


def _absence(place: _Place) -> str:
    if place.path is not None:
        return f"there is no {place.path}"
    return f"{VARIABLE} is not set" if place.source is Source.ENVIRONMENT else "no path was given"
