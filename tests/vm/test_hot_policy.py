"""A running machine obeys a policy that is swapped under it, without a race or a wrong byte."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from kernels import dispatch
from kernels.dispatch import AlignmentClass, Rule, Table
from kernels.vm.build_ffi import ROOT, sources
from kernels.vm.guest import build
from kernels.vm.machine import Machine, Mode, Stop

KERNELS = ROOT.parent


@pytest.mark.sanitizer
@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
def test_swaps_under_the_thread_sanitizer(tmp_path: Path) -> None:
    files = [*sources(), *sorted((KERNELS / "copy").glob("*.c")), *sorted((KERNELS / "dispatch").glob("*.c"))]
    flags = ["-std=gnu11", "-O1", "-g", "-fno-strict-aliasing", "-fsanitize=thread", "-pthread", f"-I{KERNELS}"]
    program = tmp_path / "hot"
    command = ["clang", *flags, str(Path(__file__).parent / "hot.c"), *map(str, files), "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True)
    if "libclang_rt" in built.stderr:
        pytest.skip("clang's sanitizer runtimes are not installed")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_guest_goes_on_while_its_policy_changes(tmp_path: Path) -> None:
    def table(end: int) -> Table:
        return Table((AlignmentClass((Rule(end, "portable"), Rule(None, "libc"))),))

    stop = threading.Event()

    def swap() -> None:
        end = 100
        while not stop.is_set():
            dispatch.install(table(end))
            end = 100 + (end + 37) % 500

    swapper = threading.Thread(target=swap)
    with Machine(ram=16 << 20, copy_address=dispatch.address()) as machine:
        machine.load_elf(build("faults", tmp_path), Mode.SUPERVISOR)
        swapper.start()
        try:
            reason = machine.run(1_000_000_000)
        finally:
            stop.set()
            swapper.join()
            dispatch.reset()
        assert (reason, machine.exit_code) == (Stop.EXIT, 0)
        assert machine.paths()["guest_copy"].calls == 16 * 256
