from __future__ import annotations

from collections.abc import Iterator

import pytest

from kernels import dispatch


@pytest.fixture(autouse=True)
def _libc_again() -> Iterator[None]:
    """Every test leaves with libc in force."""
    yield
    dispatch.reset()
