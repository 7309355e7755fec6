"""`config show | check | path | export`, as a person calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.config.schema import machine_key
from harness.config.write import save
from harness.machine import detect
from tests.config.config_examples import CONFIG
from tests.conftest import Ran

Harness = Callable[..., Ran]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A config of this machine."""
    here = replace(CONFIG, machine=machine_key(detect()))
    save(here, tmp_path / "thresholds.toml")
    return tmp_path / "thresholds.toml"


def test_show_prints_the_policy(file: Path, harness: Harness) -> None:
    shown = harness("config", "show", file)
    assert shown.code == 0
    assert "portable" in shown.out


def test_without_a_config_libc_serves(harness: Harness) -> None:
    assert "libc" in harness("config", "show").out
    assert harness("config", "path").out.strip().endswith(("libc", "thresholds.toml"))
    assert json.loads(harness("config", "path", "--json").out)["source"]


def test_check_says_valid(file: Path, harness: Harness) -> None:
    assert "valid" in harness("config", "check", file).out
    assert json.loads(harness("config", "check", file, "--json").out)["valid"] is True


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('kernel = "libc"', 'kernel = "memcpy9"'), ("schema_version", "schema_versions"), ("[[", "[")],
)
def test_a_broken_config_is_one_sentence(right: str, wrong: str, file: Path, harness: Harness) -> None:
    file.write_text(file.read_text().replace(right, wrong))
    for arguments, code in ((("check", file), 1), (("show", file), 3), (("export", file), 3)):
        shown = harness("config", *arguments)
        assert shown.code == code, shown
        assert shown.out == ""
        assert shown.err.startswith(f"error: {file}")
        assert shown.err.count("\n") == 1


def test_a_truncated_config_is_one_sentence(file: Path, harness: Harness) -> None:
    file.write_bytes(file.read_bytes()[:300])
    shown = harness("config", "check", file)
    assert (shown.code, shown.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("language", "sign"),
    [("c", "KERNELS"), ("rust", "pub fn install"), ("python", "POLICY = "), ("json", "{")],
)
def test_export_in_every_language(language: str, sign: str, file: Path, harness: Harness, tmp_path: Path) -> None:
    printed = harness("config", "export", file, "--format", language)
    assert printed.code == 0
    assert sign in printed.out
    output = tmp_path / "exported"
    assert harness("config", "export", file, "--format", language, "-o", output).code == 0
    assert output.read_text() == printed.out


def test_export_without_a_config_names_the_remedy(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.config.locate.RESULTS", Path("/nowhere"))
    shown = harness("config", "export")
    assert shown.code == 3
    assert "python -m harness sweep" in shown.err


def test_a_missing_file_is_one_sentence(harness: Harness, tmp_path: Path) -> None:
    shown = harness("config", "check", tmp_path / "none.toml")
    assert shown.code != 0
    assert "none.toml" in shown.err
    assert shown.err.count("\n") == 1
