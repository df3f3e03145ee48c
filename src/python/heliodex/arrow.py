"""Rows as an Arrow stream: the Arrow PyCapsule interface over the Arrow C stream interface, which pyarrow, polars,
DuckDB and others read. Needs none of them.

The structures and their buffers are memory of malloc, into which arrays are copied; the library's own functions let go
of it (heliodex.h, hdx_arrow_*). So consumers may do that from any thread, in the middle of an exception, and after the
interpreter has ended, and what they hold does not change when a batch's arrays are modified.

id, datakey    large_utf8; datakey large_binary with keys="bytes"
start, stop    timestamp[ns, UTC]; null in rows without time
filesize       int64; null where it is not stated
extra columns  int64 or float64 where the archive states "int" or "double", otherwise large_utf8; null where a value is
               not stated; units and description are in the field's metadata

What cannot be had (a key that is no UTF-8, a text in a column of numbers, a query that fails) ends the stream with an
error that says so; nothing is left out or replaced.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import struct
from ctypes import CFUNCTYPE, Structure, c_int, c_int32, c_int64, c_size_t, c_void_p, sizeof
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from . import _abi
from ._library import library
from .errors import HeliodexError, IntegrityError
from .numbers import parse
from .texts import Run, run_of

if TYPE_CHECKING:
    from .rows import Batch, Column

_ROWS = 65536  # of a batch at once
_NULLABLE = 2  # ARROW_FLAG_NULLABLE
_ALIGNED = 64  # bytes that the columnar format recommends buffers to begin and end at multiples of


class Schema(Structure):
    """struct ArrowSchema"""

    _fields_ = [
        ("format", c_void_p),
        ("name", c_void_p),
        ("metadata", c_void_p),
        ("flags", c_int64),
        ("n_children", c_int64),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    ]


class Array(Structure):
    """struct ArrowArray"""

    _fields_ = [
        ("length", c_int64),
        ("null_count", c_int64),
        ("offset", c_int64),
        ("n_buffers", c_int64),
        ("n_children", c_int64),
        ("buffers", c_void_p),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    ]


class Stream(Structure):
    """struct ArrowArrayStream"""

    _fields_ = [(name, c_void_p) for name in ("get_schema", "get_next", "get_last_error", "release", "private_data")]


# ---- memory

_libc = ctypes.CDLL(None)
_libc.calloc.restype = _libc.aligned_alloc.restype = c_void_p
_libc.calloc.argtypes = _libc.aligned_alloc.argtypes = [c_size_t, c_size_t]
_libc.free.restype, _libc.free.argtypes = None, [c_void_p]


def _address(function: Any) -> int:
    return int(ctypes.cast(function, c_void_p).value or 0)


_RELEASE_SCHEMA = _address(library.hdx_arrow_release_schema)
_RELEASE_ARRAY = _address(library.hdx_arrow_release_array)
_RELEASE_STREAM = _address(library.hdx_arrow_release_stream)


def _zeros(size: int) -> int:
    memory = _libc.calloc(1, max(size, 1))
    if not memory:
        raise MemoryError
    return int(memory)


def _text(data: bytes) -> int:
    """A C string."""
    memory = _zeros(len(data) + 1)
    ctypes.memmove(memory, data, len(data))
    return memory


def _buffer(values: Any) -> int:
    """A copy of an array."""
    room = -(-max(values.nbytes, 1) // _ALIGNED) * _ALIGNED
    memory = _libc.aligned_alloc(_ALIGNED, room)
    if not memory:
        raise MemoryError
    values = np.ascontiguousarray(values)
    ctypes.memmove(memory, values.ctypes.data, values.nbytes)
    ctypes.memset(memory + values.nbytes, 0, room - values.nbytes)
    return int(memory)


def _pointers(memory: int, count: int) -> Any:
    return (c_void_p * count).from_address(memory)


def _children(parent: Any, kind: Any, count: int, release: int) -> List[Any]:
    """Gives the parent children, of which nothing is filled in yet."""
    parent.children = _zeros(count * sizeof(c_void_p))
    parent.n_children = count
    pointers = _pointers(parent.children, count)
    for i in range(count):
        pointers[i] = _zeros(sizeof(kind))
        kind.from_address(pointers[i]).release = release
    return [kind.from_address(pointer) for pointer in pointers]


# ---- the schema

def _format_of(column: "Column", binary: bool) -> Tuple[bytes, bool]:
    """The format string, and whether there may be nulls."""
    if column.extra >= 0:
        return {"int": b"l", "double": b"g"}.get(column.type, b"U"), True
    if column.name in ("start", "stop"):
        return b"tsn:UTC", True
    if column.name == "filesize":
        return b"l", True
    return (b"Z" if binary and column.name == "datakey" else b"U"), False


def _name(column: "Column") -> bytes:
    data = _abi.encode(column.name)
    if b"\0" in data or not _is_utf8(data):
        raise IntegrityError(f"the column {column.name!r} is not named in UTF-8 without NUL, as those of Arrow are: "
                             f"leave it out (columns)")
    return data


def _metadata(column: "Column") -> int:
    """What is stated of the column, as the specification encodes it; 0: nothing."""
    stated = {"units": column.units, "description": column.description}
    pairs = [(name.encode(), _abi.encode(text).decode("utf-8", "replace").encode())
             for name, text in stated.items() if text]
    if not pairs:
        return 0
    parts = [struct.pack("=i", len(pairs))]
    for pair in pairs:
        for data in pair:
            parts += [struct.pack("=i", len(data)), data]
    return _text(b"".join(parts))


def _fill_schema(out: int, columns: "Sequence[Column]", binary: bool) -> None:
    schema = Schema.from_address(out)
    schema.format, schema.name = _text(b"+s"), _text(b"")
    for child, column in zip(_children(schema, Schema, len(columns), _RELEASE_SCHEMA), columns):
        format, nullable = _format_of(column, binary)
        child.format, child.name, child.metadata = _text(format), _text(_name(column)), _metadata(column)
        child.flags = _NULLABLE if nullable else 0


# ---- the columns

def _valid(null: Any) -> Optional[Any]:
    """The bitmap of rows that are not null; None: all are."""
    return np.packbits(~null, bitorder="little") if null.any() else None


def _is_utf8(data: Any) -> bool:
    try:
        str(memoryview(data), "utf-8")
        return True
    except UnicodeDecodeError:
        return False


def _check_utf8(run: Run, column: "Column", row: int) -> None:
    """INTEGRITY: one of the texts is no UTF-8. That all of them are together is not enough: one may end within a
    character that the next goes on with."""
    data = run.data
    if not len(data) or int(data.max()) < 0x80:
        return
    starts = run.offsets[:-1][np.diff(run.offsets) > 0]
    if _is_utf8(data) and not ((data[starts] & 0xC0) == 0x80).any():
        return
    advice = "take the keys as they are (keys='bytes')" if column.name == "datakey" else "leave it out (columns)"
    for i, (a, b) in enumerate(zip(run.offsets.tolist(), run.offsets[1:].tolist())):
        if not _is_utf8(data[a:b]):
            raise IntegrityError(f"{column.name} of row {row + i} is no UTF-8, which texts of Arrow are: "
                                 f"{data[a:b].tobytes()[:200]!r}; {advice}")


def _run_of(values: Any) -> Run:
    if isinstance(values, Run):
        return values
    return values.as_run() if hasattr(values, "as_run") else run_of(values.tolist())


def _buffers(values: Any, format: bytes, column: "Column", row: int) -> Tuple[int, List[Any]]:
    """How many are null, and the buffers of a column; the first may be None. `row` is the number of the first."""
    if column.extra < 0 and format == b"tsn:UTC":
        values = values.view(np.int64)
        null = values == _abi.TIME_NONE  # NaT
        return int(null.sum()), [_valid(null), values]
    if column.extra < 0 and format == b"l":
        null = values < 0
        return int(null.sum()), [_valid(null), values]
    run = _run_of(values)
    null = np.diff(run.offsets) == 0 if column.extra >= 0 else np.zeros(len(run), bool)
    head = (int(null.sum()), _valid(null))
    if format in (b"l", b"g"):
        return head[0], [head[1], parse(run, null, format == b"l", column.name, row)]
    if format == b"U":
        _check_utf8(run, column, row)
    return head[0], [head[1], run.offsets, run.data]


def _fill_array(out: int, arrays: Dict[str, Any], rows: int, columns: "Sequence[Column]", binary: bool,
                row: int) -> None:
    array = Array.from_address(out)
    array.length = rows
    array.buffers, array.n_buffers = _zeros(sizeof(c_void_p)), 1  # a record batch has no nulls of its own
    for child, column in zip(_children(array, Array, len(columns), _RELEASE_ARRAY), columns):
        nulls, buffers = _buffers(arrays[column.name], _format_of(column, binary)[0], column, row)
        child.length, child.null_count = rows, nulls
        child.buffers, child.n_buffers = _zeros(len(buffers) * sizeof(c_void_p)), len(buffers)
        pointers = _pointers(child.buffers, len(buffers))
        for i, values in enumerate(buffers):
            pointers[i] = _buffer(values) if values is not None else None


# ---- the stream

def _portions(batches: "Iterator[Batch]") -> Iterator[Tuple[Dict[str, Any], int]]:
    """The batches' columns, large ones in parts, and how many rows there are in each."""
    for batch in batches:
        arrays = {name: batch[name] for name in batch.columns}
        if any(isinstance(values, Run) for values in arrays.values()):
            yield arrays, len(batch)
            continue
        for at in range(0, len(batch), _ROWS):
            yield {name: values[at:at + _ROWS] for name, values in arrays.items()}, min(_ROWS, len(batch) - at)


def _code_of(error: BaseException) -> int:
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return errno.EINTR
    return errno.EINVAL if isinstance(error, ValueError) else errno.EIO


class _Export:
    """What a stream hands out, and what went wrong. (That is kept as code and text: the exception would hold the frames
    of whoever reads the stream, and with them the stream.)"""

    def __init__(self, columns: "Sequence[Column]", batches: "Iterator[Batch]", binary: bool) -> None:
        self.columns, self.binary, self.row = list(columns), binary, 0
        self.portions: Optional[Iterator[Tuple[Dict[str, Any], int]]] = _portions(batches)
        self.code = 0  # an error ends the stream: whoever asks again gets it again
        self.message: Any = None

    def _fail(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, HeliodexError) else f"{type(error).__name__}: {error}"
        self.code, self.portions = _code_of(error), None
        self.message = ctypes.create_string_buffer(_abi.encode(text).replace(b"\0", b" "))

    def attempt(self, kind: Any, release: int, fill: Callable[[int], bool], out: int) -> int:
        """Has the consumer's structure filled; it is a released one where that fails, or there is nothing."""
        ctypes.memset(out, 0, sizeof(kind))
        filled = False
        if not self.code:
            try:
                filled = fill(out)
            except BaseException as error:
                self._fail(error)
        kind.from_address(out).release = release
        if not filled:
            (library.hdx_arrow_release_schema if kind is Schema else library.hdx_arrow_release_array)(out)
        return self.code

    def schema(self, out: int) -> bool:
        _fill_schema(out, self.columns, self.binary)
        return True

    def next(self, out: int) -> bool:
        portion = next(self.portions, None) if self.portions else None
        if portion is None:
            self.portions = None
            return False
        arrays, rows = portion
        _fill_array(out, arrays, rows, self.columns, self.binary, self.row)
        self.row += rows
        return True


_exports: Dict[int, _Export] = {}  # by the address of the int32 that says whether the stream was released


def _export_of(stream: int) -> _Export:
    return _exports[Stream.from_address(stream).private_data]


def _get_schema(stream: int, out: int) -> int:
    it = _export_of(stream)
    return it.attempt(Schema, _RELEASE_SCHEMA, it.schema, out)


def _get_next(stream: int, out: int) -> int:
    it = _export_of(stream)
    return it.attempt(Array, _RELEASE_ARRAY, it.next, out)


def _get_last_error(stream: int) -> Optional[int]:
    message = _export_of(stream).message
    return ctypes.addressof(message) if message else None


_GET_SCHEMA = CFUNCTYPE(c_int, c_void_p, c_void_p)(_get_schema)
_GET_NEXT = CFUNCTYPE(c_int, c_void_p, c_void_p)(_get_next)
_GET_LAST_ERROR = CFUNCTYPE(c_void_p, c_void_p)(_get_last_error)


def _sweep(_phase: str = "", _information: Any = None) -> None:
    """Forgets the streams that were released."""
    for address in list(_exports):
        export = _exports.pop(address, None) if c_int32.from_address(address).value else None
        if export:
            _libc.free(address)


gc.callbacks.append(_sweep)


def live() -> int:
    """How many streams are not released."""
    _sweep()
    return len(_exports)


# ---- the capsule

# Both outlive the module: capsules may be collected after it.
_CAPSULE_NAME = _text(b"arrow_array_stream")
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype, _new_capsule.argtypes = ctypes.py_object, [c_void_p, c_void_p, c_void_p]
_END_CAPSULE = _address(library.hdx_arrow_end_capsule)


def stream_of(columns: "Sequence[Column]", batches: "Iterator[Batch]", binary: bool = False) -> Any:
    """A PyCapsule of an Arrow stream of batches with these columns; `binary`: their keys are bytes."""
    _sweep()
    memory, flag = _zeros(sizeof(Stream)), _zeros(sizeof(c_int32))
    stream = Stream.from_address(memory)
    stream.get_schema, stream.get_next = _address(_GET_SCHEMA), _address(_GET_NEXT)
    stream.get_last_error = _address(_GET_LAST_ERROR)
    stream.release, stream.private_data = _RELEASE_STREAM, flag
    _exports[flag] = _Export(columns, batches, binary)
    return _new_capsule(memory, _CAPSULE_NAME, _END_CAPSULE)
