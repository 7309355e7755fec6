"""Reading a config: what is right comes back exactly, what is wrong is one sentence."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest
from config_examples import CONFIG, DATA, KERNELS
from config_strategies import configs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config import schema
from harness.config.errors import ConfigError
from harness.config.load import MAX_FILE_SIZE, load, parse
from harness.config.schema import Config
from harness.config.write import dumps
from kernels import dispatch

SAMPLE = (DATA / "version1.toml").read_text()

NEAR = "policies.copy.classes[0]"
ANY = "policies.copy.classes[1]"
KERNEL = f"{ANY}.rules[0].kernel"
PORTABLE = 'high = 65\nkernel = "portable"'

MISTAKES = {
    "unknown key at the top": ('[headline]', 'colour = "red"\n[headline]', "colour", "no key"),
    "unknown key below": ("[machine.caches]", "[machine.caches]\nl4 = 1", "machine.caches.l4", "no key"),
    "unknown family": ("[[hazards]]", "[policies.zero]\n[[hazards]]", "policies.zero", "no key"),
    "missing key": ('vendor = "AuthenticAMD"\n', "", "machine.vendor", "missing"),
    "wrong type": ("family = 25", 'family = "25"', "machine.family", "expected `int`"),
    "wrong type of a rule": ("processes = 10", "processes = 1.5", f"{NEAR}.rules[0].processes", "int"),
    "negative size": ("min_size = 2112", "min_size = -1", f"{NEAR}.min_size", ">= 0"),
    "time without a zone": ("12:00:00+00:00", "12:00:00", "provenance.created", "timezone"),
    "not a number": ("gain = 60.0", "gain = nan", f"{ANY}.rules[0].gain", "finite"),
    "infinite": ("noise_percent = 0.6", "noise_percent = inf", "provenance.noise_percent", "finite"),
    "key that escapes": ('label = "zen4"', 'label = "../zen4"', "machine.label", "regex"),
    "overlap": ("low = 65\nhigh", "low = 60\nhigh", f"{ANY}.rules[1].low", "overlaps"),
    "gap": ("low = 65\nhigh", "low = 70\nhigh", f"{ANY}.rules[1].low", "unserved"),
    "empty range": ("high = 65", "high = 0", f"{ANY}.rules[0].high", "not above"),
    "first rule too late": ("low = 0\nhigh = 65", "low = 1\nhigh = 65", f"{ANY}.rules[0].low", "begins at 0"),
    "no end within": ("low = 0\nhigh = 65", "low = 0", f"{ANY}.rules[0].high", "only the last"),
    "end at the end": (
        "low = 1048577\n", "low = 1048577\nhigh = 2097152\n", f"{ANY}.rules[2].high", "sizes above unserved"
    ),
    "unknown kernel": (PORTABLE, PORTABLE.replace("portable", "fast"), KERNEL, "'fast'"),
    "kernel of another CPU": (PORTABLE, PORTABLE.replace("portable", "sve_u4"), KERNEL, "needs sve"),
    "kernel beyond its limit": (PORTABLE, PORTABLE.replace("portable", "small_scalar"), KERNEL, "8 bytes"),
    "mask": ("mask = 4095", "mask = 4094", f"{NEAR}.mask", "power of two"),
    "low beyond the mask": ("low = 1\nspan", "low = 4096\nspan", f"{NEAR}.low", "beyond"),
    "span": ("span = 15", "span = 4096", f"{NEAR}.span", "1 to 4095"),
    "any too early": ('"near_4k"', '"any"', f"{NEAR}.name", "must be the last"),
    "any missing": ('name = "any"', 'name = "all"', f"{ANY}.name", "must be 'any'"),
    "any conditional": ("mask = 0", "mask = 1", ANY, "hold always"),
    "name twice": ('name = "any"', 'name = "near_4k"', f"{ANY}.name", "another class's"),
    "gain outside": ("gain_low = 55.0", "gain_low = 61.0", f"{ANY}.rules[0].gain", "interval"),
    "headline outside": ("low = 60\n", "low = 66\n", "headline.simd_stdlib_crossover", "interval"),
    "headline without reason": (
        "simd_stdlib_crossover = 65\nlow = 60\nhigh = 70", "", "headline.note", "must say why"
    ),
    "interval of nothing": ("simd_stdlib_crossover = 65", 'note = "none"', "headline", "without"),
    "hazard of no sizes": ("size_high = 1048576", "size_high = 2112", "hazards[0].size_high", "not above"),
    "hazard of no kernel": ('s]]\nkernel = "libc"', 's]]\nkernel = "x"', "hazards[0].kernel", "'x'"),
    "hazard outside": ("slowdown = 17.0", "slowdown = 1.0", "hazards[0].slowdown", "interval"),
    "newer version": ("schema_version = 1", "schema_version = 2", "schema_version", "reads up to 1"),
    "no version": ("schema_version = 1\n", "", "schema_version", "missing"),
    "odd version": ("schema_version = 1", "schema_version = true", "schema_version", "True"),
    "key twice": ("family = 25", "family = 25\nfamily = 26", "", "TOML"),
    "huge integer": ("family = 25", "family = " + "9" * 5000, "", "TOML"),
    "too deep": ("family = 25", "family = " + "[" * 5000, "", "deep"),
}  # fmt: skip


def test_limits_are_those_of_the_dispatcher() -> None:
    assert (schema.MAX_CLASSES, schema.MAX_RULES) == (dispatch.MAX_CLASSES, dispatch.MAX_RULES)


def test_file_of_schema_version_1_still_loads() -> None:
    assert load(DATA / "version1.toml") == CONFIG


@given(configs)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_round_trip_is_exact(config: Config) -> None:
    assert parse(dumps(config), "memory", KERNELS) == config


@pytest.mark.parametrize(("right", "wrong", "key", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_sentence(right: str, wrong: str, key: str, text: str) -> None:
    assert right in SAMPLE
    with pytest.raises(ConfigError, match=re.escape(text)) as caught:
        parse(SAMPLE.replace(right, wrong, 1), "some.toml", KERNELS)
    error = caught.value
    assert (error.file, error.key) == ("some.toml", key)
    assert error.problem
    assert error.remedy
    assert str(error).startswith(f"some.toml: {key} " if key else "some.toml ")
    assert "\n" not in str(error)


def test_too_many_rules_and_classes() -> None:
    rules = "".join(f'[[policies.copy.classes.rules]]\nlow={i}\nhigh={i + 1}\nkernel="libc"\n' for i in range(40))
    start = SAMPLE.index("[[policies.copy.classes.rules]]\nlow = 0")
    with pytest.raises(ConfigError, match="rules, not 1 to 32"):
        parse(SAMPLE[:start] + rules, "some.toml", KERNELS)
    first, second = (
        SAMPLE.index(text) for text in ("[[policies.copy.classes]]", '[[policies.copy.classes]]\nname = "any"')
    )
    with pytest.raises(ConfigError, match="classes, not 1 to 16"):
        parse(SAMPLE[:second] + SAMPLE[first:second] * 16 + SAMPLE[second:], "some.toml", KERNELS)


@given(st.integers(0, len(SAMPLE) - 1))
def test_truncated_file(length: int) -> None:
    """Cut anywhere, a file is refused, or lacks only what serves no copy: the hazards, a rule's evidence."""
    with contextlib.suppress(ConfigError):
        config = parse(SAMPLE[:length], "some.toml", KERNELS)
        assert decisions(config) == decisions(CONFIG)


def decisions(config: Config) -> list[tuple[str, int, int | None, str]]:
    return [(entry.name, rule.low, rule.high, rule.kernel) for entry in config.policy.classes for rule in entry.rules]


@given(st.integers(0, len(SAMPLE) - 1), st.characters(codec="utf-8"))
def test_damaged_file_never_raises_anything_else(place: int, character: str) -> None:
    with contextlib.suppress(ConfigError):
        parse(SAMPLE[:place] + character + SAMPLE[place + 1 :], "some.toml", KERNELS)


def test_files_that_are_no_config(tmp_path: Path) -> None:
    huge, binary, pipe = tmp_path / "huge", tmp_path / "binary", tmp_path / "pipe"
    huge.write_bytes(b"#" * (MAX_FILE_SIZE + 1))
    binary.write_bytes(b"schema_version = 1 # \xff")
    os.mkfifo(pipe)
    for path, text in [
        (tmp_path, "not a file"),
        (pipe, "not a file"),
        (huge, "larger than"),
        (binary, "UTF-8"),
        (tmp_path / "missing", "No such file"),
        (tmp_path / "null\0", "no file name"),
    ]:
        with pytest.raises(ConfigError, match=text):
            load(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(SAMPLE)
    path.chmod(0)
    with pytest.raises(ConfigError, match="the right to read"):
        load(path)


def test_permission_denied_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(SAMPLE)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ConfigError, match="the right to read"):
        load(path)
