"""Runs over whole buckets: `index` fetches index files, `mirror` downloads data files."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Dict, List, Optional, Type, TypeVar, Union

from . import _abi
from ._library import library
from .errors import Failure, UsageError, of_call
from .files import Files, FileList, session_for
from .progress import ProgressLike, reporter
from .question import Texts, count_of, listed
from .session import Session, session_of, texts
from .settings import Value
from .times import to_ns


class RunSummary:
    """What a run did; `failures` are the items of it that failed, each with its URL, status and message."""

    failures: List[Failure]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class IndexSummary(RunSummary):
    """As struct hdx_index_summary: datasets, files, files_fetched, files_unchanged, gaps, rows, rows_bad, bytes …"""


class MirrorSummary(RunSummary):
    """As struct hdx_mirror_summary: files, unchanged, fetched, resumed, failed, bytes_fetched …; `checked` is how many
    files were verified by each check."""


S = TypeVar("S", bound=RunSummary)


def _summary(kind: Type[S], raw: ctypes.Structure, failures: List[Failure]) -> S:
    summary = kind()
    for name, _ in raw._fields_:
        value = getattr(raw, name)
        setattr(summary, name, dict(zip(_abi.CHECK, value)) if name == "checked" else value)
    summary.failures = failures
    return summary


def _settle(status: int, error: _abi.Error, summary: RunSummary, errors: str, allowed: "tuple[int, ...]") -> None:
    """Raises what came of a run, with the summary; failures of items only if errors are to be raised."""
    if status == _abi.OK or (errors == "collect" and summary.failures and status in (_abi.PARTIAL, *allowed)):
        return
    raised = of_call(status, error)
    raised.summary, raised.failures = summary, summary.failures  # type: ignore[attr-defined]
    raise raised


# What may come of a run all of whose items failed: their statuses, not those that end a run.
_ITEMS = (_abi.NOT_FOUND, _abi.DENIED, _abi.TEMPORARY, _abi.INTEGRITY)


def _check_errors(errors: str) -> None:
    if errors not in ("raise", "collect"):
        raise UsageError(f"errors: expected 'raise' or 'collect', found {errors!r}")


def index(bucket: str, ids: Texts = None, start: Any = None, stop: Any = None, *, errors: str = "raise",
          strict: bool = False, keep_vanished: bool = False, max_bad_rows: Optional[int] = None,
          discover: str = "auto", keep_index: Union[None, str, "os.PathLike[str]"] = None, dry_run: bool = False,
          progress: ProgressLike = None, session: Optional[Session] = None, **settings: Value) -> IndexSummary:
    """Fetches the index files of the bucket's datasets (all, or those whose ids match), many at once, and writes or
    refreshes their snapshots; what did not change is not fetched. Queries are answered from them.

    start, stop     only the years that these name
    errors          "raise": PartialError (or what all failed by) once everything else is done, with .summary;
                    "collect": failures are in the summary alone
    strict, keep_vanished, max_bad_rows, discover, keep_index, dry_run   as the program's options of these names
    """
    _check_errors(errors)
    if discover not in _abi.DISCOVER:
        raise UsageError(f"discover: expected one of {', '.join(_abi.DISCOVER)}, found {discover!r}")
    owner = session_of(session, settings)
    options = _abi.IndexOptions()
    library.hdx_index_options_init(ctypes.byref(options))
    options.start, options.stop = to_ns(start, "start"), to_ns(stop, "stop")
    options.strict, options.keep_vanished, options.dry_run = strict, keep_vanished, dry_run
    options.discover = _abi.DISCOVER.index(discover)
    if max_bad_rows is not None:
        options.bad_rows_max = count_of(max_bad_rows, "max_bad_rows")
    if keep_index is not None:
        options.keep_index = _path(keep_index, "keep_index")
    failures: List[Failure] = []

    def failed(item: _abi.IndexItem) -> None:
        if item.status != _abi.OK:
            url = _abi.decode(item.url or b"") or _abi.decode(item.bucket) + str(item.id)
            failures.append(Failure(url, _abi.STATUS[item.status], _abi.decode(item.message)))

    options.item = _abi.IndexItemFunction(_guarded(owner, failed))
    raw, names = _abi.IndexSummary(), listed(ids)
    result: Dict[str, Any] = {}

    def settle(status: int, error: _abi.Error) -> None:
        result["summary"] = summary = _summary(IndexSummary, raw, failures)
        _settle(status, error, summary, errors, _ITEMS)

    owner.run(library.hdx_index, texts([bucket])[0], texts(names), len(names), ctypes.byref(options),
              ctypes.byref(raw), reporter=reporter(progress, "index files"), settle=settle)
    summary: IndexSummary = result["summary"]
    return summary


def _guarded(session: Session, function: Callable[[Any], None]) -> Callable[[Any, Any], None]:
    """What a callback raises ends the call, and is raised then."""

    def call(_user: Any, pointer: Any) -> None:
        try:
            function(pointer.contents)
        except BaseException as error:
            session.fail(error)

    return call


class MirrorItem:
    """What became of one file of a mirror: `uri`, `path` below the destination, `outcome` ("unchanged", "fetched",
    "resumed", "failed", "left", "deleted"), `status`, `message`, `size`, `bytes` (from the network)."""

    __slots__ = ("uri", "path", "outcome", "status", "message", "size", "bytes")

    def __init__(self, item: _abi.MirrorItem) -> None:
        self.uri = str(item.file.contents.location)
        self.path = _abi.decode(item.path or b"")
        self.outcome, self.status = _abi.OUTCOME[item.outcome], _abi.STATUS[item.status]
        self.message = _abi.decode(item.message or b"")
        self.size, self.bytes = item.size, item.bytes

    def __repr__(self) -> str:
        return f"<heliodex.MirrorItem {self.outcome}: {self.uri}>"


def mirror(files: Files, dest: "str | os.PathLike[str]", *, layout: Optional[str] = None, errors: str = "raise",
           item: Optional[Callable[[MirrorItem], Any]] = None, bucket: Optional[str] = None, fsync: str = "batch",
           ignore_size: bool = False, ignore_checksums: bool = False, adopt: bool = False, recheck: bool = False,
           max_bytes: int = 0, max_seconds: float = 0, keep_free: Optional[int] = None, delete_extra: bool = False,
           delete_max: int = 0, shard: Optional[str] = None, dry_run: bool = False, progress: ProgressLike = None,
           session: Optional[Session] = None, **settings: Value) -> MirrorSummary:
    """Downloads the files of a query, of a DataFrame (column datakey or key), or of URIs to the folder `dest`, many at
    once, each verified before it gets its name. What is there already is not asked for, what was begun is gone on with.

    layout    path of each file: "{key}" (as in the bucket), or with {name}, {id}, {start:%Y/%m} …
    errors    "raise": PartialError (or what all failed by) once everything else is done, with .summary; "collect":
              failures are in the summary alone
    item      called with a MirrorItem for each file, once it has settled
    the rest  as the program's options of these names
    """
    _check_errors(errors)
    if fsync not in _abi.FSYNC:
        raise UsageError(f"fsync: expected one of {', '.join(_abi.FSYNC)}, found {fsync!r}")
    list_ = FileList(files, session_of(session_for(files, session), settings), bucket)
    owner = list_.session
    options = _abi.MirrorOptions()
    library.hdx_mirror_options_init(ctypes.byref(options))
    options.layout, options.shard = _text(layout), _text(shard)
    options.fsync = _abi.FSYNC.index(fsync)
    options.ignore_size, options.ignore_checksums = ignore_size, ignore_checksums
    options.adopt, options.recheck, options.delete_extra, options.dry_run = adopt, recheck, delete_extra, dry_run
    options.bytes_max = count_of(max_bytes, "max_bytes")
    options.duration_ms_max = count_of(round(max_seconds * 1000), "max_seconds")
    options.delete_max = count_of(delete_max, "delete_max")
    if keep_free is not None:
        options.keep_free_bytes = count_of(keep_free, "keep_free")
    failures: List[Failure] = []

    def settled(raw_item: _abi.MirrorItem) -> None:
        if raw_item.outcome == _FAILED or item:
            found = MirrorItem(raw_item)
            if raw_item.outcome == _FAILED:
                failures.append(Failure(found.uri, found.status, found.message))
            if item:
                item(found)

    options.item = _abi.MirrorItemFunction(_guarded(owner, settled))
    raw = _abi.MirrorSummary()
    result: Dict[str, Any] = {}

    def settle(status: int, error: _abi.Error) -> None:
        failures.extend(Failure("", "USAGE", message) for message in list_.refused)
        result["summary"] = summary = _summary(MirrorSummary, raw, failures)
        _settle(status, error, summary, errors, _ITEMS)

    try:
        owner.run(library.hdx_mirror, list_.owned, _path(dest, "dest"), ctypes.byref(options), ctypes.byref(raw),
                  reporter=reporter(progress, "mirror"), settle=settle)
    finally:
        list_.close()
    summary: MirrorSummary = result["summary"]
    return summary


_FAILED = _abi.OUTCOME.index("failed")


def _path(value: "str | os.PathLike[str]", name: str) -> bytes:
    path = os.fsencode(value)
    if not path or b"\0" in path:
        raise UsageError(f"{name}: expected a path, found {value!r}")
    return path


def _text(value: Optional[str]) -> Optional[bytes]:
    return None if value is None else texts([value])[0]
