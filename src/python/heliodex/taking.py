"""Takes rows of a query into numpy arrays (hdx_query_take)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Dict, List, Literal, Sequence

import numpy as np

from . import _abi
from ._library import library
from .errors import LimitError, UsageError
from .session import Owned, Session

if TYPE_CHECKING:
    from .rows import Column

Keys = Literal["str", "bytes", "lazy"]
KEYS = ("str", "bytes", "lazy")
_ROWS = 65536  # of texts at once: their bytes stay in the cache while they become objects
_TEXT_BYTES = 8 << 20


class _Texts:
    """A column of texts: room for those of one call, and what became of the earlier ones."""

    def __init__(self, keys: str, none_if_empty: bool) -> None:
        self.keys, self.none_if_empty = keys, none_if_empty
        self.end = np.empty(_ROWS, np.int64)
        self.room = np.empty(_TEXT_BYTES, np.uint8)
        self.objects: List[Any] = []
        self.pieces: List[Any] = []  # of lazy keys: bytes and ends

    def array(self) -> _abi.TextArray:
        return _abi.TextArray(self.end.ctypes.data, self.room.ctypes.data, self.room.size)

    def grow(self, needed: int) -> None:
        self.room = np.empty(max(needed, 2 * self.room.size), np.uint8)

    def keep(self, rows: int) -> None:
        size = int(self.end[rows - 1])
        if self.keys == "lazy":
            self.pieces.append((self.room[:size].copy(), self.end[:rows].copy()))
            return
        data = self.room[:size].tobytes()
        lines: Any = (data.split(b"\n") if self.keys == "bytes" else _abi.decode(data).split("\n"))
        if len(lines) != rows + 1:  # a text has a newline of its own
            ends = [0, *self.end[:rows].tolist()]
            lines = [data[a:b - 1] for a, b in zip(ends, ends[1:])] + [b""]
            if self.keys == "str":
                lines = [_abi.decode(line) for line in lines]
        lines.pop()
        self.objects += [line or None for line in lines] if self.none_if_empty else lines

    def take(self) -> Any:
        """All texts that were kept."""
        if self.keys == "lazy":
            from .keys import KeyArray

            pieces, self.pieces = self.pieces, []
            return KeyArray.of_pieces(pieces)
        objects, self.objects = self.objects, []
        array = np.empty(len(objects), object)
        array[:] = objects
        return array


class Taker:
    """Takes rows with certain columns. `prepare` makes room for so many, `take` fills some of it (0: there are no more,
    or no more room), `arrays` hands over what was filled."""

    def __init__(self, session: Session, owned: Owned, columns: "Sequence[Column]", keys: Keys) -> None:
        if keys not in KEYS:
            raise UsageError(f"keys: expected one of {', '.join(KEYS)}, found {keys!r}")
        self.session, self.owned, self.columns = session, owned, columns
        names = {column.name for column in columns if column.extra < 0}
        self.numbers: Dict[str, Any] = {}
        self.wanted = [name for name in ("start", "stop", "filesize") if name in names]
        if "id" in names:
            self.wanted.append("id")
        self.texts: Dict[int, _Texts] = {}  # by number of the extra column; -1: the key
        if "datakey" in names:
            self.texts[-1] = _Texts(keys, False)
        for column in columns:
            if column.extra >= 0:
                self.texts[column.extra] = _Texts("str", True)
        self.room = self.filled = 0

    def prepare(self, rows: int) -> None:
        self.room, self.filled = rows, 0
        for name in self.wanted:
            self.numbers[name] = np.empty(rows, np.uint32 if name == "id" else np.int64)

    def _place(self, name: str) -> int:
        array = self.numbers.get(name)
        return array.ctypes.data + self.filled * array.itemsize if array is not None else 0

    def _into(self) -> _abi.Arrays:
        left = self.room - self.filled
        into = _abi.Arrays(min(left, _ROWS) if self.texts else left, self._place("start"), self._place("stop"),
                           self._place("filesize"), self._place("id"))
        if -1 in self.texts:
            into.key = self.texts[-1].array()
            into.lines = self.texts[-1].keys != "lazy"
        extras = [number for number in self.texts if number >= 0]
        if extras:
            count = library.hdx_query_info(self.owned.handle).contents.extra_count
            into.extra_count = count
            into.extra = (_abi.TextArray * count)(
                *[self.texts[i].array() if i in self.texts else _abi.TextArray() for i in range(count)])
        return into

    def take(self) -> int:
        if self.filled == self.room:
            return 0
        rows, needed = ctypes.c_size_t(), ctypes.c_size_t()
        while True:
            into = self._into()
            try:
                self.session.call(library.hdx_query_take, self.owned.handle, ctypes.byref(into), ctypes.byref(rows),
                                  ctypes.byref(needed))
                break
            except LimitError:
                if not needed.value or not self.texts or all(t.room.size >= needed.value for t in self.texts.values()):
                    raise
                for column in self.texts.values():
                    if column.room.size < needed.value:
                        column.grow(needed.value)
        if rows.value:
            for column in self.texts.values():
                column.keep(rows.value)
        self.filled += rows.value
        return int(rows.value)

    def arrays(self, ids: Sequence[str]) -> Dict[str, Any]:
        """The columns, in their order; the caller's from then on."""
        if self.filled != self.room:
            self.numbers = {name: array[: self.filled] for name, array in self.numbers.items()}
        out: Dict[str, Any] = {}
        for column in self.columns:
            if column.extra >= 0:
                out[column.name] = self.texts[column.extra].take()
            elif column.name == "datakey":
                out[column.name] = self.texts[-1].take()
            elif column.name == "id":
                names = np.empty(len(ids), object)
                names[:] = ids
                out[column.name] = names[self.numbers["id"]]
            else:
                out[column.name] = self.numbers[column.name]
        for name in ("start", "stop"):
            if name in out:
                out[name] = out[name].view("datetime64[ns]")
        _mark_static(out)
        return out


def _mark_static(columns: Dict[str, Any]) -> None:
    """Rows without time, which stand at one end of the rows, get NaT."""
    start = columns.get("start")
    if start is None or not len(start):
        return
    numbers = start.view(np.int64)
    if _abi.TIME_STATIC not in (numbers[0], numbers[-1]):
        return
    static = numbers == _abi.TIME_STATIC
    start[static] = np.datetime64("NaT")
    if "stop" in columns:
        columns["stop"][static] = np.datetime64("NaT")
