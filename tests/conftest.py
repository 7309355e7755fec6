"""What holds for all tests: no deadline (tests never depend on a timing), and no test touches the user's cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(autouse=True, scope="session")
def _no_user_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Configs that tests install go to a folder of their own; compiled modules keep their cache."""
    folder = tmp_path_factory.mktemp("user-cache")
    patch = pytest.MonkeyPatch()
    patch.delenv("CROSSOVER_CONFIG", raising=False)
    patch.setattr("harness.config.locate.platformdirs.user_cache_path", lambda _name: folder)
    yield
    patch.undo()
