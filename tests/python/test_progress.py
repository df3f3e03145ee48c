"""Progress of long calls: on a terminal, in a notebook, with tqdm and without, or the caller's own."""

import io
import sys

import pytest

import heliodex
from conftest import TINY
from heliodex import _abi, progress
from mirror import Archive, content

SECOND = 1_000_000_000


class Terminal(io.StringIO):
    def isatty(self):
        return True


def state(seconds, done=3, total=7, size=5 << 20):
    return _abi.Progress(files_done=done, files_total=total, bytes=size, elapsed_ns=round(seconds * SECOND))


def display(monkeypatch, terminal, tqdm=True):
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", terminal)
    return progress.reporter(None, "mirror")


def test_nothing_is_shown_without_a_terminal_or_in_the_first_second(monkeypatch):
    assert display(monkeypatch, io.StringIO()) is None and progress.reporter(False, "x") is None
    monkeypatch.setattr(sys, "stderr", None)  # as pythonw has it
    assert progress.reporter(None, "x") is None is progress.reporter(True, "x")
    terminal = Terminal()
    shown = display(monkeypatch, terminal)
    shown.tell(state(0.99))
    shown.end()
    assert terminal.getvalue() == ""


def test_a_line_that_goes(monkeypatch):
    terminal = Terminal()
    shown = display(monkeypatch, terminal, tqdm=False)
    shown.tell(state(1.1))
    assert terminal.getvalue() == "\rmirror: 3/7 files, 5.0 MiB"
    shown.tell(state(1.2, total=0, size=900))
    assert terminal.getvalue().split("\r")[-1].rstrip() == "mirror: 3 files, 900 B"
    shown.end()
    assert terminal.getvalue().split("\r")[-2:] == [" " * len("mirror: 3 files, 900 B"), ""]


def test_a_bar_of_tqdm(monkeypatch):
    pytest.importorskip("tqdm")
    terminal = Terminal()
    shown = display(monkeypatch, terminal)
    shown.tell(state(1.1))
    assert "mirror" in terminal.getvalue() and "3/7" in terminal.getvalue() and "5.0 MiB" in terminal.getvalue()
    shown.end()


def test_in_a_notebook_it_is_shown_without_a_terminal(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert isinstance(display(monkeypatch, io.StringIO()), progress.Reporter)


def test_runs_tell_their_progress(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(progress._Display, "QUIET_NS", 0)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    files = {f"{number}.cdf": content(3000, number) for number in range(9)}
    Archive(tiny).dataset("d", files)
    settings = {"endpoint_url": tiny.origin.url}
    heliodex.index(TINY, **settings)
    rows = heliodex.query(TINY, "d", **settings)
    heliodex.mirror(rows, tmp_path / "dest")
    list(heliodex.stream(rows))
    for label in ("index files: 1/1 files", "mirror: 9/9 files, 26.4 KiB", "files: "):
        assert label in terminal.getvalue()
    told = []
    summary = heliodex.mirror(rows, tmp_path / "other", progress=told.append)
    assert told[-1].files_done == told[-1].files_total == 9 and told[-1].bytes == summary.bytes_fetched
    assert "files_done=9" in repr(told[-1])
