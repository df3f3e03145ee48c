"""The original tool's classes for one bucket: FileRegistry, and CloudCatalog, as it is called today.

Both load and check the bucket's catalog.json when they are made, and answer for its datasets with DataFrames. What
differs from the original is listed in README.md ("Differences"); `strict=True` brings back its behaviour where scripts
could rely on it.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import fnmatch
import functools
import json
import logging
import os
import re
import shutil
import tempfile
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import _abi
from ._library import library
from .cache import Cache
from .documents import parse
from .errors import (
    DeniedCatalog,
    FailedCatalog,
    Failure,
    HeliodexError,
    IntegrityError,
    NotFoundError,
    TemporaryError,
    UnavailableData,
    UnreachableCatalog,
    UsageError,
)
from .frames import frame_of
from .handing import hand_files, hand_uris
from .jobs import index
from .progress import ProgressLike
from .registry import RETRIES
from .rows import Batch, Query, query
from .session import Owned, Session, texts
from .settings import Settings, Value, check_names
from .taking import Keys
from .times import to_ns, to_text

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger("heliodex")

QUERIES_OPEN = 16  # whose snapshots are kept open for the next question
_STRICT_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?Z")
_OF_SNAPSHOT = re.compile(r"/.*\.hdx: ")  # how messages about one begin: with its path; index files have URLs
# Members of an entry that decide which index files there are, today's spelling and the earlier one.
_DECISIVE = (("id",), ("index", "loc"), ("start", "startdate"), ("stop", "enddate"), ("indextype", "ndxformat"),
             ("multiyear",))


class _OnBoth:
    """A function whose first argument is the object, or None where the class itself was asked for it: scripts call
    `CloudCatalog.stream(frame, f)`, and with a bucket of one's own `fr.stream(frame, f)` knows its settings."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: Any) -> Callable[..., Any]:
        return functools.wraps(self.function)(functools.partial(self.function, instance))


def _member(entry: Dict[str, Any], names: Sequence[str]) -> Any:
    return next((entry[name] for name in names if name in entry), None)


class _Overlay:
    """A dataset whose entry a script has changed or made: the library is told it in a store of its own."""

    def __init__(self, bucket: str, settings: Dict[str, Value], catalog: Dict[str, Any], entry: Dict[str, Any]) -> None:
        self.entry = copy.deepcopy(entry)
        folder = tempfile.mkdtemp(prefix="heliodex-")
        self.session = Session(**{**settings, "store": folder, "refresh": False})
        self._finalizer = weakref.finalize(self, _end_overlay, self.session, folder, os.getpid())
        document = {**{name: value for name, value in catalog.items() if name != "catalog"}, "catalog": [self.entry]}
        data = json.dumps(document).encode()
        self.session.run(library.hdx_catalog_put, texts([bucket])[0], _abi.text(data))

    def close(self) -> None:
        self._finalizer()


def _end_overlay(session: Session, folder: str, process: int) -> None:
    session.close()
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


class Bucket:
    """What both classes have in common."""

    _match = "overlap"
    _titles: Dict[str, str] = {}

    def __init__(self, bucket_name: str, cache_folder: Optional[str] = None, cache: bool = False,
                 altcatalog: Optional[str] = None, *, strict: bool = False, allow_partial: bool = False,
                 progress: ProgressLike = None, **client_kwargs: Value) -> None:
        """
        bucket_name    s3:// URL or name of the bucket; also a name in the registry, an http(s):// prefix, or a file://
                       folder that holds a copy
        cache          keep catalog.json and index files in `cache_folder` (default: bucket_name + "_cache") and ask for
                       none that is there, unless a request says overwrite=True; False: everything is asked for again,
                       and fetched if it has changed
        altcatalog     the catalog's name, if it is not catalog.json
        strict         behave as the original where this module does better (README.md, "Differences")
        allow_partial  answer although a year that is wanted cannot be read (logged; strict: as the original, silently)
        progress       None: of long requests, on a terminal or in a notebook; True, False, or a function
        client_kwargs  as boto3.client has them (region_name, aws_access_key_id, endpoint_url …), and heliodex.settings

        FailedCatalog (a FailedS3Get and a KeyError): the catalog cannot be had, or is none; UnavailableData: it says
        that the archive is unavailable (1400).
        """
        check_names(client_kwargs)
        if not isinstance(bucket_name, str) or not bucket_name:
            raise UsageError(f"bucket_name: expected s3://BUCKET/ or the name of a bucket, found {bucket_name!r}")
        self.bucket = bucket_name
        self.bucket_name = (bucket_name[5:] if bucket_name.startswith("s3://") else bucket_name).rstrip("/")
        self.cache, self.altcatalog, self.strict = cache, altcatalog, strict
        self.allow_partial, self.progress = allow_partial or strict, progress
        self._settings: Dict[str, Value] = dict(client_kwargs)
        if altcatalog is not None:
            self._settings["catalog_name"] = altcatalog
        self.cache_folder: Optional[str] = None
        self._cache: Optional[Cache] = None
        self._refreshing = not cache and not client_kwargs.get("offline")
        if self._refreshing:
            self._settings.setdefault("refresh", True)
        self._queries: "OrderedDict[str, Query]" = OrderedDict()
        self._overlays: Dict[str, _Overlay] = {}
        if cache:
            self._begin_cache(cache_folder)
        else:
            self.session = self._new_session()
        self._published: Optional[Owned]
        self._published, data = self._load()
        try:
            self.catalog: Dict[str, Any] = parse(data, f"{bucket_name}: the catalog")
        except IntegrityError as error:
            raise _failed(error) from error
        if self._cache:
            self._cache.write(altcatalog or "catalog.json", data)
        if strict:
            self._check_entries()

    def __getstate__(self) -> Dict[str, Any]:
        """For other processes (pickle) and copies: settings and catalog; what is open stays here."""
        return {**self.__dict__, "session": None, "_published": None, "_queries": OrderedDict(), "_overlays": {}}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.session = self._new_session()

    def _new_session(self) -> Session:
        return Session(**({**self._settings, "refresh": False} if self._cache else self._settings))

    # ---- the catalog

    def _begin_cache(self, folder: Optional[str]) -> None:
        plain = re.sub(r"[:/]+", "_", self.bucket_name) if "://" in self.bucket_name else self.bucket_name
        self.cache_folder = os.fspath(folder) if folder is not None else plain + "_cache"
        self._cache = Cache(self.cache_folder)
        self._settings.update(store=self._cache.store, index_cache=self.cache_folder)
        self.session = self._new_session()

    def _load(self) -> Tuple[Owned, bytes]:
        """The catalog, asked for anew; where that fails for now, the cache's."""
        try:
            if self._cache and not self._settings.get("offline"):
                self._ask_anew(self._cache.read(self.altcatalog or "catalog.json") is not None)
            published = self._open(self.session)
        except TemporaryError as error:
            kept = self._cache.read(self.altcatalog or "catalog.json") if self._cache else None
            if kept is None:
                raise _failed(error) from error
            logger.warning("the catalog of the cache is used: %s", error)
            self.session.run(library.hdx_catalog_put, texts([self.bucket])[0], _abi.text(kept))
            published = self._open(self.session)
        except (UnavailableData, UsageError):
            raise
        except HeliodexError as error:
            raise _failed(error) from error
        return published, library.hdx_catalog_json(published.handle).raw()

    def _ask_anew(self, is_kept: bool) -> None:
        """Has the store hold the newest catalog. A server that is silent does not keep for long what is at hand."""
        settings: Dict[str, Value] = {**self._settings, "refresh": True}
        if is_kept and Settings(settings).get("retries") is None:
            settings["retries"] = RETRIES
        with Session(**settings) as asking:
            self._open(asking).close()

    def _open(self, session: Session) -> Owned:
        return session.open(library.hdx_catalog_load, library.hdx_catalog_close, texts([self.bucket])[0])

    def _check_entries(self) -> None:
        """What the original insists on."""
        for entry in self.catalog["catalog"]:
            missing = [names[0] for names in (*_DECISIVE[:2], ("title",), *_DECISIVE[2:4])
                       if _member(entry, names) is None]
            if missing:
                raise KeyError(f"an entry of the catalog lacks {', '.join(missing)}: {entry}")
            place = _member(entry, _DECISIVE[1])
            if not (place.startswith(("s3://", "http")) and place.endswith("/")):
                raise ValueError(f"an entry's index is no s3:// or http(s):// URL that ends with a slash: {place}")

    def get_catalog(self) -> Dict[str, Any]:
        """The whole catalog."""
        return self.catalog

    def get_entries_dict(self) -> List[Dict[str, Any]]:
        """The entries of all datasets."""
        entries: List[Dict[str, Any]] = self.catalog["catalog"]
        return entries

    def get_entries_id_title(self) -> List[Tuple[str, str]]:
        """(id, title) of all datasets."""
        return [(entry["id"], entry.get("title", "")) for entry in self._whole_entries()]

    def get_entries(self) -> List[Tuple[str, str]]:
        """(id, title) of all datasets."""
        return self.get_entries_id_title()

    def _whole_entries(self) -> List[Dict[str, Any]]:
        return [entry for entry in self.get_entries_dict() if isinstance(entry, dict)
                and isinstance(entry.get("id"), str)]

    def get_entry(self, entry_id: str) -> Dict[str, Any]:
        """The entry of a dataset: that called so, or else in any letter case. KeyError: none; ValueError: several."""
        if not isinstance(entry_id, str):
            raise UsageError(f"expected the id of a dataset, found {entry_id!r}")
        entries = self._whole_entries()
        found = [entry for entry in entries if entry["id"] == entry_id]
        if not found and not self.strict:
            found = [entry for entry in entries if entry["id"].lower() == entry_id.lower()]
        if not found:
            raise NotFoundError(f"no dataset of {self.bucket_name} is called {entry_id!r}")
        if len(found) > 1:
            raise UsageError(f"{len(found)} datasets of {self.bucket_name} are called {entry_id}")
        return found[0]

    def robust_get_entry(self, id: str) -> Optional[Dict[str, Any]]:
        """The first entry that is called so, or else in any letter case; None: there is none."""
        entries = self._whole_entries()
        for same in (lambda entry: entry["id"] == id, lambda entry: entry["id"].lower() == id.lower()):
            found = next(filter(same, entries), None)
            if found is not None:
                return found
        return None

    def reverse_lookup_ids(self, partial_path: str, *, regex: bool = False, ignore_case: bool = False) -> List[str]:
        """The ids of datasets whose index location holds `partial_path` (or matches it as a regular expression)."""
        pattern = re.compile(partial_path if regex else re.escape(partial_path), re.IGNORECASE if ignore_case else 0)
        return [entry["id"] for entry in self._whole_entries()
                if pattern.search(str(_member(entry, ("index", "loc")) or ""))]

    # ---- rows

    def _range(self, start: Any, stop: Any) -> Tuple[int, int]:
        if self.strict:
            for date in (start, stop):
                if not _STRICT_DATE.fullmatch(date if date[-1] == "Z" else date + "Z"):
                    raise ValueError(f"expected YYYY-MM-DDThhZ, with minutes and seconds if you like, found {date}")
        first, last = to_ns(start, "start_date"), to_ns(stop, "stop_date")
        if _abi.TIME_NONE not in (first, last) and last < first:
            raise UsageError(f"start_date ({start}) must not be after stop_date ({stop})")
        return first, last

    def _knows(self, id: str) -> Optional[Dict[str, Any]]:
        """The entry as the library knows it; None: it has no such dataset."""
        if self._published is None or not self._published.is_open:  # of the parent process, or another one
            self._published = self._open(self.session)
        dataset = ctypes.POINTER(_abi.Dataset)()
        try:
            self.session.call(library.hdx_catalog_find, self._published, texts([id])[0], ctypes.byref(dataset))
        except HeliodexError:
            return None
        entry: Dict[str, Any] = json.loads(dataset.contents.json.raw())
        return entry

    def _as_published(self, entry: Dict[str, Any]) -> bool:
        """Whether the library knows the entry as it is, in what matters for its index files."""
        published = self._knows(entry["id"])
        return published is not None and all(_member(entry, names) == _member(published, names) for names in _DECISIVE)

    def _session_of(self, entry: Dict[str, Any], overwrite: bool) -> Session:
        if self._as_published(entry):
            return self.session
        id = entry["id"]
        overlay = self._overlays.get(id)
        if overlay and overlay.entry == entry and not overwrite and not self._refreshing:
            return overlay.session
        if overlay:
            self._forget(id)
            overlay.close()
        if overwrite and self._cache:
            self._cache.remove(id)
        self._overlays[id] = overlay = _Overlay(self.bucket, self._settings, self.catalog, entry)
        return overlay.session

    def _forget(self, id: str) -> None:
        opened = self._queries.pop(id, None)
        if opened:
            opened.close()

    def _fetch(self, session: Session, id: str, first: int, last: int) -> None:
        """Asks for the index files of the range anew."""
        start, stop = (None if time == _abi.TIME_NONE else to_text(time, 9) for time in (first, last))
        self._forget(id)
        index(self.bucket, id, start, stop, session=session, progress=self.progress,
              errors="collect" if self.allow_partial else "raise")

    def _drop_changed(self, session: Session, id: str) -> None:
        state = self._cache.state(id) if self._cache else "same"
        if state != "same":
            self._forget(id)
        if state == "changed":
            self._remove_snapshot(session, id)

    def _remove_snapshot(self, session: Session, id: str) -> bool:
        """Whether there was one."""
        removed = ctypes.c_uint64()
        try:
            session.run(library.hdx_store_remove, texts([self.bucket])[0], texts([id]), 1, ctypes.byref(removed))
        except NotFoundError:
            pass
        return removed.value > 0

    def _drop_damaged(self, catalog_id: str, error: IntegrityError) -> bool:
        """Removes the snapshot of a dataset if it is what is damaged: a script that knows index files alone is not to
        end by it. False: it is not, or there is nothing to make it of."""
        if not _OF_SNAPSHOT.match(str(error)) or self._settings.get("offline") and self._cache is None:
            return False
        entry = self.get_entry(catalog_id)
        self._forget(entry["id"])
        return self._remove_snapshot(self._session_of(entry, False), entry["id"])

    def _ask(self, id: str, first: int, last: int, overwrite: bool) -> Query:
        """The answer to a range, perhaps of a query that was open already."""
        entry = self.get_entry(id)
        id = entry["id"]
        session = self._session_of(entry, overwrite)
        opened = None if overwrite else self._opened(session, id, first, last)
        if opened:
            return opened
        # Of processes that share a cache one at a time makes of its files what is to be asked.
        with self._cache.locked() if self._cache else contextlib.nullcontext():
            return self._open_query(session, id, first, last, overwrite)

    def _opened(self, session: Session, id: str, first: int, last: int) -> Optional[Query]:
        """The query that is open, if it can answer for the range."""
        opened = self._queries.get(id)
        if not opened or not opened._owned.is_open or opened.session is not session or self._refreshing:
            return None
        if self._cache and self._cache.state(id) != "same":
            return None
        self._queries.move_to_end(id)
        try:
            return opened._range_ns(first, last)
        except NotFoundError:
            return None  # years that are not held

    def _open_query(self, session: Session, id: str, first: int, last: int, overwrite: bool) -> Query:
        if overwrite and session is self.session:
            self._fetch(session, id, first, last)
        self._drop_changed(session, id)
        self._forget(id)
        span = [None if time == _abi.TIME_NONE else to_text(time, 9) for time in (first, last)]
        opened = query(self.bucket, id, *span, match=self._match, allow_partial=self.allow_partial, session=session,
                       progress=self.progress)
        if opened.incomplete_years:
            logger.log(logging.DEBUG if self.strict else logging.WARNING,
                       "%s: %d years are missing or older than their index files", id, opened.incomplete_years)
        if self._cache:
            self._cache.saw(id)
        self._queries[id] = opened
        while len(self._queries) > QUERIES_OPEN:
            self._forget(next(iter(self._queries)))
        return opened

    def _request(self, catalog_id: str, start: Any, stop: Any, overwrite: bool, columns: Optional[Sequence[str]],
                 keys: Keys) -> Any:
        first, last = self._range(start, stop)
        with self.session.lock:  # the queries that are open are everybody's
            try:
                batch, titles, none = self._take(catalog_id, first, last, overwrite, columns, keys)
            except IntegrityError as error:
                if not self._drop_damaged(catalog_id, error):
                    raise
                logger.warning("%s: made anew", error)
                batch, titles, none = self._take(catalog_id, first, last, overwrite, columns, keys)
        return [] if none else frame_of(batch, titles)

    def _take(self, catalog_id: str, first: int, last: int, overwrite: bool, columns: Optional[Sequence[str]],
              keys: Keys) -> Tuple[Batch, Dict[str, str], bool]:
        """The rows of a range, the titles of their columns, and whether the original would have no index file."""
        opened = self._ask(catalog_id, first, last, overwrite and self._cache is not None)
        titles = self._titles_of(opened, columns)
        opened._select(list(titles), keys)
        batch = opened.to_batch()
        none = self.strict and not len(batch) and self._no_files(opened, first, last)
        if self._refreshing:
            self._forget(opened.ids[0])
        return batch, titles, none

    def _titles_of(self, opened: Query, columns: Optional[Sequence[str]]) -> Dict[str, str]:
        """The columns of the frame: name in the query, title in the frame."""
        titles = {name: title for name, title in self._titles.items()
                  if not (name == "stop" and self._match == "start" and opened.stop_made_up)}
        for extra in opened.extras:
            taken = extra.name in titles.values()
            titles[extra.name] = f"extra_{extra.name}" if taken else extra.name
        if columns is None:
            return titles
        names = {title: name for name, title in titles.items()}
        unknown = [title for title in columns if title not in names]
        if unknown:
            raise UsageError(f"columns: there is no {unknown[0]!r}; there are {', '.join(names)}")
        return {names[title]: title for title in columns}

    def _no_files(self, opened: Query, first: int, last: int) -> bool:
        """Whether not even the years of the range have rows: the original's answer is an empty list then."""
        years = [to_text(time)[:4] for time in (first, last)]
        try:
            return bool(opened.range(years[0], str(int(years[1]) + 1)).summary().rows == 0)
        except NotFoundError:
            return True

    # ---- files

    @_OnBoth
    def stream(self: "Optional[Bucket]", cloud_catalog: "pandas.DataFrame", process_func: Callable[..., Any],
               ignore_faileds3get: bool = False, *, errors: Optional[List[Failure]] = None,
               progress: ProgressLike = None, **client_kwargs: Value) -> None:
        """Calls process_func(bytes as a BytesIO, start, stop, filesize) for each row's file, in their order, while the
        next ones are fetched; a function of three arguments is called without `stop`.

        A file that cannot be had raises FailedS3Get; with ignore_faileds3get it is left out (logged); with `errors`, a
        list, it and what process_func raises are appended to that as Failure, and the others go on."""
        if self and client_kwargs:
            raise TypeError("the bucket has its own settings")
        # One of its own: what is left of a stream that ends early is cancelled, with all that its session does.
        with Session(**{**self._settings, "refresh": False} if self else client_kwargs) as session:
            hand_files(cloud_catalog, process_func, session=session, ignore=ignore_faileds3get, errors=errors,
                       none_if_failed=bool(self and self.strict), bucket=self.bucket if self else None,
                       progress=progress)

    @_OnBoth
    def stream_uri(self: "Optional[Bucket]", cloud_catalog: "pandas.DataFrame",
                   process_func: Callable[..., Any]) -> None:
        """Calls process_func(uri, start, stop, filesize) for each row, in their order; a function of three arguments is
        called without `stop`."""
        hand_uris(cloud_catalog, process_func)

    def sample_file(self, id: str) -> str:
        """The first row's key, by a small range request. KeyError: no such dataset; RuntimeError: there is no row."""
        entry = self.get_entry(id)
        session = self._session_of(entry, False)
        probe = ctypes.POINTER(_abi.Probe)()
        try:
            session.run(library.hdx_probe, texts([self.bucket])[0], texts([entry["id"]])[0], ctypes.byref(probe))
            if not probe.contents.has_row:
                raise RuntimeError(f"{entry['id']}: no first row: {_abi.decode(probe.contents.message or b'')}")
            return str(probe.contents.key)
        finally:
            if probe:
                library.hdx_probe_free(probe)

    @_OnBoth
    def ls_wildcard(self: "Optional[Bucket]", cloud_catalog: "pandas.DataFrame", pattern: str,
                    use_basename: bool = False) -> List[str]:
        """The keys of a frame that match a shell pattern (case counts); with use_basename, whose last part does."""
        keys = cloud_catalog["datakey" if "datakey" in cloud_catalog.columns else "key"]
        return [key for key in keys
                if fnmatch.fnmatchcase(key.rsplit("/", 1)[-1] if use_basename else key, pattern)]

    def __repr__(self) -> str:
        return f"<heliodex.{type(self).__name__} of {self.bucket_name}>"


def _failed(error: HeliodexError) -> FailedCatalog:
    kind = {"DENIED": DeniedCatalog, "TEMPORARY": UnreachableCatalog}.get(error.status, FailedCatalog)
    failed = kind(str(error))
    failed.status = error.status
    return failed


class FileRegistry(Bucket):
    """The original tool's class: rows are those that start in the range, in the columns startdate, key and filesize,
    then stopdate, if the index has stops, and what else it has."""

    _match = "start"
    _titles = {"start": "startdate", "datakey": "key", "filesize": "filesize", "stop": "stopdate"}

    def __init__(self, bucket_name: str, cache_folder: Optional[str] = None, cache: bool = True,
                 **client_kwargs: Any) -> None:
        super().__init__(bucket_name, cache_folder, cache, **client_kwargs)

    __init__.__doc__ = Bucket.__init__.__doc__

    def request_file_registry(self, catalog_id: str, start_date: Any = None, end_date: Any = None,
                              overwrite: bool = False, *, stop_date: Any = None,
                              columns: Optional[Sequence[str]] = None, keys: Keys = "str") -> "pandas.DataFrame":
        """The files of a dataset that start in the range, by start.

        start_date, end_date  ISO 8601 (any truncation, the final Z may be missing), datetime, Timestamp; None: from the
                              first, to the last. stop_date is another name of end_date.
        overwrite             with a cache: ask for the index files of the range, and fetch those that have changed
        columns               those that are wanted; others are not even decoded
        keys                  "str", "bytes" or "lazy" (made when looked at)

        startdate and stopdate are datetime64[ns] without a zone, UTC; filesize is int64, -1 where it is not stated.
        KeyError: no such dataset; ValueError: dates; FailedS3Get or another HeliodexError: a year cannot be read.
        """
        return self._request(catalog_id, start_date, _either(end_date, stop_date), overwrite, columns, keys)


class CloudCatalog(Bucket):
    """Today's class: rows are those that overlap the range, in the columns start, stop, datakey and filesize, and what
    else the index has."""

    _titles = {"start": "start", "stop": "stop", "datakey": "datakey", "filesize": "filesize"}

    def request_cloud_catalog(self, catalog_id: str, start_date: Any = None, stop_date: Any = None,
                              overwrite: bool = False, *, end_date: Any = None,
                              columns: Optional[Sequence[str]] = None, keys: Keys = "str") -> "pandas.DataFrame":
        """The files of a dataset that overlap the range (stop >= start_date and start < stop_date), by start.

        As FileRegistry.request_file_registry, but for the columns' names; end_date is another name of stop_date.
        """
        return self._request(catalog_id, start_date, _either(stop_date, end_date), overwrite, columns, keys)


def _either(one: Any, other: Any) -> Any:
    if one is not None and other is not None:
        raise TypeError("end_date and stop_date are the same argument")
    return other if one is None else one
