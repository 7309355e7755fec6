"""Tables for the terminal, by rich."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table

from harness.config.schema import AlignmentClass, Config, Hazard, Rule
from harness.report.text import bytes_text, condition_text, gain_text, time_text

if TYPE_CHECKING:
    from harness.bench import Figure
    from harness.guests import GuestSpeed
    from harness.measure.confirm import Confirmation
    from harness.optimize.decision import Difference
    from harness.paths import Paths
    from harness.verify import Verification
    from kernels.vm.bench import Speed as VmSpeed


def policy_table(config: Config) -> Group:
    """The policy of a config: a table an alignment class, a row a rule, its gain with the interval."""
    return Group(*(_class_table(entry, alone=len(config.policy.classes) == 1) for entry in config.policy.classes))


def _class_table(entry: AlignmentClass, *, alone: bool) -> Table:
    return rules_table(entry.rules, "policy" if alone else f"policy, {class_text(entry)}")


def rules_table(rules: Sequence[Rule], title: str) -> Table:
    """One row a rule: sizes, kernel, gain with its interval, processes."""
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("sizes", justify="right", no_wrap=True)
    table.add_column("kernel", no_wrap=True)
    table.add_column("gain over libc", justify="right", no_wrap=True)
    table.add_column("processes", justify="right")
    for rule in rules:
        gain = gain_text(rule.gain, rule.gain_low, rule.gain_high)
        table.add_row(range_text(rule), rule.kernel, gain, str(rule.processes or ""))
    return table


def range_text(rule: Rule) -> str:
    """`65 B – 2.1 KiB`, the end exclusive, or `32 MiB and more`."""
    if rule.high is None:
        return f"{bytes_text(rule.low)} and more" if rule.low else "all"
    return f"{bytes_text(rule.low)} – {bytes_text(rule.high)}"


def class_text(entry: AlignmentClass) -> str:
    """The alignment class's predicate for people."""
    return "at all other offsets" if entry.mask == 0 else _residues(entry)


def hazard_text(hazard: Hazard) -> str:
    """One sentence: which kernel, where, how much slower."""
    where = "whatever the offsets" if hazard.mask == 0 else _residues(hazard)
    interval = f"[{hazard.slowdown_low:.1f}, {hazard.slowdown_high:.1f}]"
    sizes = f"from {bytes_text(hazard.size_low)} to {bytes_text(hazard.size_high)}"
    return f"{hazard.kernel} takes {hazard.slowdown:.1f} {interval} times the best kernel's time {sizes} {where}"


def _residues(entry: AlignmentClass | Hazard) -> str:
    last = (entry.low + entry.span - 1) & entry.mask
    return f"where (dst − src) mod {entry.mask + 1} is {entry.low} to {last}"


def verification_table(verification: Verification) -> Table:
    """Every cell: libc's time, the dispatcher's speed over it, the verdict and the regret."""
    table = Table(
        title="verification: the dispatcher on fresh processes, sizes and offsets", title_justify="left", box=SIMPLE
    )
    table.add_column("condition", no_wrap=True)
    for heading in ("size", "libc", "× libc"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("regret", justify="right", no_wrap=True)
    colours = {"win": "green", "loss": "red", "tie": "dim"}
    for cell in verification.cells:
        table.add_row(
            condition_text(cell.condition),
            bytes_text(cell.size),
            time_text(cell.libc_ns),
            f"{cell.speed:.2f} [{cell.low:.2f}, {cell.high:.2f}]",
            f"[{colours[cell.verdict]}]{cell.verdict}[/]",
            f"{100 * cell.regret:.1f} %",
        )
    return table


def confirmation_table(confirmed: Sequence[Confirmation]) -> Table:
    """Libc and the policy by pyperf's own runner."""
    table = Table(title="confirmation by pyperf's runner, unpaired", title_justify="left", box=SIMPLE)
    for heading in ("size", "libc", "policy", "over libc"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in confirmed:
        table.add_row(
            bytes_text(each.size),
            f"{time_text(1e9 * each.libc)} ± {time_text(1e9 * each.libc_stdev)}",
            f"{time_text(1e9 * each.policy)} ± {time_text(1e9 * each.policy_stdev)}",
            f"{each.speed:.2f}×",
        )
    return table


def paths_table(found: Paths) -> Table:
    """Every point of the VM's paths: libc's time, and what the others are to it."""
    table = Table(
        title="memory paths: speed over libc", title_justify="left", box=SIMPLE, pad_edge=False, collapse_padding=True
    )
    table.add_column("path", no_wrap=True)
    for heading in ("move", "libc", "policy", "old rule"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("best kernel")
    colours = {"win": "green", "loss": "red", "tie": "dim"}
    last = ""
    for point in found.points:
        policy, old = point.policy, point.old_rule
        table.add_row(
            point.path if point.path != last else "",
            bytes_text(point.amount) if point.unit == "bytes" else f"{point.amount} {point.unit}",
            time_text(point.libc_ns),
            f"[{colours[policy.verdict]}]{policy.value:.2f}[/] \\[{policy.low:.2f}, {policy.high:.2f}]",
            f"[{colours[old.verdict]}]{old.value:.2f}[/]",
            f"{point.best} {point.best_speed:.2f}" if point.best_speed > 1 else "",
        )
        last = point.path
    return table


def guests_table(guests: Sequence[GuestSpeed]) -> Table:
    """Whole guest runs under libc and under the policy."""
    table = Table(
        title="whole guest runs: speed over libc",
        title_justify="left",
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("guest", no_wrap=True)
    for heading in ("libc", "policy", "bytes moved"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in guests:
        table.add_row(
            each.guest,
            f"{1e3 * each.libc_seconds:.1f} ms",
            f"{each.speed:.3f} \\[{each.low:.3f}, {each.high:.3f}]",
            bytes_text(each.bytes),
        )
    return table


def differences_table(differences: Sequence[Difference]) -> Table:
    """The last settings beside the first, by area."""
    title = "speed of the first settings over the last, measured again"
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("area", no_wrap=True)
    table.add_column("gain", justify="right", no_wrap=True)
    table.add_column("± (95 %)", justify="right", no_wrap=True)
    for each in differences:
        table.add_row(each.area, f"{each.percent():+.1f} %", f"{100 * each.bound(0.05):.1f} %")
    return table


def vm_table(speeds: Sequence[VmSpeed]) -> Table:
    """Guests by their instructions a second."""
    table = Table(title="million instructions a second", title_justify="left", box=SIMPLE)
    table.add_column("guest")
    for heading in ("this machine", "unicorn", "ratio"):
        table.add_column(heading, justify="right")
    for each in speeds:
        other = (f"{each.unicorn:.1f}", f"{each.machine / each.unicorn:.1f}×") if each.unicorn else ("-", "-")
        table.add_row(each.guest, f"{each.machine:.1f}", *other)
    return table


def figures_table(figures: Sequence[Figure]) -> Table:
    """Claims, targets and what was measured."""
    table = Table(title="what is claimed, and what was measured in this run", title_justify="left")
    for heading in ("what", "target", "measured", "holds"):
        table.add_column(heading)
    words = {True: "[green]yes[/]", False: "[red]no[/]", None: "[dim]not for this machine[/]"}
    for figure in figures:
        table.add_row(figure.what, figure.target, figure.measured, words[figure.holds])
    return table
