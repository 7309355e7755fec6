"""Tables, figures and the run's Markdown, from made-up decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console, Group
from rich.table import Table

from harness.bench import Figure
from harness.config.schema import Headline
from harness.experiment import Condition, Offsets, Residency, Sizes
from harness.measure.confirm import Confirmation
from harness.report import tables, text
from harness.report.curves import panels
from harness.report.figures import Curve, Mark, Panel, draw, save
from harness.report.run import headline_text, markdown
from harness.trial import Standing, Trial
from harness.verify import Cell, Verification
from tests.analysis.synthetic import DRAM, HOT, frame, grid
from tests.config.config_examples import CONFIG, HAZARD


def cell(verdict: str, size: int = 3000, speed: float = 1.0, regret: float = 0.01) -> Cell:
    return Cell(Condition().key, size, 123.4, speed, speed * 0.99, speed * 1.01, 0.02, verdict, "portable", regret, 8)


VERIFICATION = Verification((cell("win", speed=1.3), cell("tie"), cell("loss", 9000, 0.9, 0.11)), 0.006, 25.0, False)
TRIAL = Trial(1, (Standing(1.1, 0, 0.1), Standing(1.2, 1, 0.2)), False)


def printed(table: Table | Group, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, "1 B"), (1023, "1023 B"), (2160, "2.11 KiB"), (32 << 20, "32 MiB"), (3 << 30, "3 GiB")],
)
def test_sizes_are_read_at_a_glance(size: int, expected: str) -> None:
    assert text.bytes_text(size) == expected


@pytest.mark.parametrize(("ns", "expected"), [(8.314, "8.31 ns"), (12_400, "12.4 µs"), (3.2e6, "3.2 ms")])
def test_times_are_read_at_a_glance(ns: float, expected: str) -> None:
    assert text.time_text(ns) == expected


def test_durations_and_gains() -> None:
    assert text.seconds_text(42.4) == "42 s"
    assert text.seconds_text(185) == "3 min 05 s"
    assert text.gain_text(None, None, None) == ""
    assert text.gain_text(3.0, None, None) == "+3.0 %"
    assert text.gain_text(12.34, 10.0, 15.0) == "+12.3 % [+10.0, +15.0]"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(), "one size"),
        (Condition(sizes=Sizes.UNIFORM), "sizes up to"),
        (Condition(residency=Residency.DRAM, threads=2), "in DRAM, 2 threads"),
        (Condition(offsets=Offsets.DELTA, delta=12), "dst − src 12"),
        (Condition(offsets=Offsets.PAGE, reread=True), "on pages, read again"),
    ],
    ids=str,
)
def test_conditions_are_words(condition: Condition, expected: str) -> None:
    assert text.condition_text(condition.key) == expected


def test_a_verification_is_one_sentence() -> None:
    said = text.verification_text(VERIFICATION)
    assert "3 cells" in said
    assert "slower than libc in 1 cells" in said
    assert "at worst 11.0 % at 8.79 KiB" in said
    assert "nowhere slower" in text.verification_text(Verification((), 0.0, 1.0, False))


def test_the_policy_table_fits_80_columns() -> None:
    shown = printed(tables.policy_table(CONFIG))
    assert "policy, where (dst − src) mod 4096 is 1 to 15" in shown
    assert "policy, at all other offsets" in shown
    assert "1 MiB and more" in shown
    assert "+1600.0 %" in shown


def test_the_verification_table_fits_80_columns() -> None:
    lines = printed(tables.verification_table(VERIFICATION)).splitlines()
    assert sum("one size" in line for line in lines) == 3
    assert all(word in "".join(lines) for word in ("win", "tie", "loss", "123 ns"))


def test_a_confirmation_is_a_table_and_part_of_the_report() -> None:
    confirmed = (Confirmation(5001, 30e-9, 2e-9, 20e-9, 1e-9),)
    assert "30 ns ± 2 ns   20 ns ± 1 ns       1.50×" in printed(tables.confirmation_table(confirmed))
    assert "| 4.88 KiB | 30 ns ± 2 ns | 20 ns ± 1 ns | 1.50× |" in markdown(CONFIG, confirmed=confirmed)


def test_claims_say_whether_they_hold() -> None:
    figures = [Figure("a", "≥ 1", "2", True), Figure("b", "≥ 1", "0", False), Figure("c", "≥ 1", "-", None)]
    shown = printed(tables.figures_table(figures))
    assert all(word in shown for word in ("yes", "no", "not for this machine"))


def test_a_hazard_is_a_sentence() -> None:
    assert tables.hazard_text(HAZARD) == (
        "libc takes 17.0 [16.0, 18.0] times the best kernel's time from 2.06 KiB to 1 MiB "
        "where (dst − src) mod 4096 is 1 to 15"
    )
    assert "whatever the offsets" in tables.hazard_text(replace(HAZARD, mask=0, low=0, span=1))


def test_the_headline_is_a_number_or_why_there_is_none() -> None:
    assert headline_text(CONFIG) == "SIMD and libc cross at 65 B [60 B, 70 B]."
    without = replace(CONFIG, headline=Headline(note="libc is nowhere slower"))
    assert headline_text(without) == "No single crossover between SIMD and libc (libc is nowhere slower)."


def test_the_report_holds_all_that_was_found() -> None:
    report = markdown(CONFIG, trial=TRIAL, verification=VERIFICATION, notes=("the budget was short",))
    assert report.startswith("# Copy policy of AMD EPYC 9654\n")
    for part in (
        "## Policy",
        "## Hazards",
        "## Trial",
        "| 2 (taken) |",
        "## Verification",
        "| loss |",
        "Note: the bud",
    ):
        assert part in report
    assert "None" not in report
    assert "\n\n\n" not in report
    for line in report.splitlines():
        assert line.count("|") in (0, 4, 5, 8), line


def test_a_report_of_an_interrupted_run_has_no_verification() -> None:
    report = markdown(CONFIG)
    assert "## Verification" not in report
    assert "## Trial" not in report


def curve(label: str) -> Curve:
    sizes = np.array([64.0, 256.0, 4096.0])
    return Curve(label, sizes, np.array([1.5, 1.0, 0.5]), np.array([1.4, 0.9, 0.4]), np.array([1.6, 1.1, 0.6]))


def test_a_figure_has_units_log_axes_a_legend_and_its_crossover(tmp_path: Path) -> None:
    marks = (Mark(256.0, 128.0, 512.0, "crossover 256 B"), Mark(1024.0, 1024.0, 1024.0, ""))
    figure = draw([Panel("hot", (curve("avx2"), curve("sse2")), 0.02, marks), Panel("cold", (), 0.02)], "title")
    hot, cold = figure.axes
    assert (hot.get_xscale(), hot.get_yscale()) == ("log", "log")
    assert hot.get_xlabel() == "size of one copy"
    assert "256 B" in [label.get_text() for label in hot.get_xticklabels()]
    legend = hot.get_legend()
    assert legend is not None
    assert {"avx2", "sse2"} <= {entry.get_text() for entry in legend.get_texts()}
    assert "crossover 256 B" in [entry.get_text() for entry in hot.texts]
    assert cold.get_title(loc="left") == "cold"
    save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_panels_show_the_policys_kernels_first() -> None:
    sizes = (64, 256, 1024, 4096)
    comparisons = frame(
        grid(HOT, sizes, portable=0.1, other=0.3, never=-0.5, libc=0.0), grid(DRAM, sizes[:1], portable=0.1)
    )
    (panel,) = panels(comparisons, CONFIG)
    assert [each.label for each in panel.curves][:2] == ["portable", "other"]
    assert "never" not in {each.label for each in panel.curves}
    assert {65, 1048577} <= {mark.size for mark in panel.marks}
