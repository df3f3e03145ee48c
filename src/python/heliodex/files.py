"""Lists of data files, as the library takes them: from queries, DataFrames, and URIs."""

from __future__ import annotations

import ctypes
from typing import Any, Iterable, List, Optional, Tuple, Union

import numpy as np

from . import _abi
from ._library import library
from .errors import UsageError
from .rows import Query
from .session import Session, texts

KEYS = ("datakey", "key", "uri", "url")  # columns of a frame that name files, the first that is there
STARTS, STOPS, SIZES = ("start", "startdate"), ("stop", "stopdate"), ("filesize", "size")

# struct hdx_file; texts are pointer and size
_FILE = np.dtype([(name, np.int64) for name in (
    "id", "id_size", "location", "location_size", "start", "stop", "size", "checksum", "checksum_size", "algorithm",
    "algorithm_size")])
assert _FILE.itemsize == ctypes.sizeof(_abi.File)


def text_of(value: Any) -> str:
    """A value of a frame's column of texts; "" for what is missing (None, nan, NA)."""
    if isinstance(value, bytes):
        return _abi.decode(value)
    try:
        return str(value) if value is not None and bool(value == value) else ""
    except TypeError:  # NA of pandas does not say
        return ""


class _Column:
    """Texts behind one another, which struct hdx_file points to."""

    def __init__(self, values: Iterable[Any]) -> None:
        encoded = [value if isinstance(value, bytes) else _abi.encode(text_of(value)) for value in values]
        self.data = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
        self.sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
        self.places = self.data.ctypes.data + np.cumsum(self.sizes) - self.sizes


def _first(frame: Any, names: Tuple[str, ...]) -> Optional[Any]:
    return next((frame[name] for name in names if name in frame.columns), None)


def _times(values: Any) -> Any:
    """A column of times as nanoseconds; those that are no times are not known (they only go with the file)."""
    if values is None or getattr(values.dtype, "kind", "") not in "M" or getattr(values.dtype, "tz", None) is not None:
        return _abi.TIME_NONE
    return values.to_numpy().astype("datetime64[ns]").view(np.int64)


def _sizes(values: Any) -> Any:
    if values is None or getattr(values.dtype, "kind", "") not in "iu":
        return -1
    return values.fillna(-1).to_numpy().astype(np.int64)


class Listed:
    """An array of struct hdx_file with what it points to."""

    def __init__(self, keys: Iterable[Any], starts: Any = _abi.TIME_NONE, stops: Any = _abi.TIME_NONE, sizes: Any = -1,
                 ids: Optional[Iterable[Any]] = None, checksums: Optional[Iterable[Any]] = None,
                 algorithms: Optional[Iterable[Any]] = None) -> None:
        keys = list(keys)
        self.array = np.zeros(len(keys), _FILE)
        self._columns: List[_Column] = []
        for name, values in (("location", keys), ("id", ids), ("checksum", checksums), ("algorithm", algorithms)):
            if values is not None:
                column = _Column(values)
                self.array[name], self.array[name + "_size"] = column.places, column.sizes
                self._columns.append(column)
        self.array["start"], self.array["stop"], self.array["size"] = starts, stops, sizes

    @classmethod
    def of_frame(cls, frame: Any) -> "Listed":
        keys = _first(frame, KEYS)
        if keys is None:
            raise UsageError(f"expected a column {' or '.join(KEYS)}, found {', '.join(map(str, frame.columns))}")
        return cls(keys, _times(_first(frame, STARTS)), _times(_first(frame, STOPS)), _sizes(_first(frame, SIZES)),
                   _first(frame, ("id",)), _first(frame, ("checksum",)), _first(frame, ("checksum_algorithm",)))


Files = Union[Query, "Any", str, Iterable[str]]


class FileList:
    """A list that is open in a session; what it stands on lives as long. `count` is not known of a query."""

    def __init__(self, files: Files, session: Session, bucket: Optional[str] = None) -> None:
        self.refused: List[str] = []
        refused = self.refused  # not the list itself: the callback lives as long as what it is told by
        on_refused = _abi.RefusedFunction(lambda _, file, message: refused.append(_abi.decode(message)))
        self.kept: Any
        if isinstance(files, Query):
            if bucket is not None:
                raise UsageError("bucket: a query's files are in the query's bucket")
            self.kept, self.session = files, files.session
            self._round = files._begin()
            self.owned = self.session.open(library.hdx_files_of_query, library.hdx_files_close, files._owned,
                                           stands_on=on_refused)
        else:
            self.kept, self.session = _listed(files), session
            array = self.kept.array
            where = texts([bucket])[0] if bucket is not None else None
            self.owned = session.open(library.hdx_files_of_array, library.hdx_files_close, array.ctypes.data,
                                      len(array), where, stands_on=(self.kept, on_refused))
        library.hdx_files_on_refused(self.owned.handle, on_refused, None)

    def check(self) -> None:
        """RuntimeError: the query whose rows these are was asked for something else meanwhile."""
        if isinstance(self.kept, Query) and self.kept._round != self._round:
            raise RuntimeError("the query was asked for something else while its files were read")

    def close(self) -> None:
        self.owned.close()


def _listed(files: Any) -> Listed:
    if isinstance(files, (str, bytes)):
        return Listed([files])
    if hasattr(files, "columns") and hasattr(files, "__getitem__"):
        return Listed.of_frame(files)
    try:
        keys = list(files)
    except TypeError:
        keys = [files]
    wrong = next((key for key in keys if not isinstance(key, (str, bytes))), None)
    if wrong is not None:
        raise UsageError(f"files: expected a query, a DataFrame, or URIs, found {wrong!r}")
    return Listed(keys)


def session_for(files: Any, session: Optional[Session]) -> Optional[Session]:
    """A query's files are read through its session."""
    if isinstance(files, Query):
        if session is not None and session is not files.session:
            raise UsageError("session: a query's files are read through the query's session")
        return files.session
    return session
