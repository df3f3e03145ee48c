"""Takes rows of a query into numpy arrays (hdx_query_take)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Dict, List, Literal, Sequence, Union

import numpy as np

from . import _abi
from ._library import library
from .errors import LimitError, UsageError
from .session import Owned, Session
from .texts import Run, array_of, objects_of

if TYPE_CHECKING:
    from .rows import Column

Keys = Literal["str", "bytes", "lazy"]
KEYS = ("str", "bytes", "lazy")
_ROWS = 65536  # of texts at once: their bytes stay in the cache while they become objects
_TEXT_BYTES = 8 << 20
_GUESS_BYTES_MAX = 256 << 20  # of room that may stay unused; what is not used takes no memory


class _Objects:
    """A column of texts as objects: room for those of one call, and what became of the earlier ones."""

    def __init__(self, kind: str, none_if_empty: bool) -> None:
        self.kind, self.none_if_empty = kind, none_if_empty
        self.offsets = np.zeros(_ROWS + 1, np.int64)
        self.room = np.empty(_TEXT_BYTES, np.uint8)
        self.objects: List[Any] = []

    def prepare(self, rows: int) -> None:
        self.objects = []

    def array(self) -> _abi.TextArray:
        return _abi.TextArray(self.offsets.ctypes.data + 8, self.room.ctypes.data, self.room.size)

    def grow(self, needed: int) -> None:
        if self.room.size < needed:
            self.room = np.empty(max(needed, 2 * self.room.size), np.uint8)

    def keep(self, rows: int, left: int) -> None:
        lines = objects_of(Run(self.room, self.offsets[: rows + 1], True), self.kind)
        self.objects += [line or None for line in lines] if self.none_if_empty else lines

    def take(self) -> Any:
        return array_of(self.objects)


class _Bytes:
    """A column of texts as they come, which are not made objects: `take` hands over the memory they were put in."""

    def __init__(self, lines: bool) -> None:
        self.lines = lines
        self.used = self.rows = 0

    def prepare(self, rows: int) -> None:
        self.offsets = np.zeros(rows + 1, np.int64)
        self.room = np.empty(_TEXT_BYTES, np.uint8)
        self.used = self.rows = 0

    def array(self) -> _abi.TextArray:
        return _abi.TextArray(self.offsets.ctypes.data + 8 * (self.rows + 1), self.room.ctypes.data + self.used,
                              self.room.size - self.used)

    def grow(self, needed: int) -> None:
        if self.room.size - self.used < needed:
            room = np.empty(max(self.used + needed, 2 * self.room.size), np.uint8)
            room[: self.used] = self.room[: self.used]
            self.room = room

    def keep(self, rows: int, left: int) -> None:
        ends = self.offsets[self.rows + 1:self.rows + rows + 1]
        ends += self.used
        self.used, self.rows = int(ends[-1]), self.rows + rows
        if left and self.room.size - self.used < _TEXT_BYTES // 2:  # enough for the others, if they are like these
            others = int(self.used / self.rows * left * 1.05) + _TEXT_BYTES
            self.grow(min(others, max(4 * self.room.size, _GUESS_BYTES_MAX)))

    def take(self) -> Run:
        data = self.room[: self.used]
        return Run(data.copy() if 2 * self.used < self.room.size else data, self.offsets[: self.rows + 1], self.lines)


class Taker:
    """Takes rows with certain columns. `prepare` makes room for so many, `take` fills some of it (0: there are no more,
    or no more room), `arrays` hands over what was filled. `raw`: all texts as Runs."""

    def __init__(self, session: Session, owned: Owned, columns: "Sequence[Column]", keys: Keys,
                 raw: bool = False) -> None:
        if keys not in KEYS:
            raise UsageError(f"keys: expected one of {', '.join(KEYS)}, found {keys!r}")
        self.session, self.owned, self.columns = session, owned, columns
        names = {column.name for column in columns if column.extra < 0}
        self.numbers: Dict[str, Any] = {}
        if "stop" in names:
            names.add("start")  # which tells the rows without time
        self.wanted = [name for name in ("start", "stop", "filesize") if name in names]
        if "id" in names:
            self.wanted.append("id")
        self.raw, self.lazy = raw, keys == "lazy" and not raw
        self.texts: Dict[int, Union[_Objects, _Bytes]] = {}  # by number of the extra column; -1: the key
        if "datakey" in names:
            self.texts[-1] = _Bytes(not raw) if raw or self.lazy else _Objects(keys, False)
        for column in columns:
            if column.extra >= 0:
                self.texts[column.extra] = _Bytes(False) if raw else _Objects("str", True)
        self.room = self.filled = 0

    def prepare(self, rows: int) -> None:
        self.room, self.filled = rows, 0
        for name in self.wanted:
            self.numbers[name] = np.empty(rows, np.uint32 if name == "id" else np.int64)
        for column in self.texts.values():
            column.prepare(rows)

    def _place(self, name: str) -> int:
        array = self.numbers.get(name)
        return array.ctypes.data + self.filled * array.itemsize if array is not None else 0

    def _into(self) -> _abi.Arrays:
        left = self.room - self.filled
        into = _abi.Arrays(min(left, _ROWS) if self.texts else left, self._place("start"), self._place("stop"),
                           self._place("filesize"), self._place("id"))
        into.lines = not self.raw
        if -1 in self.texts:
            into.key = self.texts[-1].array()
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
                self.session.call(library.hdx_query_take, self.owned, ctypes.byref(into), ctypes.byref(rows),
                                  ctypes.byref(needed))
                break
            except LimitError:
                if not needed.value or all(t.array().capacity >= needed.value for t in self.texts.values()):
                    raise
                for column in self.texts.values():
                    column.grow(needed.value)
        self.filled += rows.value
        if rows.value:
            for column in self.texts.values():
                column.keep(rows.value, self.room - self.filled)
        return int(rows.value)

    def _keys(self) -> Any:
        texts = self.texts[-1].take()
        if not self.lazy:
            return texts
        from .keys import KeyArray

        return KeyArray.of_run(texts)

    def arrays(self, ids: Sequence[str]) -> Dict[str, Any]:
        """The columns, in their order; the caller's from then on."""
        if self.filled != self.room:
            self.numbers = {name: array[: self.filled] for name, array in self.numbers.items()}
        out: Dict[str, Any] = {}
        for column in self.columns:
            if column.extra >= 0:
                out[column.name] = self.texts[column.extra].take()
            elif column.name == "datakey":
                out[column.name] = self._keys()
            elif column.name == "id":
                out[column.name] = array_of(list(ids))[self.numbers["id"]]
            else:
                out[column.name] = self.numbers[column.name]
        _mark_static(self.numbers)
        for name in ("start", "stop"):
            if name in out:
                out[name] = out[name].view("datetime64[ns]")
        return out


def _mark_static(numbers: Dict[str, Any]) -> None:
    """Rows without time, which stand at one end of the rows, get NaT."""
    start = numbers.get("start")
    if start is None or not len(start) or _abi.TIME_STATIC not in (start[0], start[-1]):
        return
    static = start == _abi.TIME_STATIC
    for name in ("start", "stop"):
        if name in numbers:
            numbers[name][static] = _abi.TIME_NONE  # numpy's NaT
