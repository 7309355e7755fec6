"""What is swept: one declarative module an experiment, each with an `EXPERIMENT`."""

from __future__ import annotations

import importlib

from experiments.model import Experiment, Tier, UnknownExperiment, World

__all__ = ["Experiment", "Tier", "UnknownExperiment", "World", "load", "names"]

NAMES = ("copy",)


def names() -> tuple[str, ...]:
    """Every experiment, in the order in which a sweep takes them."""
    return NAMES


def load(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        UnknownExperiment: there is none.
    """
    if name not in NAMES:
        raise UnknownExperiment(f"there is no experiment {name!r}; `python -m harness list` names them")
    experiment = importlib.import_module(f"experiments.{name}").EXPERIMENT
    assert isinstance(experiment, Experiment)
    return experiment
