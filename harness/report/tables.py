"""Tables for the terminal, by rich."""

from __future__ import annotations

from rich.table import Table

from harness.config.schema import AlignmentClass, Config, Rule
from harness.report.text import bytes_text, gain_text


def policy_table(config: Config) -> Table:
    """The policy of a config: one row a rule, its gain with the interval."""
    table = Table(title="policy", title_justify="left")
    table.add_column("destination − source")
    table.add_column("sizes", justify="right")
    table.add_column("kernel")
    table.add_column("gain over libc", justify="right")
    table.add_column("processes", justify="right")
    for entry in config.policy.classes:
        for index, rule in enumerate(entry.rules):
            table.add_row(
                class_text(entry) if index == 0 else "",
                range_text(rule),
                rule.kernel,
                gain_text(rule.gain, rule.gain_low, rule.gain_high),
                str(rule.processes or ""),
                end_section=index == len(entry.rules) - 1,
            )
    return table


def range_text(rule: Rule) -> str:
    """`65 B – 2.1 KiB`, or `32 MiB and more`."""
    if rule.high is None:
        return f"{bytes_text(rule.low)} and more" if rule.low else "all"
    return f"{bytes_text(rule.low)} – {bytes_text(rule.high - 1)}"


def class_text(entry: AlignmentClass) -> str:
    """The alignment class's predicate for people."""
    if entry.mask == 0:
        return "any"
    return f"mod {entry.mask + 1} in {entry.low} … {(entry.low + entry.span - 1) & entry.mask}"
