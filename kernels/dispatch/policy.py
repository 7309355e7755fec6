"""A policy as the dispatcher takes it: classes of alignment, each with ascending rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernels.errors import KernelError


class PolicyError(KernelError):
    """The dispatcher refused a policy; the one in force stays."""


@dataclass(frozen=True)
class Rule:
    """Sizes below `end` bytes, and not below the previous rule's end, go to `kernel`."""

    end: int | None
    """None where there is no end: in a class's last rule."""
    kernel: str


@dataclass(frozen=True)
class AlignmentClass:
    """Copies of `min_size` bytes or more with ((dst - src - low) & mask) < span, and their rules.

    The defaults hold always, as the last class of a table must.
    """

    rules: tuple[Rule, ...]
    mask: int = 0
    low: int = 0
    span: int = 1
    min_size: int = 0


@dataclass(frozen=True)
class Table:
    """Classes in the order in which they are tried."""

    classes: tuple[AlignmentClass, ...]


LIBC = Table((AlignmentClass((Rule(None, "libc"),)),))
"""What is in force at start and after a reset."""


def table_from(policy: Mapping[str, Any]) -> Table:
    """The table of a policy written as plain mappings and lists, as in a config's `[policies.copy]`.

    Raises:
        PolicyError: a field is missing or of the wrong kind.
    """
    try:
        return Table(tuple(_class_from(entry) for entry in policy["classes"]))
    except KeyError as error:
        raise PolicyError(f"the policy lacks the field {error}") from None
    except (TypeError, AttributeError):
        raise PolicyError("the policy is no list of classes with rules of sizes and kernels") from None


def _class_from(entry: Mapping[str, Any]) -> AlignmentClass:
    rules = tuple(_rule_from(rule) for rule in entry["rules"])
    mask, low, span, min_size = (_integer(entry[name]) for name in ("mask", "low", "span", "min_size"))
    return AlignmentClass(rules, mask, low, span, min_size)


def _rule_from(entry: Mapping[str, Any]) -> Rule:
    return Rule(_integer(entry["high"]) if "high" in entry else None, str(entry["kernel"]))


def _integer(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise TypeError(f"{value!r} is no integer")
