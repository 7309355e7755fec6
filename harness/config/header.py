"""`thresholds.h`: a policy as constants, over which `dispatch/specialised.h` makes a dispatcher."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.config.schema import AlignmentClass, Config, Rule

SCALAR_MAX: Final = 8
"""Copies up to here are scalar under every policy: `XO_SCALAR_MAX` in C."""
NO_END: Final = "SIZE_MAX"


def thresholds_h(config: Config) -> str:
    """The header: include it, link the kernels, call `crossover_copy` and `crossover_move`."""
    *conditional, always = config.policy.classes
    class_min = min((_min_size(entry) for entry in conditional), default=None)
    direct = next(rule for rule in always.rules if rule.high is None or rule.high > SCALAR_MAX + 1)
    lines = [
        "/* Which copy kernel serves which sizes: generated from a thresholds.toml, not to be edited.",
        f"   Machine {config.machine.key} ({config.machine.label}), {config.provenance.created:%Y-%m-%d}. */",
        "#ifndef CROSSOVER_THRESHOLDS_H",
        "#define CROSSOVER_THRESHOLDS_H",
        "#include <stdint.h>",
        "",
        f"#define CROSSOVER_SCHEMA_VERSION {config.schema_version}",
        f'#define CROSSOVER_MACHINE_KEY "{config.machine.key}"',
        *_headline(config),
        "",
        "/* Sizes up to DIRECT_LAST take one jump; from CLASS_MIN on the alignment classes are asked. */",
        f"#define CROSSOVER_DIRECT_LAST {_direct_last(direct, class_min)}",
        f"#define CROSSOVER_DIRECT(KERNEL) KERNEL({direct.kernel})",
        f"#define CROSSOVER_CLASS_MIN {_constant(class_min)}",
        "",
        "/* RULE(end, kernel) serves the sizes below end, LAST(kernel) the rest. */",
        *(_rules_macro(entry) for entry in config.policy.classes),
        "",
        "/* CLASS(name, mask, low, span, min_size): ((dst - src - low) & mask) < span. */",
        f"#define CROSSOVER_CLASSES(CLASS){_joined(_class(entry) for entry in conditional)}",
        "",
        "/* Every kernel that is named above, but for libc's. */",
        f"#define CROSSOVER_KERNELS(KERNEL){_joined(f'KERNEL({name})' for name in _kernels(config))}",
        "",
        '#include "dispatch/specialised.h"',
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _headline(config: Config) -> Iterable[str]:
    """Defined only where there is such a size, so that a program can ask with #ifdef."""
    crossover = config.headline.simd_stdlib_crossover
    if crossover is not None:
        yield f"#define CROSSOVER_SIMD_STDLIB_CROSSOVER {_constant(crossover)}"


def _direct_last(rule: Rule, class_min: int | None) -> str:
    """The last size that the first rule serves before another rule or a class can."""
    ends = [end for end in (rule.high, class_min) if end is not None]
    return _constant(min(ends) - 1) if ends else NO_END


def _rules_macro(entry: AlignmentClass) -> str:
    *bounded, last = entry.rules
    rules = [f"RULE({_constant(rule.high)}, {rule.kernel})" for rule in bounded]
    return f"#define CROSSOVER_RULES_{entry.name}(RULE, LAST){_joined([*rules, f'LAST({last.kernel})'])}"


def _class(entry: AlignmentClass) -> str:
    numbers = ", ".join(_constant(value) for value in (entry.mask, entry.low, entry.span, _min_size(entry)))
    return f"CLASS({entry.name}, {numbers})"


def _min_size(entry: AlignmentClass) -> int:
    """Above the scalar sizes, which no class sees: compilers warn of `n >= 0`."""
    return max(entry.min_size, SCALAR_MAX + 1)


def _kernels(config: Config) -> list[str]:
    named = {rule.kernel for entry in config.policy.classes for rule in entry.rules}
    return sorted(named - {"libc"})


def _constant(value: int | None) -> str:
    """A `size_t` that compares with one without a warning."""
    return NO_END if value is None else f"((size_t){value})"


def _joined(items: Iterable[str]) -> str:
    """The items one a line, as the body of a macro."""
    return "".join(f" \\\n    {item}" for item in items)
