"""What `thresholds.toml` holds, as frozen types: schema version 1.

`[policies.copy]` is the policy of the copy family; another family (a zero scan, a compare) is one more
optional field of `Policies`, so that a file of today stays valid. The types check only what one field can
say; `harness.config.validate` checks what they say together.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta, Struct

if TYPE_CHECKING:
    from harness.machine import Machine

SCHEMA_VERSION: Final = 1
ANY: Final = "any"
"""Name of the class that holds always and comes last."""
FILE_NAME: Final = "thresholds.toml"
MAX_CLASSES: Final = 16
MAX_RULES: Final = 32
"""In one class; both as in the C dispatcher."""

LARGEST_SIZE: Final = 2**63 - 1
"""Bytes; what TOML's integers and the C dispatcher's sizes both hold."""

Bytes = Annotated[int, Meta(ge=0, le=LARGEST_SIZE)]
Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,64}$")]
Percent = Annotated[float, Meta(ge=-100.0)]
UtcTime = Annotated[datetime, Meta(tz=True)]


class Caches(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of the data caches in bytes, as one core sees them; 0 where there is none or it is unknown."""

    l1d: Bytes = 0
    l2: Bytes = 0
    l3: Bytes = 0


class MachineKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which machine a policy was measured on: the facts of `harness.machine.Machine` that a config keeps."""

    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,64}$")]
    """`Machine.key`: a hash over what decides copy speed."""
    label: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")]
    """Microarchitecture, e.g. `zen4`: coarser than the key. Names a folder of results."""
    arch: str
    """As `platform.machine()` says, e.g. `x86_64`."""
    vendor: str
    family: int
    model: int
    stepping: int
    feature_hash: str
    """Hash over the CPU's feature flags."""
    model_name: str = ""
    libc: str = ""
    """Name and version, e.g. `glibc 2.36`: another libc is another baseline."""
    kernel_version: str = ""
    """Recorded but not in the key: a kernel update moves no crossover of copies in user space."""
    caches: Caches = Caches()


def machine_key(machine: Machine) -> MachineKey:
    """What a config keeps of a detected machine."""
    label = re.sub(r"[^A-Za-z0-9_.+-]", "_", machine.microarchitecture).lstrip("_.+-")[:64]
    return MachineKey(
        key=machine.key,
        label=label or machine.arch,
        arch=machine.arch,
        vendor=machine.vendor,
        family=machine.family,
        model=machine.model,
        stepping=machine.stepping,
        feature_hash=machine.feature_hash,
        model_name=machine.name,
        libc=machine.libc,
        kernel_version=machine.kernel,
        caches=Caches(l1d=machine.cache_size(1), l2=machine.cache_size(2), l3=machine.cache_size(3)),
    )


class Provenance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a config came to be."""

    harness_version: str
    git_commit: str = ""
    run_id: str = ""
    created: UtcTime
    command: str = ""
    margin_percent: Percent
    """Gains inside it were called ties."""
    confidence: Annotated[float, Meta(gt=0.0, lt=1.0)]
    noise_percent: Percent
    """The A/A arm's error at its 95th percentile."""
    budget_seconds: Annotated[float, Meta(ge=0.0)] = 0.0


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Sizes low <= n < high go to one kernel.

    Gains are libc's time over the kernel's, less one, in percent; absent where the kernel is libc itself.
    """

    low: Bytes
    high: Bytes | None = None
    """Absent in the file where there is no end."""
    kernel: Name
    gain: Percent | None = None
    gain_low: Percent | None = None
    gain_high: Percent | None = None
    processes: Count = 0
    """Fresh processes that measured it."""
    blocks: Count = 0
    """Blocks that the decision rests on."""
    decided_by: str = ""
    """Why this kernel, in a few words."""


class AlignmentClass(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Copies of `min_size` bytes or more with ((dst - src - low) & mask) < span, and their rules.

    The rules cover every size from `min_size` on. The class `any` holds always: its mask, low and
    min_size are 0, its span is 1.
    """

    name: Name
    mask: Bytes
    low: Bytes
    span: Bytes
    min_size: Bytes
    rules: tuple[Rule, ...]


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """Classes in the order in which they are tried; `any` is last."""

    classes: tuple[AlignmentClass, ...]


class Policies(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One policy a family of kernels."""

    copy: Policy
    zero_scan: Policy | None = None
    """Absent where `sweep zero_scan` has not run."""


class Headline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The plain number people ask for, with its interval, or a note that says why there is none."""

    simd_stdlib_crossover: Bytes | None = None
    """Size in bytes from which libc overtakes the best SIMD kernel at independent offsets."""
    low: Bytes | None = None
    high: Bytes | None = None
    note: str = ""


class Hazard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a kernel is far slower than the best one: sizes size_low <= n < size_high under a predicate.

    The predicate is a class's; mask and low 0, span 1 where it does not depend on alignment.
    """

    kernel: Name
    mask: Bytes
    low: Bytes
    span: Bytes
    size_low: Bytes
    size_high: Bytes
    slowdown: Annotated[float, Meta(gt=0.0)]
    """The kernel's time over the best kernel's."""
    slowdown_low: Annotated[float, Meta(gt=0.0)]
    slowdown_high: Annotated[float, Meta(gt=0.0)]


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `thresholds.toml`."""

    schema_version: int = SCHEMA_VERSION
    headline: Headline
    provenance: Provenance
    machine: MachineKey
    policies: Policies
    hazards: tuple[Hazard, ...] = ()

    @property
    def policy(self) -> Policy:
        """The copy family's policy."""
        return self.policies.copy


def libc_policy() -> Policy:
    """Libc for every size: what serves where nothing better is known."""
    rules = (Rule(low=0, kernel="libc"),)
    return Policy((AlignmentClass(name=ANY, mask=0, low=0, span=1, min_size=0, rules=rules),))
