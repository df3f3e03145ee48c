"""Texts of many rows, one behind the other in memory, as the library hands them out (struct hdx_text_array)."""

from __future__ import annotations

from typing import Any, List

import numpy as np

from . import _abi

_AT_ONCE = 65536  # texts: what is needed for them besides stays in the cache


class Run:
    """Text i is data[offsets[i] : offsets[i + 1]], less its last byte where the texts are `lines`: a newline then."""

    __slots__ = ("data", "offsets", "lines")

    def __init__(self, data: Any, offsets: Any, lines: bool) -> None:
        self.data, self.offsets, self.lines = data, offsets, lines

    def __len__(self) -> int:
        return len(self.offsets) - 1


def objects_of(run: Run, kind: str) -> List[Any]:
    """The texts of lines as objects: str, or bytes (`kind`). They are decoded and split all at once."""
    rows, first = len(run), int(run.offsets[0])
    data = run.data[first:int(run.offsets[-1])].tobytes()
    lines: List[Any] = data.split(b"\n") if kind == "bytes" else _abi.decode(data).split("\n")
    lines.pop()
    if len(lines) == rows:
        return lines
    ends = (run.offsets - first).tolist()  # a text has a newline of its own
    several = [data[a:b - 1] for a, b in zip(ends, ends[1:])]
    return several if kind == "bytes" else [_abi.decode(text) for text in several]


def array_of(objects: List[Any]) -> Any:
    """An array of objects, each of which stays what it is."""
    array = np.empty(len(objects), object)
    array[:] = objects
    return array


def all_objects(run: Run, kind: str) -> Any:
    """The texts of lines as an array of objects, made in portions."""
    array = np.empty(len(run), object)
    for at in range(0, len(run), _AT_ONCE):
        array[at:at + _AT_ONCE] = objects_of(Run(run.data, run.offsets[at:at + _AT_ONCE + 1], True), kind)
    return array


def without_ends(run: Run) -> Run:
    """The texts of lines without what ends them."""
    first, last = run.offsets[0], run.offsets[-1]
    data = np.delete(run.data[first:last], run.offsets[1:] - 1 - first)
    return Run(data, run.offsets - first - np.arange(len(run.offsets)), False)


def gather(data: Any, starts: Any, ends: Any) -> Run:
    """The lines data[starts[i] : ends[i]], one behind the other."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(ends - starts, out=offsets[1:])
    gathered = np.empty(int(offsets[-1]), np.uint8)
    for at in range(0, len(starts), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        first, last = offsets[at], offsets[min(at + _AT_ONCE, len(starts))]
        shift = np.repeat(starts[part] - offsets[:-1][part], (ends - starts)[part])
        gathered[first:last] = data[np.arange(first, last) + shift]
    return Run(gathered, offsets, True)


def run_of(objects: List[Any]) -> Run:
    """The run of texts that are str or bytes; None is an empty one."""
    parts = [text if isinstance(text, bytes) else _abi.encode(text) if text else b"" for text in objects]
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
    return Run(np.frombuffer(b"".join(parts), np.uint8), offsets, False)
