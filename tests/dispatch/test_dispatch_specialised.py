"""The dispatcher with thresholds as constants: the same choices as the table's, the same bytes."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from policies import reference_choice
from programs import HERE, KERNELS, compile_c, run

from harness.config.header import thresholds_h
from harness.config.load import load
from harness.config.schema import AlignmentClass, Config, Policies, Policy, Rule
from kernels import copy, dispatch
from kernels._native import ffi
from kernels.compiler import BuildError

SAMPLE = HERE.parent / "config" / "data" / "version1.toml"


@pytest.fixture(scope="module")
def config() -> Config:
    return load(SAMPLE)


def with_policy(config: Config, policy: Policy) -> Config:
    return msgspec.structs.replace(config, policies=Policies(copy=policy))


def random_rules(rng: random.Random, low: int) -> tuple[Rule, ...]:
    cuts = [
        low,
        *sorted({low + rng.choice((1, 8, 56, 57, rng.randrange(1, 9000))) for _ in range(rng.randrange(5))}),
    ]
    highs = [*cuts[1:], None]
    return tuple(
        Rule(low=low, high=high, kernel=f"kernel_{rng.randrange(4)}") for low, high in zip(cuts, highs, strict=True)
    )


def random_policy(seed: int) -> Policy:
    """Policies of kernels that need not exist."""
    rng = random.Random(seed)
    classes = []
    for i in range(rng.randrange(3)):
        mask, min_size = rng.choice((15, 4095, 65535)), rng.choice((0, 9, 100, 2112))
        classes.append(
            AlignmentClass(
                name=f"class_{i}",
                mask=mask,
                low=rng.randrange(mask + 1),
                span=rng.randrange(1, mask + 1),
                min_size=min_size,
                rules=random_rules(rng, min_size),
            )
        )
    always = AlignmentClass(name="any", mask=0, low=0, span=1, min_size=0, rules=random_rules(rng, 0))
    return Policy((*classes, always))


@pytest.mark.parametrize("seed", range(8))
def test_choices_are_the_policys(seed: int, config: Config, tmp_path: Path) -> None:
    rng = random.Random(seed)
    policy = random_policy(seed)
    (tmp_path / "thresholds.h").write_text(thresholds_h(with_policy(config, policy)))
    program = compile_c("cc", tmp_path / "choices", [HERE / "choices.c"], f"-I{tmp_path}", f"-I{KERNELS}")
    edges = {edge for entry in policy.classes for rule in entry.rules for edge in (rule.low, rule.high or 0)}
    sizes = [max(edge + step, 0) for edge in edges for step in (-1, 0, 1)] + list(range(70))
    copies = [(rng.randrange(2**20), rng.randrange(2**20), size) for size in sizes for _ in range(8)]
    answers = run(program, stdin="".join(f"{dst} {src} {size}\n" for dst, src, size in copies)).split()
    table = dispatch.table_from(msgspec.to_builtins(policy))
    assert answers == [reference_choice(table, *case) or "scalar" for case in copies]


def test_specialised_in_this_process_copies_and_moves(config: Config) -> None:
    specialised = dispatch.specialise(thresholds_h(config))
    call, move = (ffi.cast("xo_copy_fn", where) for where in (specialised.address, specialised.move_address))
    source = random.Random(2).randbytes(6000)
    for size in [*range(300), *range(2000, 2200, 7), 4097, 5900]:
        target = bytearray(6100)
        base = ffi.from_buffer(target)
        call(base + 13, ffi.from_buffer(source), size)
        assert target == bytes(13) + source[:size] + bytes(6100 - 13 - size)
        buffer = bytearray(source)
        base = ffi.from_buffer(buffer)
        assert move(base + 5, base, size) == base + 5
        assert buffer == source[:5] + source[:size] + source[5 + size :]


def test_second_specialisation_builds_nothing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    header = thresholds_h(config)
    dispatch.specialise(header)
    monkeypatch.setattr("kernels.toolchain.build_extension", None)
    assert dispatch.specialise(header).address


def test_text_that_is_no_header_is_refused() -> None:
    with pytest.raises(dispatch.PolicyError, match="no thresholds"):
        dispatch.specialise("int x;")


def test_header_that_does_not_compile_is_refused() -> None:
    with pytest.raises(BuildError):
        dispatch.specialise("#define CROSSOVER_CLASSES(CLASS) nonsense")


def test_header_of_kernels_that_cannot_run_here_is_refused(config: Config) -> None:
    header = thresholds_h(config)
    missing = next(kernel.name for kernel in copy.table() if not kernel.runnable)
    with pytest.raises(copy.NotRunnable, match=missing):
        dispatch.specialise(f"{header}\n// KERNEL({missing})")
    with pytest.raises(copy.UnknownKernel, match="no_such"):
        dispatch.specialise(f"{header}\n// KERNEL(no_such)")
