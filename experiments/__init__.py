"""What is swept: the copy kernels, the zero-scan kernels, and the VM's memory paths."""

from __future__ import annotations

from experiments.model import Experiment, Tier, UnknownExperiment, World
from harness.experiment import PATHS, ZERO_SCAN

__all__ = ["Experiment", "Tier", "UnknownExperiment", "World", "load", "names"]

COPY = "copy"


def names() -> tuple[str, ...]:
    """Every experiment."""
    return (COPY, ZERO_SCAN, *PATHS)


def load(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        UnknownExperiment: there is none.
    """
    if name == COPY:
        from experiments import copy

        return copy.EXPERIMENT
    if name == ZERO_SCAN:
        from experiments import zero_scan

        return zero_scan.EXPERIMENT
    if name in PATHS:
        from experiments import paths

        return paths.EXPERIMENTS[name]
    raise UnknownExperiment(f"there is no experiment {name!r}; `python -m harness list` names them")
