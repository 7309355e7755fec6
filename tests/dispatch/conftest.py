from __future__ import annotations

from collections.abc import Iterator

import pytest

from kernels import dispatch


@pytest.fixture(autouse=True)
def _libc_again() -> Iterator[None]:
    """Every test begins and leaves with libc in force."""
    dispatch.reset()
    yield
    dispatch.reset()
