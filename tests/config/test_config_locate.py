"""Which config is found, what is passed over and why, and what the dispatcher serves then."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from config_examples import CONFIG, MACHINE, any_class

from harness.config import apply as apply_module
from harness.config import locate as locate_module
from harness.config.apply import apply, serve
from harness.config.header import thresholds_h
from harness.config.locate import VARIABLE, Located, Source, cache_path, locate
from harness.config.schema import Config, MachineKey, Policies, Policy, Rule, machine_key
from harness.config.write import dumps, save
from harness.machine import detect
from kernels import dispatch

OTHER = msgspec.structs.replace(CONFIG, machine=msgspec.structs.replace(MACHINE, key="f" * 16, label="zen5"))
SIBLING = msgspec.structs.replace(CONFIG, machine=msgspec.structs.replace(MACHINE, key="f" * 16))


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Source, Path]:
    """Where configs are looked for, all of it in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(locate_module, "RESULTS", tmp_path / "results")
    return {
        Source.EXPLICIT: tmp_path / "explicit.toml",
        Source.ENVIRONMENT: tmp_path / "environment.toml",
        Source.CACHE: cache_path(MACHINE),
        Source.REFERENCE: tmp_path / "results" / "zen4" / "thresholds.toml",
    }


def look(places: dict[Source, Path], machine: MachineKey = MACHINE, *, force: bool = False) -> Located:
    """A look-up that names the explicit path and the variable only where their files exist."""
    explicit, named = places[Source.EXPLICIT], places[Source.ENVIRONMENT]
    environment = {VARIABLE: str(named)} if named.exists() else {}
    return serve(machine, explicit if explicit.exists() else None, environment=environment, force=force)


def test_places_are_tried_in_order(places: dict[Source, Path]) -> None:
    for path in places.values():
        save(CONFIG, path)
    for i, (source, path) in enumerate(places.items()):
        located = look(places)
        assert (located.source, located.path, located.config) == (source, path, CONFIG)
        assert [passed.source for passed in located.passed_over] == list(places)[:i]
        assert all(passed.reason for passed in located.passed_over)
        path.unlink()
    located = look(places)
    assert (located.source, located.config, located.error) == (Source.LIBC, None, None)
    assert len(located.passed_over) == 4


@pytest.mark.parametrize("source", [*Source][:-1])
def test_broken_config_ends_the_look_up_and_libc_serves(source: Source, places: dict[Source, Path]) -> None:
    apply(CONFIG)
    save(CONFIG, places[Source.REFERENCE])
    places[source].parent.mkdir(parents=True, exist_ok=True)
    places[source].write_text(dumps(CONFIG)[:500])
    located = look(places)
    assert located.source is Source.LIBC
    assert located.error is not None
    assert str(places[source]) in str(located.error)
    assert dispatch.current() == dispatch.LIBC


def test_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    explicit = locate(MACHINE, tmp_path / "missing.toml", environment={})
    variable = locate(MACHINE, environment={VARIABLE: str(tmp_path / "missing.toml")})
    assert "No such file" in str(explicit.error)
    assert "No such file" in str(variable.error)


def test_found_config_is_in_force(places: dict[Source, Path]) -> None:
    save(CONFIG, places[Source.CACHE])
    look(places)
    near, always = dispatch.current().classes
    assert (near.mask, near.low, near.span, near.min_size) == (4095, 1, 15, 2112)
    assert [(rule.end, rule.kernel) for rule in always.rules] == [
        (65, "portable"),
        (1048577, "libc"),
        (None, "portable"),
    ]
    assert dispatch.choose(4096 + 3, 0, 4096) == "portable"
    assert dispatch.choose(4096 + 16, 0, 4096) == "libc"


def test_config_of_another_machine(places: dict[Source, Path]) -> None:
    save(OTHER, places[Source.EXPLICIT])
    located = look(places)
    assert located.config is None
    assert located.error is not None
    assert located.error.key == "machine.key"
    forced = look(places, force=True)
    assert forced.config == OTHER
    assert "forced" in forced.note


def test_reference_of_the_same_microarchitecture_holds(places: dict[Source, Path]) -> None:
    save(SIBLING, places[Source.REFERENCE])
    located = look(places)
    assert located.config == SIBLING
    assert "another zen4" in located.note
    places[Source.EXPLICIT].write_text(dumps(SIBLING))
    assert look(places).error is not None


def test_reference_of_another_microarchitecture_does_not(places: dict[Source, Path]) -> None:
    save(OTHER, places[Source.REFERENCE])
    assert look(places).error is not None


def test_policy_that_the_dispatcher_refuses(places: dict[Source, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    save(CONFIG, places[Source.CACHE])

    def refuse(_: Config) -> None:
        raise dispatch.PolicyError("full")

    monkeypatch.setattr(apply_module, "apply", refuse)
    located = look(places)
    assert (located.source, located.config) == (Source.LIBC, None)
    assert "full" in str(located.error)


def test_this_machine_has_a_key_that_a_config_can_hold(tmp_path: Path) -> None:
    machine = machine_key(detect())
    config = msgspec.structs.replace(CONFIG, machine=machine)
    save(config, tmp_path / "thresholds.toml")
    located = locate(machine, tmp_path / "thresholds.toml", environment={})
    assert located.config == config
    assert machine.key in thresholds_h(config)


def test_single_rule_of_libc(tmp_path: Path) -> None:
    policy = Policy((any_class(Rule(low=0, kernel="libc")),))
    apply(msgspec.structs.replace(CONFIG, policies=Policies(copy=policy)))
    assert dispatch.current() == dispatch.LIBC
