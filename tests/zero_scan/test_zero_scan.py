"""Every zero-scan kernel against a reference, natively, under sanitizers and under emulation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.config.load import load
from harness.config.locate import cache_path
from harness.config.schema import machine_key
from harness.config.write import save
from harness.machine import detect
from harness.measure.protocol import Job
from harness.measure.runner import run_packet
from harness.zero_scan import page_kernel
from kernels import zero_scan
from kernels.copy import NotRunnable, UnknownKernel
from kernels.vm.machine import Machine
from kernels.vm.snapshot import save as save_machine
from tests.config.config_examples import CONFIG
from tests.conftest import Ran
from tests.measure.test_runner import SETUP

KERNELS = Path(zero_scan.__file__).parents[1]
HERE = [kernel.name for kernel in zero_scan.runnable()]
SOURCES = [*sorted((KERNELS / "zero_scan").glob("*.c")), *sorted((KERNELS / "copy").glob("*.c"))]
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(compiler: list[str], output: Path) -> Path:
    flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", f"-I{KERNELS}"]
    files = [str(path) for path in (Path(__file__).parent / "check.c", *SOURCES)]
    subprocess.run([*compiler, *flags, *files, "-o", str(output)], check=True)
    return output


def test_there_are_variants_for_this_machine() -> None:
    assert {"libc", "any_u1", "any_u4_sampled"} <= set(HERE)
    assert len(zero_scan.table()) > 25
    assert all(zero_scan.address(name) and zero_scan.timed_address(name) for name in HERE)


@pytest.mark.sanitizer
def test_all_sizes_offsets_and_places_under_sanitizers(tmp_path: Path) -> None:
    program = build(["cc", *SANITIZED], tmp_path / "check")
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.aarch64
@pytest.mark.skipif(shutil.which("qemu-aarch64-static") is None, reason="qemu-user is not installed")
def test_the_arm_kernels_under_emulation(tmp_path: Path) -> None:

    program = build(
        [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-static"], tmp_path / "arm"
    )
    done = subprocess.run(["qemu-aarch64-static", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@given(size=st.integers(0, 20_000), offset=st.integers(0, 63), place=st.integers(0, 19_999), name=st.sampled_from(HERE))
def test_one_byte_decides(size: int, offset: int, place: int, name: str) -> None:
    memory = np.full(offset + size + 64, 255, dtype=np.uint8)
    data = memory[offset : offset + size]
    data[:] = 0
    assert zero_scan.is_zero(name, data)
    if size:
        data[place % size] = 1
        assert not zero_scan.is_zero(name, data)


def test_unknown_and_unrunnable_kernels_are_one_sentence() -> None:
    with pytest.raises(UnknownKernel, match="there is no zero-scan kernel 'avx9'"):
        zero_scan.address("avx9")
    absent = [kernel.name for kernel in zero_scan.table() if not kernel.runnable]
    with pytest.raises(NotRunnable, match="needs"):
        zero_scan.address(absent[0])


def test_a_worker_times_them() -> None:
    job = Job("zero_scan/fixed,hot,independent,once,1t/4096", 0, 1, ("libc", "libc@aa", *HERE), 3, 20.0)
    (reply,) = run_packet(SETUP, [job])
    fastest = min(ns for row in reply.ns for ns in row)
    assert fastest > 4096 / 500


def test_a_sweep_writes_its_policy_beside_the_copies(tmp_path: Path, harness: Callable[..., Ran]) -> None:
    command = ["sweep", "zero_scan", "--fast", "--budget", "4s", "--json", "--output"]
    here = machine_key(detect())
    missing = harness(*command, tmp_path / "first")
    assert (missing.code, missing.out) == (3, "")
    assert "measure the copies first" in missing.err
    path = cache_path(here)
    save(replace(CONFIG, machine=here), path)
    try:
        done = harness(*command, tmp_path / "second")
        assert done.code == 0, done.err
        config = load(path)
        assert config.policies.copy == CONFIG.policies.copy
        assert config.policies.zero_scan is not None
        assert page_kernel(config) in HERE
        assert json.loads(done.out)["config"] == str(path)
    finally:
        path.unlink()
    assert page_kernel(CONFIG) is None


def test_a_machine_finds_zero_pages_by_the_kernel_it_is_given() -> None:
    with Machine(ram=1 << 20) as machine:
        machine.memory[70_000] = 1
        expected = save_machine(machine)
        for name in HERE:
            machine.set_zero_scan(zero_scan.address(name))
            assert len(save_machine(machine)) == len(expected)
