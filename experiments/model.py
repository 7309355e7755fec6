"""What an experiment is: candidates over an axis under conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from harness.errors import UserError
from harness.experiment import Block


class UnknownExperiment(UserError):
    """No experiment has this name."""


class Tier(IntEnum):
    """How dense a sweep is."""

    FAST = 0
    DEFAULT = 1
    RIGOROUS = 2


@dataclass(frozen=True)
class World:
    """What of the machine an experiment's plan depends on; sizes in bytes."""

    l1: int
    l2: int
    last_level: int
    memory: int
    """What the buffers of one block may take together."""
    cpus: int


@dataclass(frozen=True)
class Experiment:
    """A name, what it asks, and the two functions that lay it out."""

    name: str
    summary: str
    axis: str
    """The swept axis with its unit."""
    blocks: Callable[[World, Tier], tuple[Block, ...]]
    """Every block of the first pass. The sweep adds sizes where verdicts turn."""
    candidates: Callable[[Block], tuple[str, ...]]
    """Names of what is compared in a block: runnable here, and able to serve its sizes."""
    bisected: str
    """Key of the condition whose curve the sweep refines."""
