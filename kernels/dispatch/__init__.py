"""The adaptive dispatcher: a copy that obeys the policy in force, for this process and any thread in it.

At start libc serves every size. `install` puts a table in force at once, also while other threads copy; a
table that is malformed or names a kernel that this CPU cannot run is refused, and the one in force stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from kernels._native import ffi, lib
from kernels.copy import get, table
from kernels.dispatch.policy import LIBC, AlignmentClass, PolicyError, Rule, Table, table_from
from kernels.dispatch.specialised import Specialised, specialise

__all__ = [
    "LIBC",
    "AlignmentClass",
    "PolicyError",
    "Rule",
    "Specialised",
    "Table",
    "address",
    "choose",
    "current",
    "install",
    "install_config",
    "move_address",
    "reset",
    "specialise",
    "table_from",
]

SIZE_MAX: Final[int] = 2 ** (8 * ffi.sizeof("size_t")) - 1
MAX_CLASSES: Final[int] = lib.XO_MAX_CLASSES
MAX_RULES: Final[int] = lib.XO_MAX_RULES
"""In one class."""


def address() -> int:
    """Where `xo_copy` lies in this process: `void *(*)(void *, const void *, size_t)`, memcpy's contract."""
    return int(ffi.cast("uintptr_t", lib.xo_copy_address()))


def move_address() -> int:
    """Where `xo_move` lies in this process: memmove's contract."""
    return int(ffi.cast("uintptr_t", lib.xo_move_address()))


def install(policy: Table) -> None:
    """Puts a policy in force.

    Raises:
        PolicyError: it is malformed; the one in force stays.
        UnknownKernel: a rule names a kernel that this build does not have.
    """
    keep: list[Any] = []
    try:
        classes = [_class(entry, keep) for entry in policy.classes]
        native = ffi.new("struct xo_policy *", {"class_count": len(classes)})
        native.classes = pinned = ffi.new("struct xo_class[]", classes)
    except OverflowError:
        raise PolicyError(f"a size or a mask of the policy lies outside 0 to {SIZE_MAX}") from None
    keep.append(pinned)
    status = lib.xo_policy_install(native)
    if status != lib.XO_OK:
        raise PolicyError(f"the policy was refused: {_text(lib.xo_status_text(status))}")


def install_config(path: str | Path) -> None:
    """Puts the copy policy of a `thresholds.toml` in force, on whatever machine that was measured.

    For programs that have `kernels` but not `harness`, whose `config.apply` also checks the machine.

    Raises:
        PolicyError: the file cannot be read or holds no valid policy; the one in force stays.
        UnknownKernel: a rule names a kernel that this build does not have.
    """
    import tomllib  # Needed here only, and a quarter of this module's import time.

    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise PolicyError(f"{path} is no TOML: {error}") from None
    policies = document.get("policies")
    if not isinstance(policies, dict) or not isinstance(policies.get("copy"), dict):
        raise PolicyError(f"{path} has no section [policies.copy]")
    install(table_from(policies["copy"]))


def reset() -> None:
    """Has libc serve every size, as at start."""
    lib.xo_policy_reset()


def current() -> Table:
    """The policy in force."""
    native = lib.xo_policy_current()
    return Table(tuple(_read_class(native.classes[i]) for i in range(native.class_count)))


def choose(dst: int, src: int, size: int) -> str | None:
    """The kernel that a copy of `size` bytes between these addresses would use now; None for scalar moves."""
    index = lib.xo_choose(ffi.cast("void *", dst), ffi.cast("void *", src), size)
    return None if index == lib.XO_NO_KERNEL else table()[index].name


def _class(entry: AlignmentClass, keep: list[Any]) -> dict[str, Any]:
    """The class as cffi initialises a struct; what it points to is added to `keep`."""
    rules = [
        {"end": SIZE_MAX if rule.end is None else rule.end, "kernel": table().index(get(rule.kernel))}
        for rule in entry.rules
    ]
    pinned = ffi.new("struct xo_rule[]", rules)
    keep.append(pinned)
    return {
        "mask": entry.mask,
        "low": entry.low,
        "span": entry.span,
        "min_size": entry.min_size,
        "rules": pinned,
        "rule_count": len(rules),
    }


def _read_class(native: Any) -> AlignmentClass:
    ends = (native.rules[i].end for i in range(native.rule_count))
    names = (table()[native.rules[i].kernel].name for i in range(native.rule_count))
    rules = tuple(Rule(None if end == SIZE_MAX else end, name) for end, name in zip(ends, names, strict=True))
    return AlignmentClass(rules, native.mask, native.low, native.span, native.min_size)


def _text(native: Any) -> str:
    return bytes(ffi.string(native)).decode()
