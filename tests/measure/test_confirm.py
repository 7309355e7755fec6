"""The confirmation by pyperf's own runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.config.write import save
from harness.errors import UserError
from harness.machine import allowed_cpus
from harness.measure import confirm
from tests.config.config_examples import CONFIG


def test_points_stand_for_the_rules_that_do_not_serve_libc() -> None:
    rules = [(0, 65, "a"), (65, 1024, "libc"), (1024, 4096, "b"), (1 << 20, None, "c"), (1 << 30, None, "d")]
    small, middle, large = confirm.points(rules)
    assert 0 < small < 65
    assert 1024 <= middle < 4096
    assert 1 << 20 <= large <= confirm.LARGEST | 1
    assert confirm.points([(0, None, "libc")]) == ()


def test_pyperf_measures_and_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm, "PROCESSES", 2)
    monkeypatch.setattr(confirm, "MIN_TIME", 0.0001)
    save(CONFIG, tmp_path / "thresholds.toml")
    output = tmp_path / confirm.NAME
    found = confirm.confirm(tmp_path / "thresholds.toml", (33, 5001), output, allowed_cpus()[-1])
    assert [each.size for each in found] == [33, 5001]
    assert all(each.libc > 0 and each.policy > 0 and each.speed > 0 for each in found)
    done = subprocess.run([sys.executable, "-m", "pyperf", "stats", str(output)], capture_output=True, text=True)
    assert "policy/5001" in done.stdout


def test_a_failure_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the confirmation by pyperf failed") as error:
        confirm.confirm(tmp_path / "none.toml", (33,), tmp_path / confirm.NAME, 0)
    assert "\n" not in str(error.value)
