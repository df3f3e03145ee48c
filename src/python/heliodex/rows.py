"""Rows of datasets in a range of time: `query` and what it returns.

Numbers are decoded by the library straight into numpy arrays, which own their memory; nothing is copied afterwards.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from . import _abi
from ._library import library
from .errors import Failure, UsageError
from .progress import ProgressLike, reporter
from .question import Question, Texts, listed
from .session import Owned, Session, session_of, texts
from .settings import Value
from .taking import KEYS, Keys, Taker
from .times import to_ns

if TYPE_CHECKING:
    import pandas


BATCH_ROWS = 65536

# The columns that every dataset has, and how struct hdx_arrays calls them.
COLUMNS = ("id", "start", "stop", "datakey", "filesize")


class Column:
    """What is known of a column: its name, and of an extra one the type ("string", "int", "double", or "" where it is
    not stated), units and description that the archive states."""

    __slots__ = ("name", "type", "units", "description", "extra")

    def __init__(self, name: str, type: str = "", units: str = "", description: str = "", extra: int = -1) -> None:
        self.name, self.type, self.units, self.description, self.extra = name, type, units, description, extra

    def __repr__(self) -> str:
        return f"Column({self.name!r}, type={self.type!r}, units={self.units!r}, description={self.description!r})"


class Batch:
    """Rows, one array per column: `batch["start"]`; `batch.columns` names them.

    start, stop   datetime64[ns], UTC; NaT in rows without time ("static")
    filesize      int64, bytes; -1: not stated
    datakey, id, extra columns   arrays of str (as `keys` says), None where an extra column is not stated

    Has __arrow_c_stream__, so that pyarrow, polars and DuckDB take it.
    """

    def __init__(self, arrays: "Dict[str, Any]", columns: Sequence[Column], rows: int, keys: Keys = "str") -> None:
        self._arrays, self._columns, self._rows, self._keys = arrays, list(columns), rows, keys

    @property
    def columns(self) -> List[str]:
        return list(self._arrays)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> Any:
        return self._arrays[name]

    def __repr__(self) -> str:
        return f"<heliodex.Batch of {self._rows} rows: {', '.join(self._arrays)}>"

    def to_pandas(self) -> "pandas.DataFrame":
        """A DataFrame over the same arrays."""
        from .frames import frame_of

        return frame_of(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from .arrow import stream_of

        return stream_of(self._columns, iter([self]), self._keys == "bytes")


class Summary:
    """The sum of rows: `rows`, `bytes` (of stated sizes), `size_missing` (rows without one), `first` and `last` (the
    least start and the greatest stop, datetime64[ns]; NaT without rows)."""

    __slots__ = ("rows", "bytes", "size_missing", "first", "last")

    def __init__(self, summary: _abi.Summary) -> None:
        self.rows, self.bytes, self.size_missing = summary.rows, summary.bytes, summary.size_missing
        self.first, self.last = instant(summary.first), instant(summary.last)

    def __repr__(self) -> str:
        return (f"Summary(rows={self.rows}, bytes={self.bytes}, size_missing={self.size_missing}, "
                f"first={self.first}, last={self.last})")


def instant(nanoseconds: int) -> np.datetime64:
    """A time of the library; NaT where it has none."""
    none = nanoseconds in (_abi.TIME_NONE, _abi.TIME_STATIC)
    return np.datetime64("NaT", "ns") if none else np.datetime64(nanoseconds, "ns")


class Query:
    """The answer to a question, whose years are at hand. Iterate over it to get the rows in batches, as often as you
    like (one iteration at a time), or take them all with `to_pandas` or `to_batch`; pyarrow, polars and DuckDB take it
    as an Arrow stream (what its columns are stands in heliodex.arrow)."""

    def __init__(self, session: Session, owned: Owned, keys: Keys, columns: Optional[Sequence[str]],
                 batch_rows: int) -> None:
        self.session = session
        self._owned = owned
        self._keys = keys
        self._batch_rows = batch_rows
        self._round = 0  # of iterations: a new one ends those before
        self._limit = 0
        with session.lock:
            self._learn()
        self._columns = self._choose(columns)

    def _learn(self) -> None:
        info = self._info()
        self.time_digits: int = info.time_digits
        self.stop_made_up: bool = info.stop_made_up
        self.extras = [
            Column(_free_name(str(info.extra_names[i])), _abi.PARAMETER[info.extras[i].type], str(info.extras[i].units),
                   str(info.extras[i].description), i) for i in range(info.extra_count)
        ]
        self.ids = [str(library.hdx_query_dataset(self._owned.handle, i).contents.id)
                    for i in range(info.dataset_count)]
        self.failures = [self._failure(i) for i in range(info.failure_count)]

    def _info(self) -> Any:
        """To be read while the session's lock is held."""
        return library.hdx_query_info(self._owned.handle).contents

    def _failure(self, i: int) -> Failure:
        failure = library.hdx_query_failure(self._owned.handle, i).contents
        return Failure(str(failure.id), _abi.STATUS[failure.status], _abi.decode(failure.message))

    def _choose(self, names: Optional[Sequence[str]]) -> List[Column]:
        by_name = {column.name: column for column in [Column(name) for name in COLUMNS] + self.extras}
        if names is None:
            return [column for column in by_name.values() if column.name != "id" or len(self.ids) > 1]
        unknown = [name for name in listed(names) if name not in by_name]
        if unknown:
            raise UsageError(f"columns: there is no {unknown[0]!r}; there are {', '.join(by_name)}")
        return [by_name[name] for name in listed(names)]

    # ---- what is known of it

    @property
    def columns(self) -> List[str]:
        return [column.name for column in self._columns]

    @property
    def checked_at(self) -> np.datetime64:
        """When the oldest of the years asked for was last confirmed by its server."""
        with self.session.lock:
            return instant(self._info().checked_at)

    @property
    def incomplete_years(self) -> int:
        """Wanted years that are stale or, with allow_partial, could not be read."""
        with self.session.lock:
            return int(self._info().incomplete_years)

    def summary(self) -> Summary:
        """The sum of all rows, mostly from zone maps in microseconds; regards no `limit`. Ends iterations."""
        summary = _abi.Summary()
        self._round += 1
        self.session.call(library.hdx_query_summary, self._owned, _abi.QUERY_ALL, ctypes.byref(summary))
        return Summary(summary)

    def counts(self, unit: str = "year") -> "List[Tuple[np.datetime64, Summary]]":
        """Sums by the calendar year, month or day that rows start in, ascending: (its first instant, sum). NaT: rows
        without time. Ends iterations."""
        if unit not in _abi.UNIT:
            raise UsageError(f"unit: expected one of {', '.join(_abi.UNIT)}, found {unit!r}")
        found: List[Tuple[np.datetime64, Summary]] = []
        visit = _abi.CountsFunction(lambda _, start, sum: found.append((instant(start), Summary(sum.contents))))
        self._round += 1
        self.session.call(library.hdx_query_counts, self._owned, _abi.QUERY_ALL, _abi.UNIT.index(unit), visit,
                          None)
        return found

    # ---- rows

    def range(self, start: Any = None, stop: Any = None) -> "Query":
        """Asks for another range of the same datasets, whose years must be held (else NotFoundError); itself."""
        return self._range_ns(to_ns(start, "start"), to_ns(stop, "stop"))

    def _range_ns(self, start: int, stop: int) -> "Query":
        self._round += 1
        self.session.call(library.hdx_query_range, self._owned, start, stop)
        return self

    def _select(self, names: Sequence[str], keys: Keys) -> None:
        """Other columns from now on."""
        self._columns, self._keys = self._choose(names), keys

    def _begin(self) -> int:
        with self.session.lock:
            self.session._check_idle()
            library.hdx_query_rewind(self._owned.handle)
        self._round += 1
        return self._round

    def __iter__(self) -> Iterator[Batch]:
        return self._batches(raw=False)

    def _batches(self, raw: bool) -> Iterator[Batch]:
        taker = Taker(self.session, self._owned, self._columns, self._keys, raw)
        mine = self._begin()
        while True:
            if mine != self._round:
                raise RuntimeError("another iteration of the same query has begun, or it was asked for something else")
            taker.prepare(self._batch_rows)
            rows = taker.take()
            if rows == 0:
                return
            yield Batch(taker.arrays(self.ids), self._columns, rows, self._keys)

    def to_batch(self) -> Batch:
        """All rows in one batch."""
        with self.session.lock:
            count = self.summary().rows
            count = min(count, self._limit) if self._limit else count
            taker = Taker(self.session, self._owned, self._columns, self._keys)
            taker.prepare(count)
            self._begin()
            while taker.take():
                pass
        return Batch(taker.arrays(self.ids), self._columns, count, self._keys)

    def to_pandas(self) -> "pandas.DataFrame":
        """All rows as a DataFrame over arrays of its own, which may be modified."""
        return self.to_batch().to_pandas()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from .arrow import stream_of

        return stream_of(self._columns, self._batches(raw=True), self._keys == "bytes")

    # ---- files

    def location(self, key: str, kind: str = "published", dataset: int = 0) -> str:
        """Where the data file called `key` is: "published" (s3://…), "fetched" (the http, https or file URL that it is
        read from), or "presigned" (a URL that opens it to whoever has it, for a while)."""
        if kind not in _abi.LOCATION:
            raise UsageError(f"kind: expected one of {', '.join(_abi.LOCATION)}, found {kind!r}")
        data, found = _abi.encode(key), _abi.Text()
        with self.session.lock:
            self.session.run(_without_session(library.hdx_query_location), self._owned, dataset,
                             _abi.text(data), _abi.LOCATION.index(kind), ctypes.byref(found))
            return str(found)

    def close(self) -> None:
        """Lets go of the snapshots; otherwise they are when it is collected."""
        self._owned.close()

    def __enter__(self) -> "Query":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<heliodex.Query of {', '.join(self.ids)}: {', '.join(self.columns)}>"


def _free_name(name: str) -> str:
    return f"extra_{name}" if name in COLUMNS else name


def _without_session(function: Any) -> Any:
    return lambda _session, *arguments: function(*arguments)


def query(bucket: str, ids: Texts, start: Any = None, stop: Any = None, *, match: str = "overlap",
          columns: Optional[Sequence[str]] = None, keys: Keys = "str", batch_rows: int = BATCH_ROWS,
          progress: ProgressLike = None, session: Optional[Session] = None, allow_partial: bool = False,
          key: Texts = None, exclude_key: Texts = None, min_size: Optional[int] = None,
          max_size: Optional[int] = None, where: Any = None, latest_version: bool = False, reverse: bool = False,
          limit: Optional[int] = None, **settings: Value) -> Query:
    """Opens the answer to a range of datasets, in the order start, stop, key (, id). Years that are not held are
    fetched and kept first; if everything is held, no request is made.

    bucket      s3:// URL, bucket name, name in the registry, http(s):// prefix, file:// folder
    ids         one id or several; shell patterns name all that match
    start, stop ISO 8601 in any truncation, datetime, Timestamp … ; None: from the first row, to the last
    match       "overlap" (stop >= start asked for and start < stop asked for), "start" (starts in the range), or
                "contained"
    columns     names of those that are wanted; others are not even decoded. None: all
    keys        "str" objects, "bytes" objects, or "lazy": made when looked at (DataFrames hold them as one block)
    key, exclude_key, min_size, max_size, where ("column >= value", or several), latest_version, reverse, limit
                as the program's options of these names
    allow_partial  answer although a wanted year, or one of several datasets, cannot be read (`failures` names those)
    session, or settings of a new one (heliodex.settings)

    Errors: NotFoundError, EmptyError (no id matches), and what failed for a wanted year that cannot be read.
    """
    if keys not in KEYS:
        raise UsageError(f"keys: expected one of {', '.join(KEYS)}, found {keys!r}")
    owner = session_of(session, settings)
    question = Question(start, stop, match, allow_partial, key, exclude_key, min_size, max_size, where,
                        latest_version, reverse, limit)
    names = listed(ids)
    owned = owner.open(library.hdx_query_open_many, library.hdx_query_close, texts([bucket])[0], texts(names),
                       len(names), ctypes.byref(question.options), reporter=reporter(progress, "index files"))
    result = Query(owner, owned, keys, columns, batch_rows)
    result._limit = question.options.limit
    if result.failures and not allow_partial:
        first = result.failures[0]
        result.close()
        from .errors import of_status, summarise

        raise of_status(_abi.STATUS.index(first.status), summarise(result.failures)[1])
    return result


__all__ = ["Batch", "Column", "Query", "Summary", "query"]
