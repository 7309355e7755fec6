"""Writing a config: all of it or nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest
from config_examples import CONFIG

from harness.config.errors import ConfigError
from harness.config.load import load
from harness.config.schema import Headline
from harness.config.write import save


def test_saved_config_loads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "thresholds.toml"
    save(CONFIG, path)
    assert load(path) == CONFIG
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_invalid_config_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    with pytest.raises(ConfigError, match="must say why"):
        save(msgspec.structs.replace(CONFIG, headline=Headline()), path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "free some"), (errno.EIO, "another place")],
)
def test_failure_leaves_the_old_file(code: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=remedy):
        save(CONFIG, path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file is the device that is always full."""
    path = tmp_path / "thresholds.toml"
    path.write_text("old")
    (tmp_path / f".thresholds.toml.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="free some space"):
        save(CONFIG, path)
    assert path.read_text() == "old"


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="could not be written"):
        save(CONFIG, tmp_path / "file" / "thresholds.toml")
