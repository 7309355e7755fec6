"""The main job, end to end: measure, decide, try, write the config, verify. Each step leaves a file.

journal.jsonl -> suite.json -> thresholds.toml + thresholds.h -> verification.json -> confirmation.json -> report.md
+ curves.png
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

import experiments
from experiments import Experiment, Tier, World
from harness.analysis.alignment import delta_of
from harness.analysis.decide import Decisions, decide
from harness.analysis.policy import PolicyTable
from harness.analysis.profile import Profile, as_plain, fleet, from_plain
from harness.analysis.weights import Worth, worth
from harness.config.errors import ConfigError
from harness.config.header import thresholds_h
from harness.config.load import load
from harness.config.locate import cache_path
from harness.config.schema import FILE_NAME, Config, machine_key
from harness.config.write import save, write_text
from harness.errors import UserError
from harness.experiment import BASELINE, Block, Condition, Sizes
from harness.generate import config as make_config
from harness.generate import policy, without
from harness.machine import Machine
from harness.measure import confirm, journal, suite
from harness.measure.confirm import Confirmation
from harness.measure.journal import Contents, Header, Journal
from harness.measure.protocol import Reply
from harness.measure.runner import limits, setup
from harness.measure.samples import samples
from harness.measure.schedule import PACES, Schedule
from harness.measure.sweep import Progress, measure
from harness.report.text import bytes_text
from harness.trial import Trial
from harness.trial import choose as choose_policy
from harness.verify import Verification, verify
from kernels import copy

RUNS: Final = Path("results/runs")
HEADER_NAME: Final = "thresholds.h"
VERIFICATION_NAME: Final = "verification.json"
FIGURE_NAME: Final = "curves.png"
REPORT_NAME: Final = "report.md"
BUDGETS: Final = (30.0, 120.0, 900.0)
"""Seconds by tier, from start to end."""
OVERHEAD: Final = (8.0, 22.0, 22.0)
"""Seconds by tier that are neither measuring nor verifying: imports, statistics, confirmation, figures, files."""
SHARES: Final = {"measure": 0.66, "trial": 0.12, "verify": 0.22}
"""Parts of the rest."""
COSTLY: Final = 0.33
"""Part of the measuring that copies of many megabytes may take."""

Report = Callable[[str, Progress], None]


class NothingMeasured(UserError):
    """The run ended before anything could be decided."""


@dataclass(frozen=True)
class Request:
    """What a person asked for."""

    experiment: str
    tier: Tier
    budget: float
    """Seconds from start to end."""
    only: str
    """Regular expression over candidates' names; empty for all."""
    folder: Path
    command: str
    profile: Profile | None = None
    """How often which sizes are copied; None for a published fleet's."""
    install: bool = True
    """Whether the config goes to the user's cache too, where every program finds it."""


@dataclass(frozen=True)
class Result:
    """What came out; files lie in `folder`."""

    folder: Path
    header: Header
    decisions: Decisions
    config: Config
    trial: Trial | None
    verification: Verification | None
    worth: Worth
    """The policy as a whole."""
    confirmed: tuple[Confirmation, ...]
    """libc and the policy by pyperf's runner; empty for a fast sweep."""
    notes: tuple[str, ...]
    interrupted: bool
    seconds: float


def run_id() -> str:
    """A new run's name: UTC time and four random digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def commit() -> str:
    """The commit of the harness's own checkout; empty outside one."""
    asked = ("git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD")
    try:
        return subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def candidates(experiment: Experiment, only: str) -> Callable[[Block], tuple[str, ...]]:
    """The experiment's candidates whose names match; libc always."""
    pattern = re.compile(only)

    def chosen(block: Block) -> tuple[str, ...]:
        return tuple(name for name in experiment.candidates(block) if name == "libc" or pattern.search(name))

    return chosen


def sweep(request: Request, machine: Machine, report: Report) -> Result:
    """A new run.

    Raises:
        NothingMeasured: it ended before anything could be decided.
        UserError: something outside is wrong: no room, no permission, an unknown experiment.
    """
    header = Header(
        run=request.folder.name,
        experiments=(request.experiment,),
        seed=secrets.randbits(32),
        budget=request.budget,
        tier=int(request.tier),
        only=request.only,
        machine=machine.facts(),
        harness=metadata.version("crossover"),
        commit=commit(),
        command=request.command,
        started=time.time(),
        profile=as_plain(request.profile) if request.profile else {},
    )
    with Journal.create(request.folder, header) as log:
        return _run(request.folder, header, Contents(header, (), ()), log, machine, report, install=request.install)


def resume(folder: Path, machine: Machine, report: Report, *, install: bool = True) -> Result:
    """Go on with a run that was cut off: what it measured counts, and its points stay.

    Raises:
        UserError: there is no such run, or another machine began it.
    """
    contents = journal.read(folder)
    if contents.header.machine["key"] != machine.key:
        raise UserError(
            f"run {folder} was begun on another machine ({contents.header.machine['name']}); sweep anew here"
        )
    with Journal.reopen(folder, contents) as log:
        result = _run(folder, contents.header, contents, log, machine, report, install=install)
    return replace(result, notes=(*_note(contents), *result.notes))


def analyze(folder: Path, machine: Machine) -> Result:
    """The decisions again from a run's recorded data; nothing is timed, nothing but the run's own files is written.

    Raises:
        UserError: there is no such run, or it measured too little.
    """
    began = time.monotonic()
    contents = journal.read(folder)
    recorded = replace(machine, cycle_ns=float(contents.header.machine["cycle_ns"]))
    decisions = _decide(_of(contents.replies, contents.header), recorded, contents.header)
    made = _config(decisions, decisions.policies[0], recorded, contents.header)
    gain = _worth(decisions, decisions.policies[0], contents.header)
    seconds = time.monotonic() - began
    return Result(folder, contents.header, decisions, made, None, None, gain, (), _note(contents), False, seconds)


def _note(contents: Contents) -> tuple[str, ...]:
    return (contents.note,) if contents.note else ()


def _of(replies: Iterable[Reply], header: Header) -> list[Reply]:
    """The replies of the run's experiments: trial and verification share the journal."""
    return [reply for reply in replies if Block.parse(reply.block).experiment in header.experiments]


def _run(
    folder: Path,
    header: Header,
    before: Contents,
    log: Journal,
    machine: Machine,
    report: Report,
    *,
    install: bool,
) -> Result:
    began = time.monotonic()
    time_for = _split(header.budget, header.tier)
    experiment = experiments.load(header.experiments[0])
    chosen = candidates(experiment, header.only)
    schedule = _schedule(experiment, header, machine, chosen, time_for["measure"])
    own = _of(before.replies, header)
    for reply in own:
        schedule.record(reply)
    for event in before.events:
        schedule.drop(event.candidate)
    outcome = measure(schedule, setup(machine), log, time_for["measure"], lambda p: report("measure", p))
    replies = (*own, *outcome.replies)
    decisions = _decide(replies, machine, header)
    trial, verification, table = None, None, decisions.policies[0]
    interrupted = outcome.interrupted
    if not interrupted and len(decisions.policies) > 1:
        tables = [msgspec.to_builtins(policy(each)) for each in decisions.policies]
        trial = choose_policy(
            tables, machine, log, budget=time_for["trial"], seed=header.seed, on_progress=lambda p: report("try", p)
        )
        table, interrupted = decisions.policies[trial.chosen], trial.interrupted
    made = _config(decisions, table, machine, header)
    notes = [*(event.text for event in outcome.events), *_missed(schedule)]
    if not interrupted:
        made, verification, said = _verified(
            made,
            decisions,
            table,
            machine,
            header,
            chosen,
            log,
            time_for["verify"],
            schedule.sizes(),
            lambda p: report("verify", p),
        )
        notes += said
        interrupted = verification.interrupted
    result = Result(
        folder=folder,
        header=header,
        decisions=decisions,
        config=made,
        trial=trial,
        verification=verification,
        worth=_worth(decisions, table, header),
        confirmed=(),
        notes=tuple(notes),
        interrupted=interrupted,
        seconds=time.monotonic() - began,
    )
    result = write(result, replies, machine, install=install and not interrupted)
    return replace(result, seconds=time.monotonic() - began)


def _missed(schedule: Schedule) -> list[str]:
    """What the budget did not reach, if anything."""
    missed = [state.block for state in schedule.states.values() if not state.ratios]
    if not missed:
        return []
    sizes = ", ".join(bytes_text(size) for size in sorted({block.size for block in missed})[-4:])
    return [f"the budget did not reach {len(missed)} planned blocks, of sizes up to {sizes}; --rigorous measures them"]


def _split(budget: float, tier: int) -> dict[str, float]:
    left = max(budget - OVERHEAD[tier], 0.7 * budget)
    return {name: share * left for name, share in SHARES.items()}


def world(machine: Machine) -> World:
    """What experiments need to know of the machine."""
    return World(
        l1=machine.cache_size(1),
        l2=machine.cache_size(2),
        last_level=machine.last_level_cache,
        memory=limits(machine).memory,
        cpus=machine.cpus,
    )


def _schedule(
    experiment: Experiment,
    header: Header,
    machine: Machine,
    chosen: Callable[[Block], tuple[str, ...]],
    seconds: float,
) -> Schedule:
    tier = Tier(header.tier)
    return Schedule(
        experiment.blocks(world(machine), tier),
        chosen,
        PACES[tier],
        header.seed,
        frozenset([experiment.bisected]),
        costly_seconds=COSTLY * seconds,
    )


def _decide(replies: Iterable[Reply], machine: Machine, header: Header) -> Decisions:
    table = samples(replies)
    if not len(table):
        raise NothingMeasured(
            f"run {header.run} measured nothing before it ended; go on with --resume {header.run}, or a larger --budget"
        )
    kernels = {kernel.name: kernel for kernel in copy.table()}
    return decide(table, cycle_ns=machine.cycle_ns, kernels=kernels, profile=_profile(header), seed=header.seed)


def _profile(header: Header) -> Profile:
    return from_plain(header.profile) if header.profile else fleet()


def _worth(decisions: Decisions, table: PolicyTable, header: Header) -> Worth:
    """What the policy brings where both buffers lie anywhere."""
    rules = table.classes[-1].rules
    serving = lambda size: next(rule.kernel for rule in rules if rule.serves(size))  # noqa: E731
    return worth(decisions.comparisons, serving, _profile(header))


def _config(decisions: Decisions, table: PolicyTable, machine: Machine, header: Header) -> Config:
    return make_config(
        table,
        machine=machine,
        header=header,
        noise=decisions.noise,
        headline=decisions.headline,
        hazards=decisions.hazards,
    )


def _verified(
    made: Config,
    decisions: Decisions,
    table: PolicyTable,
    machine: Machine,
    header: Header,
    chosen: Callable[[Block], tuple[str, ...]],
    log: Journal,
    budget: float,
    seen: frozenset[int],
    on_progress: Callable[[Progress], None],
) -> tuple[Config, Verification, list[str]]:
    """Verify; where a rule turns out slower than libc, libc takes its place, and what is left is verified anew."""
    judge = partial(verify, machine=machine, candidates=chosen, journal=log, seen=seen, on_progress=on_progress)
    first = judge(made, budget=budget * 0.6, seed=header.seed + 1)
    refused = [(entry, cell) for cell in first.losses if (entry := class_of(table, cell.condition, cell.size))]
    if first.interrupted or not refused:
        return made, first, []
    mended = without(table, [(entry, cell.size) for entry, cell in refused])
    remade = _config(decisions, mended, machine, header)
    second = judge(remade, budget=budget * 0.4, seed=header.seed + 2)
    notes = [
        f"the rule for {cell.size} bytes ({entry}) was {100 * (1 / cell.speed - 1):.1f} % slower than libc on fresh "
        "processes and was taken back"
        for entry, cell in refused
    ]
    return remade, second, notes


def class_of(table: PolicyTable, condition_key: str, size: int) -> str:
    """Name of the class whose own rule serves a verified cell; empty where libc serves it already.

    Cells that mix offsets or sizes blame the class that serves every offset.
    """
    condition = Condition.parse(condition_key)
    delta = delta_of(condition)
    always = table.classes[-1]
    serving = next(
        (
            entry
            for entry in table.classes
            if delta is not None and size >= entry.min_size and entry.predicate.holds(delta)
        ),
        always,
    )
    rule = next(rule for rule in serving.rules if rule.serves(size))
    mixed = condition.sizes is not Sizes.FIXED
    return "" if mixed or rule.kernel == BASELINE else serving.name


def write(result: Result, replies: Iterable[Reply], machine: Machine, *, install: bool) -> Result:
    """Every file of the run but the journal; the result comes back with the confirmation of what was written.

    Raises:
        UserError: one cannot be written.
    """
    folder, made = result.folder, result.config
    suite.write(folder / suite.NAME, suite.build(replies, result.header))
    save(made, folder / FILE_NAME)
    write_text(folder / HEADER_NAME, thresholds_h(made))
    if result.header.tier > Tier.FAST and not result.interrupted:
        result = replace(result, confirmed=_confirmed(made, folder, setup(machine).cpu))
    if result.verification is not None:
        write_text(folder / VERIFICATION_NAME, json.dumps(asdict(result.verification), indent=1) + "\n")
    _write_report(result)
    if install:
        path = cache_path(machine_key(machine))
        save(_with_zero_scan(made, path), path)
    return result


def _with_zero_scan(made: Config, path: Path) -> Config:
    """The config with the zero-scan policy of the one that it replaces, which a copy sweep does not measure."""
    try:
        before = load(path).policies.zero_scan if path.exists() else None
    except ConfigError:
        before = None  # It is replaced because it cannot be used.
    return msgspec.structs.replace(made, policies=msgspec.structs.replace(made.policies, zero_scan=before))


def _confirmed(made: Config, folder: Path, cpu: int) -> tuple[Confirmation, ...]:
    """The policy's own rules by pyperf; none where libc serves everything."""
    sizes = confirm.points((rule.low, rule.high, rule.kernel) for rule in made.policy.classes[-1].rules)
    return confirm.confirm(folder / FILE_NAME, sizes, folder / confirm.NAME, cpu) if sizes else ()


def _write_report(result: Result) -> None:
    from harness.report.curves import panels
    from harness.report.figures import draw
    from harness.report.figures import save as save_figure
    from harness.report.run import markdown

    machine = result.config.machine
    title = f"Copy kernels over {machine.libc} on {machine.model_name} ({machine.label})"
    save_figure(draw(panels(result.decisions.comparisons, result.config), title), result.folder / FIGURE_NAME)
    text = markdown(
        result.config,
        trial=result.trial,
        verification=result.verification,
        worth=result.worth,
        confirmed=result.confirmed,
        notes=result.notes,
    )
    write_text(result.folder / REPORT_NAME, text)


def rewrite(result: Result) -> None:
    """An analysis's files anew, in the run's folder only.

    Raises:
        UserError: one cannot be written.
    """
    replies = _of(journal.read(result.folder).replies, result.header)
    suite.write(result.folder / suite.NAME, suite.build(replies, result.header))
    save(result.config, result.folder / FILE_NAME)
    write_text(result.folder / HEADER_NAME, thresholds_h(result.config))
    _write_report(result)


def header_of(name: str, machine: Machine, seed: int, budget: float) -> Header:
    """The journal header of a measurement that is no sweep."""
    return Header(
        run=name,
        experiments=(name,),
        seed=seed,
        budget=budget,
        tier=int(Tier.DEFAULT),
        only="",
        machine=machine.facts(),
        harness=metadata.version("crossover"),
        commit=commit(),
        command=shlex.join(sys.argv),
        started=time.time(),
    )


def verify_config(config: Config, machine: Machine, *, budget: float, seed: int, report: Report) -> Verification:
    """Judge a config outside a sweep; its journal goes with a temporary folder.

    Raises:
        UserError: the measuring cannot be done.
    """
    header = header_of("verify", machine, seed, budget)
    chosen = candidates(experiments.load("copy"), "")
    with tempfile.TemporaryDirectory(prefix="crossover-") as folder, Journal.create(Path(folder), header) as log:
        return verify(config, machine, chosen, log, budget=budget, seed=seed, on_progress=lambda p: report("verify", p))
