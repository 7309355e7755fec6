"""Which machine is this: processor, caches, libc, kernel, clock, memory; and the key that names it.

Everything is read from the operating system: nothing is assumed from the architecture's name. What cannot be read is
empty or zero, never guessed.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
CLOCKSOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
MEMINFO = Path("/proc/meminfo")

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
COPY_FEATURES = re.compile(r"sse|ssse|avx|bmi|erms|fsrm|fzrm|fsrs|movdir|prefetchw|3dnowprefetch|asimd|sve|mops")
"""Flags that can change how memory is moved. The others come and go with the kernel's version."""


@dataclass(frozen=True)
class Cache:
    """One level of data or unified cache, as the first CPU sees it."""

    level: int
    size: int
    """Bytes."""
    line: int
    """Bytes a line."""
    shared: int
    """How many CPUs share it."""


@dataclass(frozen=True)
class Machine:
    """The facts that decide whether a policy measured there holds here."""

    arch: str
    vendor: str
    family: int
    model: int
    stepping: int
    name: str
    """The processor's own name for itself."""
    features: tuple[str, ...]
    """The processor's feature flags, sorted."""
    caches: tuple[Cache, ...]
    libc: str
    kernel: str
    cpus: int
    """CPUs this process may run on."""
    memory: int
    """Bytes of RAM."""
    huge_pages: str
    """Transparent huge pages: always, madvise, never, or empty where unknown."""
    clock: str
    """The kernel's clock source."""
    cycle_ns: float
    """Nanoseconds of one clock cycle, at the frequency the system states (1.0 where it states none)."""
    microarchitecture: str
    """archspec's label. In a virtual machine it can be too coarse, so it is no part of the key."""

    @property
    def feature_hash(self) -> str:
        """Twelve hex digits of the feature flags that bear on copying."""
        relevant = [flag for flag in self.features if COPY_FEATURES.match(flag)]
        return hashlib.sha256(" ".join(relevant).encode()).hexdigest()[:12]

    @property
    def key(self) -> str:
        """Short stable name of what decides copy speed here: processor, features, caches and libc.

        Neither the kernel's version nor the amount of memory is in it: both are recorded, neither moves a crossover
        as a rule.
        """
        facts = (
            self.arch,
            self.vendor,
            self.family,
            self.model,
            self.stepping,
            self.feature_hash,
            [(cache.level, cache.size) for cache in self.caches],
            self.libc,
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def cache_size(self, level: int) -> int:
        """Bytes of the data cache at this level; 0 where there is none."""
        return max((cache.size for cache in self.caches if cache.level == level), default=0)

    @property
    def last_level_cache(self) -> int:
        """Bytes of the largest cache; 32 MiB where the system names none (virtual machines that hide them)."""
        return max((cache.size for cache in self.caches), default=32 << 20)

    def facts(self) -> dict[str, object]:
        """Everything as plain values for JSON, with the key."""
        return {"key": self.key, "feature_hash": self.feature_hash, **asdict(self)}


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(match[1]) * UNITS.get(match[2], 1) if match else 0


def _count(cpu_list: str) -> int:
    """Number of CPUs in a kernel list such as `0-3,8`."""
    ranges = (part.split("-") for part in cpu_list.split(",") if part)
    return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)


def read_caches(root: Path = CACHES) -> tuple[Cache, ...]:
    """Data and unified caches by level, from sysfs; empty where the system does not tell."""
    found = []
    for index in sorted(root.glob("index*")):
        if _read(index / "type") not in {"Data", "Unified"}:
            continue
        size = _size(_read(index / "size"))
        if size:
            found.append(
                Cache(
                    level=int(_read(index / "level") or 0),
                    size=size,
                    line=int(_read(index / "coherency_line_size") or 64),
                    shared=_count(_read(index / "shared_cpu_list")) or 1,
                )
            )
    return tuple(sorted(found, key=lambda cache: cache.level))


def parse_cpuinfo(text: str) -> dict[str, str]:
    """The first processor's entries of /proc/cpuinfo, x86 and Arm spellings as they are."""
    first = text.split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return 0


def _label() -> str:
    import archspec.cpu  # Slow to import, and only wanted here.

    try:
        return str(archspec.cpu.host().name)
    except Exception:  # A label only: archspec raises whatever its parsers meet on an unknown system.
        return platform.machine()


def libc_version() -> str:
    """Name and version of the C library, e.g. `glibc 2.36`."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except (ValueError, OSError):
        name, version = platform.libc_ver()
        return f"{name} {version}".strip() or "unknown"


def memory_available() -> int:
    """Bytes that can be allocated without swapping, now."""
    match = re.search(r"MemAvailable:\s+(\d+) kB", _read(MEMINFO))
    return int(match[1]) << 10 if match else os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def allowed_cpus() -> tuple[int, ...]:
    """CPUs that this process may run on, ascending."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


@functools.cache
def detect() -> Machine:
    """The machine this runs on."""
    info = parse_cpuinfo(_read(CPUINFO))
    frequency = float(info.get("cpu MHz") or 0)
    return Machine(
        arch=platform.machine(),
        vendor=info.get("vendor_id") or info.get("CPU implementer", ""),
        family=_integer(info.get("cpu family") or info.get("CPU architecture", "")),
        model=_integer(info.get("model") or info.get("CPU part", "")),
        stepping=_integer(info.get("stepping") or info.get("CPU revision", "")),
        name=info.get("model name") or platform.processor() or platform.machine(),
        features=tuple(sorted((info.get("flags") or info.get("Features", "")).split())),
        caches=read_caches(),
        libc=libc_version(),
        kernel=platform.release(),
        cpus=len(allowed_cpus()),
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        huge_pages=_bracketed(_read(THP)),
        clock=_read(CLOCKSOURCE),
        cycle_ns=1000 / frequency if frequency else 1.0,
        microarchitecture=_label(),
    )


def _bracketed(text: str) -> str:
    match = re.search(r"\[(\w+)\]", text)
    return match[1] if match else ""


def clock_resolution(samples: int = 200) -> float:
    """Smallest positive step seen between two readings of the monotonic clock, in nanoseconds."""
    steps = []
    for _ in range(samples):
        first = time.perf_counter_ns()
        second = time.perf_counter_ns()
        while second == first:
            second = time.perf_counter_ns()
        steps.append(second - first)
    return float(min(steps))
