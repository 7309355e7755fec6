"""Random policies over this machine's kernels, and what a policy means, written a second time and plainly."""

from __future__ import annotations

from hypothesis import strategies as st

from kernels.copy import runnable
from kernels.dispatch import AlignmentClass, Rule, Table

ANY_SIZE = [kernel.name for kernel in runnable() if kernel.max_size > 1 << 40]
"""Kernels without a limit."""
LIMITED = {kernel.name: kernel.max_size for kernel in runnable() if kernel.max_size <= 1 << 40}

sizes = st.one_of(st.integers(0, 80), st.integers(0, 5000), st.integers(0, 2**40))


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    ends = sorted(draw(st.sets(st.integers(1, 6000), max_size=10)))
    drawn = [Rule(end, draw(kernels_up_to(end - 1))) for end in ends]
    return (*drawn, Rule(None, draw(st.sampled_from(ANY_SIZE))))


def kernels_up_to(size: int) -> st.SearchStrategy[str]:
    return st.sampled_from(ANY_SIZE + [name for name, limit in LIMITED.items() if limit >= size])


@st.composite
def conditional_classes(draw: st.DrawFn) -> AlignmentClass:
    mask = (1 << draw(st.integers(1, 20))) - 1
    low, span = draw(st.integers(0, mask)), draw(st.integers(1, mask))
    return AlignmentClass(draw(rules()), mask, low, span, draw(sizes))


tables = st.builds(
    lambda conditional, always: Table((*conditional, AlignmentClass(always))),
    st.lists(conditional_classes(), max_size=4),
    rules(),
)


def reference_choice(table: Table, dst: int, src: int, size: int) -> str | None:
    """The kernel that the policy's words ask for; None for scalar sizes."""
    if size <= 8:
        return None
    for entry in table.classes:
        if size >= entry.min_size and ((dst - src - entry.low) & entry.mask) < entry.span:
            return next(rule.kernel for rule in entry.rules if rule.end is None or size < rule.end)
    raise AssertionError("the last class holds always")
