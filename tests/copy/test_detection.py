"""Whether a variant is runnable is asked of the CPU and the operating system, not of the compiler."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable

import pytest
from checking import build, runner

from kernels.compiler import find_compiler

RunnableOn = Callable[[str], set[str]]

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs a native x86-64 compiler")


@pytest.fixture(scope="module")
def runnable_on(tmp_path_factory: pytest.TempPathFactory) -> RunnableOn:
    """Instruction sets that the table calls runnable on a CPU that qemu-user plays; it has no AVX-512."""
    qemu = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("qemu-x86_64-static (Debian: qemu-user-static) is missing")
    output = tmp_path_factory.mktemp("detect") / "check"
    build(find_compiler().command, ("-static",), output)

    def ask(cpu: str) -> set[str]:
        rows = (line.split() for line in runner(qemu, "-cpu", cpu, output)("list").stdout.splitlines())
        return {isa for _, isa, runnable in rows if runnable == "1"}

    return ask


def test_an_old_cpu_runs_sse2_only(runnable_on: RunnableOn) -> None:
    assert runnable_on("Nehalem") == {"any", "x86_64", "sse2"}


def test_a_cpu_with_avx2_but_not_avx512(runnable_on: RunnableOn) -> None:
    assert runnable_on("max") == {"any", "x86_64", "sse2", "avx2"}


def test_avx2_that_the_operating_system_does_not_save_is_not_runnable(runnable_on: RunnableOn) -> None:
    assert "avx2" not in runnable_on("max,xsave=off")
