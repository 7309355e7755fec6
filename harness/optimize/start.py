"""Begins and resumes runs of the loop on this machine."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.analysis.profile import Profile
from harness.config.locate import cache_path, locate
from harness.config.schema import FILE_NAME, Config, machine_key
from harness.config.write import save
from harness.errors import UserError
from harness.machine import Machine
from harness.measure import journal
from harness.measure.journal import Journal
from harness.measure.sweep import Progress
from harness.optimize import events, gate
from harness.optimize.config import as_config
from harness.optimize.events import EventLog
from harness.optimize.loop import Loop, Options, Result, State, replay
from harness.optimize.measurer import RealMeasurer, every_area
from harness.optimize.plan import load as load_plan
from harness.optimize.settings import Settings, from_plain, of_config
from harness.optimize.tunables import Value, declared
from harness.sweep import header_of
from harness.zero_scan import page_kernel

LOCK: Final = Path(tempfile.gettempdir()) / events.LOCK
Report = Callable[[str, Progress], None]


@dataclass(frozen=True)
class Request:
    """What a person asked for."""

    folder: Path
    start: Settings
    options: Options
    profile: Profile
    plan: Path | None = None
    """A plan to begin with, instead of a review."""
    install: bool = True


def begin(request: Request, machine: Machine, report: Report) -> Result:
    """A new run.

    Raises:
        UserError: another loop runs here, the folder holds a run already, or something cannot be read or written.
    """
    if (request.folder / events.NAME).exists():
        raise UserError(f"{request.folder} holds a run already; go on with --resume {request.folder}, or name another")
    with events.only_one(LOCK), closing(EventLog(request.folder)) as log:
        if request.plan is not None:
            load_plan(request.plan, declared(policies(machine)))
            shutil.copy(request.plan, request.folder / "plan.toml")
        log.append(
            "started",
            f"optimizing for at most {request.options.max_iterations} rounds and {request.options.budget:.0f} s",
            settings=request.start.plain(),
            max_iterations=request.options.max_iterations,
            budget=request.options.budget,
            seed=request.options.seed,
        )
        state = State(request.start, request.start)
        return _run(
            request.folder, log, request.options, state, machine, request.profile, report, install=request.install
        )


def resume(folder: Path, machine: Machine, profile: Profile, report: Report, *, install: bool) -> Result:
    """Go on with a run that was cut off: what it decided stays decided.

    Raises:
        UserError: there is no such run, it has finished, or another loop runs here.
    """
    before = events.read(folder)
    state = replay(before)
    if state is None:
        raise UserError(f"{folder} has not begun: start anew, without --resume")
    if before[-1].kind == "finished":
        raise UserError(f"{folder} has finished ({before[-1].text}); start anew, without --resume")
    began = before[0].data
    options = Options(began["max_iterations"], began["budget"], began["seed"], areas=every_area())
    with events.only_one(LOCK), closing(EventLog(folder)) as log:
        log.append("resumed", f"going on after {len(state.attempts)} tasks")
        return _run(folder, log, options, state, machine, profile, report, install=install)


def _run(
    folder: Path,
    log: EventLog,
    options: Options,
    state: State,
    machine: Machine,
    profile: Profile,
    report: Report,
    *,
    install: bool,
) -> Result:
    header = header_of("optimize", machine, options.seed, options.budget)
    with _measurements(folder, header) as measurements:
        measurer = RealMeasurer(machine, measurements, profile, report)
        result = Loop(folder, log, options, measurer, gate.problem, declared(policies(machine)), state).run()
    made = as_config(result.settings, machine, header, state.noise)
    save(made, folder / FILE_NAME)
    if install and not result.interrupted:
        save(made, cache_path(machine_key(machine)))
    return result


def _measurements(folder: Path, header: journal.Header) -> Journal:
    """The run's journal of measured blocks, new or gone on with."""
    if (folder / journal.NAME).exists():
        return Journal.reopen(folder, journal.read(folder))
    return Journal.create(folder, header)


def policies(machine: Machine) -> dict[Value, Settings]:
    """Whole copy policies worth a try: libc, and what a sweep found, if one has run here or on a machine like this."""
    located = locate(machine_key(machine))
    found: dict[Value, Settings] = {"libc": Settings()}
    return found if located.config is None else {"sweep": of_config(located.config), **found}


def options(max_iterations: int, budget: float) -> Options:
    """Options of a run on this machine."""
    return Options(max_iterations, budget, secrets.randbits(31), areas=every_area())


def settings_of(config: Config) -> Settings:
    """Where a run starts from a config; its zero-scan kernel for pages with it."""
    return from_plain({**of_config(config).plain(), "zero_scan": page_kernel(config) or "libc"})
