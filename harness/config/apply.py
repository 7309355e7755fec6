"""From a config to the dispatcher."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.config.errors import ConfigError
from harness.config.locate import Located, libc, locate
from harness.config.schema import Config, MachineKey
from kernels import dispatch
from kernels.errors import KernelError


def apply(config: Config) -> None:
    """Puts the config's policy in force.

    Raises:
        KernelError: the dispatcher refuses it; the policy in force stays.
    """
    dispatch.install(dispatch.table_from(msgspec.to_builtins(config.policy)))


def serve(
    machine: MachineKey,
    explicit: str | Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    force: bool = False,
) -> Located:
    """Looks a config up and puts it in force; libc serves where there is none or it is broken.

    Never raises for a config: what was wrong is in the answer's `error`.
    """
    located = locate(machine, explicit, environment=environment, force=force)
    if located.config is None:
        dispatch.reset()
        return located
    try:
        apply(located.config)
    except KernelError as error:
        dispatch.reset()
        refused = ConfigError(located.path or "", "policies.copy", f"is not in force: {error}", "sweep again")
        return libc(located.passed_over, refused)
    return located
