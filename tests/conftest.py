"""What holds for all tests: no deadline (tests never depend on a timing), and no test touches the user's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from experiments import Tier
from harness import machine, sweep
from harness.cli import main
from harness.sweep import Request, Result
from kernels import cache

settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(autouse=True, scope="session")
def _no_user_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Configs that tests install go to a folder of their own; compiled modules keep their cache."""
    patch = pytest.MonkeyPatch()
    patch.delenv("CROSSOVER_CONFIG", raising=False)
    patch.setenv(cache.VARIABLE, str(cache.directory().parent))
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user-cache")))
    yield
    patch.undo()


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Calls `python -m harness` with these arguments in this process."""

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr("sys.argv", ["harness", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        seen = capsys.readouterr()
        return Ran(int(ended.value.code or 0), seen.out, seen.err)

    return run


KERNELS = "u4_aligned|portable|rep_movsb$|masked64"
"""Filter of a sweep in miniature."""


def miniature(folder: Path, budget: float = 8.0) -> Request:
    """A sweep of a few kernels and seconds."""
    return Request("copy", Tier.FAST, budget, KERNELS, folder, "python -m harness sweep copy --fast", install=False)


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A real sweep in miniature, made once for all tests."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    steps: set[str] = set()
    done = sweep.sweep(miniature(folder), machine.detect(), lambda step, _progress: steps.add(step))
    assert "measure" in steps
    assert "verify" in steps
    return done
