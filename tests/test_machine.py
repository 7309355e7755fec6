"""Facts of machines that are not this one, from their own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import machine
from harness.machine import Cache, detect, parse_cpuinfo, read_caches

ZEN4 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9654 96-Core Processor
stepping\t: 1
cpu MHz\t\t: 2400.000
flags\t\t: fpu sse2 avx2 avx512f erms fsrm

processor\t: 1
vendor_id\t: other
"""
GRAVITON = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd sve
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Detects a machine from texts: cpuinfo, and cache folders as (type, level, size, shared CPUs)."""

    def build(cpuinfo: str, caches: list[tuple[str, int, str, str]]) -> machine.Machine:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        for index, (kind, level, size, shared) in enumerate(caches):
            folder = tmp_path / "cache" / f"index{index}"
            folder.mkdir(parents=True)
            for name, value in (("type", kind), ("level", level), ("size", size), ("shared_cpu_list", shared)):
                (folder / name).write_text(f"{value}\n")
        (tmp_path / "thp").write_text("always [madvise] never\n")
        monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(machine, "CACHES", tmp_path / "cache")
        monkeypatch.setattr(machine, "THP", tmp_path / "thp")
        monkeypatch.setattr(machine, "read_caches", lambda: read_caches(tmp_path / "cache"))
        detect.cache_clear()
        return detect()

    yield build
    detect.cache_clear()


L1 = ("Data", 1, "32K", "0,64")
L1I = ("Instruction", 1, "32K", "0,64")
L2 = ("Unified", 2, "1024K", "0,64")
L3 = ("Unified", 3, "32M", "0-7,64-71")


def test_an_x86_machine(fake) -> None:
    here = fake(ZEN4, [L1, L1I, L2, L3])
    assert (here.vendor, here.family, here.model, here.stepping) == ("AuthenticAMD", 25, 17, 1)
    assert here.name == "AMD EPYC 9654 96-Core Processor"
    assert here.caches == (Cache(1, 32 << 10, 64, 2), Cache(2, 1 << 20, 64, 2), Cache(3, 32 << 20, 64, 16))
    assert here.last_level_cache == 32 << 20
    assert here.cache_size(4) == 0
    assert here.cycle_ns == pytest.approx(1 / 2.4)
    assert here.huge_pages == "madvise"
    assert "avx512f" in here.features


def test_an_arm_machine(fake) -> None:
    here = fake(GRAVITON, [])
    assert (here.vendor, here.family, here.model, here.stepping) == ("0x41", 8, 0xD40, 1)
    assert here.features == ("asimd", "fp", "sve")
    assert here.cycle_ns == 1.0
    assert here.last_level_cache == 32 << 20


def test_a_system_that_tells_nothing(fake) -> None:
    here = fake("", [("Unified", 2, "lots", "")])
    assert (here.vendor, here.family, here.features, here.caches) == ("", 0, (), ())
    assert len(here.key) == 16


def test_the_key_tells_machines_apart_and_nothing_else(fake, tmp_path: Path) -> None:
    zen = fake(ZEN4, [L1, L2, L3])
    busy = machine.Machine(**{**vars_of(zen), "memory": 1, "kernel": "9.9", "cycle_ns": 7.0, "cpus": 3})
    other_cache = machine.Machine(**{**vars_of(zen), "caches": zen.caches[:2]})
    other_libc = machine.Machine(**{**vars_of(zen), "libc": "musl 1.2"})
    other_flags = machine.Machine(**{**vars_of(zen), "features": ("fpu", "sse2")})
    more_flags = machine.Machine(**{**vars_of(zen), "features": (*zen.features, "smep")})
    assert zen.key == busy.key == more_flags.key
    assert len({zen.key, other_cache.key, other_libc.key, other_flags.key}) == 4
    assert zen.facts()["key"] == zen.key


def vars_of(here: machine.Machine) -> dict[str, object]:
    return {name: getattr(here, name) for name in here.__dataclass_fields__}


def test_only_the_first_processor_counts() -> None:
    assert parse_cpuinfo(ZEN4)["vendor_id"] == "AuthenticAMD"
    assert parse_cpuinfo("nonsense") == {}


def test_this_machine() -> None:
    here = detect()
    assert here.cpus == len(machine.allowed_cpus()) > 0
    assert 0 < machine.memory_available() <= here.memory
    assert machine.clock_resolution(20) > 0
    assert machine.libc_version()


def test_memory_without_a_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "none")
    assert machine.memory_available() > 0
