"""The bytes of data files, one file after the other, with many fetched ahead (hdx_stream)."""

from __future__ import annotations

import contextlib
import ctypes
import io
import time
from typing import Any, Callable, Generator, Iterator, List, Optional

import numpy as np

from . import _abi
from ._library import library
from .ahead import Ahead
from .errors import FailedS3Get, Failure, UsageError
from .files import Files, FileList, session_for
from .progress import ProgressLike, reporter
from .rows import instant
from .session import Owned, Session, session_of
from .settings import Value


class StreamedFile:
    """A data file: `uri` as the index has it, `data` (BytesIO of all its bytes), `start` and `stop` (datetime64[ns],
    NaT where not known), `size` (bytes), `filesize` (as the index has it, -1: not stated), `id` (of its dataset, ""
    where not known), `checks` (what it was verified by, as "size" and "md5")."""

    __slots__ = ("uri", "data", "start", "stop", "size", "filesize", "id", "checks")

    def __init__(self, file: _abi.File, data: io.BytesIO, checks: int) -> None:
        self.uri = str(file.location)
        self.data = data
        self.start: np.datetime64 = instant(file.start)
        self.stop: np.datetime64 = instant(file.stop)
        self.filesize: int = file.size
        self.size = data.getbuffer().nbytes
        self.id = str(file.id)
        self.checks = [name for number, name in enumerate(_abi.CHECK) if checks >> number & 1]

    def __repr__(self) -> str:
        return f"<heliodex.StreamedFile {self.uri}: {self.size} bytes>"


class FileFailure(FailedS3Get):
    """A data file could not be had, or was not what it should be: its `uri`, and the `status`."""

    uri: str = ""


def _failure(uri: str, status: int, message: bytes) -> FileFailure:
    error = FileFailure(f"{uri}: {_abi.decode(message)}" if uri not in _abi.decode(message) else _abi.decode(message))
    error.uri, error.status = uri, _abi.STATUS[status]
    return error


AHEAD_BYTES = 128 << 20  # of files that wait to be handed over, beside what the session holds


class Opened:
    """A list of files that is being read, by a thread that is ahead: iterate over it to get each file, or why it could
    not be had. `refused` says what of the list names no file, and is in no other way told."""

    def __init__(self, files: Files, session: Session, bucket: Optional[str] = None, ignore_size: bool = False,
                 ignore_checksums: bool = False) -> None:
        self._files = FileList(files, session, bucket)
        self._session = self._files.session
        options = _abi.StreamOptions()
        library.hdx_stream_options_init(ctypes.byref(options))
        options.ignore_size, options.ignore_checksums = ignore_size, ignore_checksums
        self._owned: Owned = self._session.open(library.hdx_stream_open, library.hdx_stream_close, self._files.owned,
                                                ctypes.byref(options))
        self.refused = self._files.refused
        self._ahead: "Optional[Ahead[StreamedFile | FileFailure]]" = None

    def __iter__(self) -> "Iterator[StreamedFile | FileFailure]":
        if self._ahead is None:  # not before somebody wants them
            self._ahead = Ahead(iter(self._next, None), lambda file: getattr(file, "size", 0), AHEAD_BYTES,
                                self._session.cancel, self._session.resume)
        return self._ahead

    def _next(self) -> "StreamedFile | FileFailure | None":
        data = io.BytesIO()
        while True:
            with self._session.lock:  # what a chunk points to lives no longer
                found, more = self._take(data)
            if not more:
                return found

    def _take(self, data: io.BytesIO) -> "tuple[StreamedFile | FileFailure | None, bool]":
        """Writes the next chunk to `data`: (what has come to its end, whether there is more of it)."""
        chunk = ctypes.POINTER(_abi.Chunk)()
        self._files.check()
        self._session.run(_next, self._owned, ctypes.byref(chunk))
        if not chunk:
            return None, False
        now = chunk.contents
        if now.status != _abi.OK:
            return _failure(str(now.file.contents.location), now.status, now.message or b""), False
        if now.bytes:
            data.write((ctypes.c_char * now.bytes).from_address(now.data))
        if not now.last:
            return None, True
        data.seek(0)
        return StreamedFile(now.file.contents, data, now.checks), False

    def close(self) -> None:
        if self._ahead:
            self._ahead.close()
        self._owned.close()
        self._files.close()


def _next(_session: int, stream: int, chunk: Any, error: Any) -> int:
    return int(library.hdx_stream_next(stream, chunk, error))


def stream(files: Files, process: Optional[Callable[[StreamedFile], Any]] = None, *,
           errors: "str | List[Failure]" = "raise", bucket: Optional[str] = None, ignore_size: bool = False,
           ignore_checksums: bool = False, progress: ProgressLike = None, session: Optional[Session] = None,
           **settings: Value) -> "Iterator[StreamedFile] | List[Failure]":
    """The files of a query, of a DataFrame (column datakey or key), or of URIs, in their order, many fetched ahead (up
    to the session's memory_bytes). Each is held as a whole: for those of many gigabytes use mirror.

    Without `process` it returns an iterator of StreamedFile. With it, each file is handed to `process`, whose failures
    count as the file's, and the list of failures is returned.

    errors   "raise": the first file that cannot be had ends it (FailedS3Get); a list: failures are appended to it and
             the others go on
    bucket   where keys without a scheme are, and through what s3:// locations of its own are read (a copy of a bucket)
    ignore_size, ignore_checksums   the index may be wrong about them
    """
    if errors != "raise" and not isinstance(errors, list):
        raise UsageError(f"errors: expected 'raise' or a list, found {errors!r}")
    given = session_for(files, session)
    owner = session_of(given, settings)
    opened = Opened(files, owner, bucket, ignore_size, ignore_checksums)
    found = _iterate(opened, errors, Display(files, progress))
    if process is None:
        return found
    failures = errors if isinstance(errors, list) else []
    with contextlib.closing(found):
        for file in found:
            try:
                process(file)
            except Exception as error:
                if errors == "raise":
                    raise
                failures.append(Failure(file.uri, type(error).__name__, str(error)))
    return failures


class Display:
    """Progress of a stream, which is told by the files that were handed over."""

    def __init__(self, files: Any, progress: ProgressLike) -> None:
        total = len(files) if hasattr(files, "__len__") and not isinstance(files, str) else 0
        self.reporter = reporter(progress, "files")
        self.begun = time.monotonic_ns()
        self.told = 0
        self.state = _abi.Progress(files_total=total)

    def count(self, file: "StreamedFile | FileFailure") -> None:
        self.state.files_done += 1
        if isinstance(file, FileFailure):
            self.state.failures += 1
        else:
            self.state.bytes += file.size
        now = time.monotonic_ns()
        if self.reporter and now - self.told > 100_000_000:
            self.told, self.state.elapsed_ns = now, now - self.begun
            self.reporter.tell(self.state)

    def end(self) -> None:
        if self.reporter:
            self.reporter.end()


def refused(opened: Opened) -> FileFailure:
    """The next of the rows that name no file."""
    error = FileFailure(opened.refused.pop(0) if opened.refused else "it names no file")
    error.status = "USAGE"
    return error


def _iterate(opened: Opened, errors: Any, display: Display) -> "Generator[StreamedFile, None, None]":
    def fail(failure: FileFailure) -> None:
        if errors == "raise":
            raise failure
        errors.append(Failure(failure.uri, failure.status, failure.message))

    try:
        for file in opened:
            while opened.refused:
                fail(refused(opened))
            display.count(file)
            if isinstance(file, FileFailure):
                fail(file)
            else:
                yield file
        while opened.refused:
            fail(refused(opened))
    finally:
        opened.close()
        display.end()


__all__ = ["FileFailure", "StreamedFile", "stream"]
