"""Progress of long calls: a bar (tqdm, if it is there) or a line on a terminal, in a notebook, or the caller's own."""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional, TextIO, Union

from . import _abi

_MEMBERS = [name for name, _ in _abi.Progress._fields_ if name != "slowest_host"]


class Progress:
    """How far a call is; totals are what is known now. `elapsed_ns` is its time so far."""

    __slots__ = tuple(_MEMBERS)

    def __init__(self, progress: _abi.Progress) -> None:
        for name in _MEMBERS:
            setattr(self, name, getattr(progress, name))

    def __repr__(self) -> str:
        return f"Progress({', '.join(f'{name}={getattr(self, name)}' for name in _MEMBERS)})"


ProgressLike = Union[None, bool, Callable[[Progress], None]]


class Reporter:
    """Is told how far a call is, several times a second."""

    def tell(self, progress: _abi.Progress) -> None:
        raise NotImplementedError

    def end(self) -> None:
        """The call has ended."""


class _Caller(Reporter):
    def __init__(self, function: Callable[[Progress], None]) -> None:
        self.function = function

    def tell(self, progress: _abi.Progress) -> None:
        self.function(Progress(progress))


def _amount(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.1f} {unit}" if unit != "B" else f"{count:.0f} B"


class _Display(Reporter):
    """Nothing for the first second; then a bar or line that goes when the call ends."""

    QUIET_NS = 1_000_000_000

    def __init__(self, label: str, file: TextIO) -> None:
        self.label, self.file = label, file
        self.bar: Any = None  # never asked whether it is true: a bar without a total does not say
        self.begun = False
        self.shown = 0

    def tell(self, progress: _abi.Progress) -> None:
        if progress.elapsed_ns < self.QUIET_NS:
            return
        if not self.begun:
            self.begun, self.bar = True, _tqdm(self.label, self.file)
        if self.bar is None:
            self._line(progress)
            return
        self.bar.total = progress.files_total or None
        self.bar.n = progress.files_done
        self.bar.set_postfix_str(_amount(progress.bytes), refresh=False)
        self.bar.refresh()

    def _line(self, progress: _abi.Progress) -> None:
        total = f"/{progress.files_total:,}" if progress.files_total else ""
        line = f"{self.label}: {progress.files_done:,}{total} files, {_amount(progress.bytes)}"
        self.file.write("\r" + line.ljust(self.shown))
        self.file.flush()
        self.shown = len(line)

    def end(self) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.shown:
            self.file.write("\r" + " " * self.shown + "\r")
            self.file.flush()


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


def _tqdm(label: str, file: TextIO) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(desc=label, unit="file", leave=False, file=None if _in_notebook() else file)


def reporter(progress: ProgressLike, label: str) -> Optional[Reporter]:
    """`progress` as callers give it. None: shown on a terminal or in a notebook; True, False: always, never; a
    function: called with a Progress."""
    if callable(progress):
        return _Caller(progress)
    stream = sys.stderr
    if progress is None:
        progress = stream is not None and (stream.isatty() or _in_notebook())
    return _Display(label, stream) if progress and stream is not None else None
