import errno
import os

import pytest

from harness.measure import journal
from harness.measure.journal import Event, Header, Journal, JournalError
from harness.measure.protocol import Job
from tests.measure.replies import ARMS, reply

HEADER = Header("run", ("copy",), 1, 30.0, 0, "", {"key": "k"}, "0.1", "abc", "python -m harness sweep", 0.0)
JOBS = [Job(f"copy/fixed,hot,page,once,1t/{size}", 0, 1, ARMS, 2, 1.0) for size in (64, 128, 256)]


@pytest.fixture
def run(tmp_path):
    with Journal.create(tmp_path / "run", HEADER) as log:
        for job in JOBS:
            log.reply(reply(job, {}))
        log.event(Event("avx2_u1 crashed", "avx2_u1"))
    return tmp_path / "run"


def test_what_is_written_is_read_back(run):
    contents = journal.read(run)
    assert contents.header == HEADER
    assert [each.block for each in contents.replies] == [job.block for job in JOBS]
    assert contents.replies[0] == reply(JOBS[0], {})
    assert contents.events == (Event("avx2_u1 crashed", "avx2_u1"),)
    assert contents.note == ""


@pytest.mark.parametrize("torn", [1, 5, 40])
def test_a_torn_last_line_is_dropped_and_cut_off(run, torn):
    path = run / journal.NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-torn])
    contents = journal.read(run)
    assert contents.events == ()
    assert "torn" in contents.note
    with Journal.reopen(run, contents) as log:
        log.event(Event("again"))
    assert journal.read(run).events == (Event("again"),)
    assert journal.read(run).note == ""


def test_a_damaged_line_elsewhere_is_an_error_with_its_number(run):
    path = run / journal.NAME
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"128", b"129")
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=r"journal.jsonl: line 3 is damaged; restore the file or sweep again"):
        journal.read(run)


@pytest.mark.parametrize(("content", "problem"), [(b"", "no header"), (b"hello\nworld\n", "line 1 is damaged")])
def test_a_foreign_file_is_refused(tmp_path, content, problem):
    (tmp_path / journal.NAME).write_bytes(content)
    with pytest.raises(JournalError, match=problem):
        journal.read(tmp_path)


def test_another_version_is_refused(tmp_path):
    with Journal.create(tmp_path / "run", HEADER) as log:
        log.event(Event("x"))
    path = tmp_path / "run" / journal.NAME
    first, rest = path.read_bytes().split(b"\n", 1)
    changed = journal._frame("header", {**_header_data(), "version": 99})
    path.write_bytes(changed + rest)
    with pytest.raises(JournalError, match="version 99"):
        journal.read(tmp_path / "run")
    assert first


def _header_data():
    from dataclasses import asdict

    return asdict(HEADER)


def test_no_journal_is_one_sentence(tmp_path):
    with pytest.raises(JournalError, match="cannot be read: No such file"):
        journal.read(tmp_path)


def test_a_run_is_never_written_over(run):
    with pytest.raises(JournalError, match="exists already; go on with it by --resume"):
        Journal.create(run, HEADER)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be written"):
        Journal.create(tmp_path / "file" / "run", HEADER)


def test_a_full_disk_loses_nothing_that_was_measured(run, monkeypatch):
    contents = journal.read(run)
    log = Journal.reopen(run, contents)
    monkeypatch.setattr(os, "write", _full)
    with pytest.raises(JournalError, match=r"No space left on device; what was measured before is safe.*--resume run"):
        log.reply(reply(JOBS[0], {}))
    monkeypatch.undo()
    assert len(journal.read(run).replies) == len(JOBS)


def _full(_descriptor, _data):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
