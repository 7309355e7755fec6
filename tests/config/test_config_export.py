"""Exports say the same as the config. That C and Rust compile them is tested with the dispatcher."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from config_examples import CONFIG, DATA

from harness.config.export import FORMATS, as_python
from harness.config.header import thresholds_h
from harness.config.load import load
from harness.config.schema import Config, Headline
from kernels import dispatch

WITHOUT = msgspec.structs.replace(CONFIG, headline=Headline(note="libc never overtakes"))


def test_json_is_the_whole_config() -> None:
    assert msgspec.convert(json.loads(FORMATS["json"](CONFIG)), Config) == CONFIG


def test_python_module_installs_the_policy() -> None:
    module: dict[str, object] = {}
    exec(as_python(CONFIG), module)
    install = module["install"]
    assert callable(install)
    install()
    assert dispatch.current() == dispatch.table_from(msgspec.to_builtins(CONFIG.policy))
    assert module["SIMD_STDLIB_CROSSOVER"] == 65


def test_headline_without_a_size() -> None:
    assert "SIMD_STDLIB_CROSSOVER" in thresholds_h(CONFIG)
    assert "SIMD_STDLIB_CROSSOVER" not in thresholds_h(WITHOUT)
    assert "SIMD_STDLIB_CROSSOVER: Option<usize> = None" in FORMATS["rust"](WITHOUT)


def test_config_file_in_force_without_the_harness() -> None:
    dispatch.install_config(DATA / "version1.toml")
    assert dispatch.current() == dispatch.table_from(msgspec.to_builtins(load(DATA / "version1.toml").policy))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "no TOML"),
        ("x = 1", "no section"),
        ("[policies.copy]", "lacks the field 'classes'"),
        ("[policies.copy]\nclasses = 3", "no list"),
        ("[policies.copy]\nclasses = [1]", "no list"),
        ("[policies.copy]\nclasses = []", "no class"),
        (
            '[policies.copy]\nclasses = [{mask="x", low=0, span=1, min_size=0, rules=[{kernel="libc"}]}]',
            "no list",
        ),
    ],
)
def test_broken_file_is_refused_without_the_harness(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    with pytest.raises(dispatch.PolicyError, match=problem):
        dispatch.install_config(path)
    with pytest.raises(dispatch.PolicyError, match="cannot be read"):
        dispatch.install_config(tmp_path / "missing")
    assert dispatch.current() == dispatch.LIBC
