"""What there is, bucket by bucket: `tree` groups the datasets, `spider` counts and lists their files.

Both are on the command line, too: python -m heliodex.compat.cloudcatalog tree|spider.
"""

from __future__ import annotations

import contextlib
import csv
import ctypes
import logging
import os
import re
import urllib.parse
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, TextIO, Tuple, Union

import numpy as np

from ... import _abi
from ..._library import library
from ...errors import HeliodexError
from ...jobs import index
from ...progress import ProgressLike
from ...rows import Batch, query
from ...session import Session, texts
from ...settings import Value
from .main import CloudCatalog, EntireCatalogSearch

logger = logging.getLogger("heliodex")

COUNTS_FILE = "spiderout.txt"
MANIFEST_FILE = "manifest_spider.txt"
_MANIFEST = ("start", "stop", "datakey", "filesize")  # what the index files of all datasets have
_YEARS = (1678, 2261)  # that are whole among the times that can be told
_UNITS: Dict[int, Any] = {0: "s", 3: "ms", 6: "us", 9: "ns"}

Entry = Dict[str, Any]
Say = Callable[[str], Any]


class SpiderItem(List[str]):
    """[id, start, stop] of a dataset; `catalog` is its bucket's, so that lists of several buckets may be cut, sorted
    and joined."""

    def __init__(self, values: Sequence[str], catalog: CloudCatalog) -> None:
        super().__init__(values)
        self.catalog = catalog


def _printable(text: str) -> str:
    """What comes from outside must not control a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _say(text: str) -> None:
    print(_printable(text))


def _silent(_text: str) -> None:
    pass


# ---- tree


def tree(catalog: "Union[None, str, os.PathLike[str]]" = None, returnvars: bool = False, printme: bool = True,
         collection: Optional[str] = None, *, progress: ProgressLike = None,
         **settings: Value) -> "Optional[Tuple[List[SpiderItem], Optional[CloudCatalog]]]":
    """Prints the buckets of a registry, and how many datasets there are of each group: those whose ids begin with the
    same word (up to "_", in any letter case).

    catalog      URL or path of the registry; None: $ROOT_CATALOG_REGISTRY_URL, or else HelioCloud's
    returnvars   return ([id, start, stop] of all datasets, the CloudCatalog of the last bucket that has some)
    printme      False: print nothing
    collection   only datasets that say they are in it (the original knows "CDAWeb" only)
    settings     heliodex.settings
    """
    say = _say if printme else _silent
    search = EntireCatalogSearch(catalog, progress=progress, **settings)
    messages = {failure.what: failure.message for failure in search.failures}
    found: Dict[str, List[Entry]] = {}  # by endpoint
    for bucket in search._buckets.values():
        endpoint = bucket["endpoint"]
        say(f"{endpoint},{bucket['region']}")
        if endpoint in messages:
            say(f"{endpoint} cannot be read: {messages[endpoint]}")
        else:
            found[endpoint] = _datasets(search.catalogs[endpoint], collection)
    _say_groups([entry["id"] for entries in found.values() for entry in entries], say)
    return _items(found, settings) if returnvars else None


def _datasets(catalog: Dict[str, Any], collection: Optional[str]) -> List[Entry]:
    def is_wanted(entry: Any) -> bool:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            return False
        collections = entry.get("collections")
        return collection is None or (isinstance(collections, list) and collection in collections)

    return list(filter(is_wanted, catalog["catalog"]))


def _say_groups(ids: List[str], say: Say) -> None:
    groups: Dict[str, List[str]] = {}
    for id in sorted(ids, key=str.casefold):
        word = id.split("_")[0]
        groups.setdefault(word.casefold(), []).append(word)
    say(str(len(groups)))
    for words in groups.values():
        say(f"*{words[0]} has {len(words)} datasets")


def _items(found: Dict[str, List[Entry]],
           settings: Dict[str, Value]) -> "Tuple[List[SpiderItem], Optional[CloudCatalog]]":
    items: List[SpiderItem] = []
    last = None
    for endpoint, entries in found.items():
        if not entries:
            continue
        try:
            last = CloudCatalog(endpoint, **settings)
        except HeliodexError as error:  # it could be read a moment ago
            logger.warning("%s", error)
        else:
            items += [SpiderItem([entry["id"], _member(entry, "start", "startdate"), _member(entry, "stop", "enddate")],
                                 last) for entry in entries]
    return items, last


def _member(entry: Entry, *names: str) -> str:
    return next((entry[name] for name in names if isinstance(entry.get(name), str)), "")


# ---- spider


def spider(spiderset: Optional[Sequence[Sequence[str]]] = None, fr: Optional[CloudCatalog] = None, noisy: bool = True,
           create_manifest: bool = False, *, progress: ProgressLike = None, **settings: Value) -> None:
    """Counts the files of each dataset and year, to spiderout.txt in the current folder: "ID, YEAR: N entries.", or
    "Error accessing ID, YEAR" (what failed is logged). A file counts in the year that it begins in. All index files are
    fetched first, many at once; those that are held, and did not change since, are not.

    spiderset, fr    what tree(returnvars=True) returned, or some of it, or lists of one's own of [id, start, stop] of
                     datasets in the bucket `fr`. None: all datasets of the registry that `settings` name
    noisy            print the lines, too
    create_manifest  also list all these files in manifest_spider.txt: CSV with one header, the columns start, stop,
                     datakey and filesize, and times as YYYY-MM-DD hh:mm:ss
    """
    if spiderset is None or (fr is None and not all(isinstance(item, SpiderItem) for item in spiderset)):
        spiderset, fr = tree(returnvars=True, printme=False, progress=progress, **settings) or ([], None)
    say = _say if noisy else _silent
    items = sorted(spiderset, key=list)
    say(f"{len(items)} datasets: their index files are fetched")
    catalogs = [item.catalog if isinstance(item, SpiderItem) else fr for item in items]
    buckets = {catalog: _Bucket(catalog) for catalog in catalogs}
    for item, catalog in zip(items, catalogs):
        buckets[catalog].items.append(item)
    for bucket in buckets.values():
        bucket.fetch(progress)
    with contextlib.ExitStack() as files:
        counts = files.enter_context(_create(COUNTS_FILE))
        manifest = None
        if create_manifest:
            manifest = csv.writer(files.enter_context(_create(MANIFEST_FILE)), lineterminator="\n")
            manifest.writerow(_MANIFEST)
        for number, (item, catalog) in enumerate(zip(items, catalogs), 1):
            for line in buckets[catalog].spider(item, manifest):
                counts.write(_printable(line) + "\n")
                say(line)
            if number % 3 == 1:
                say(f"   (checked {number} of {len(items)})")
    say(f"Done, checked {len(items)} of {len(items)}")


def _create(path: str) -> TextIO:
    return open(path, "w", encoding="utf-8", errors="surrogateescape", newline="")


def _years(item: Sequence[str]) -> "Optional[Tuple[int, int]]":
    """The first and the last year of a dataset; None: they are not told (static)."""
    told = [re.match(r"\d{4}", text) for text in item[1:3]]
    if not all(told):
        return None
    first, last = (min(max(int(year[0]), _YEARS[0]), _YEARS[1]) for year in told if year)
    return first, last


class _Bucket:
    """The datasets of a bucket that are looked at."""

    def __init__(self, catalog: Any) -> None:
        self.catalog = catalog
        self.items: List[Sequence[str]] = []
        self.failed: Dict[str, Set[int]] = {}  # years that could not be read, by id in lower case
        self.is_lost = False  # there was no run at all

    def _has(self, id: str) -> bool:
        """Whether the library has the dataset; a run over one that it does not have would not begin."""
        dataset = ctypes.POINTER(_abi.Dataset)()
        try:
            self.catalog.session.call(library.hdx_catalog_find, self.catalog._published.handle, texts([id])[0],
                                      ctypes.byref(dataset))
        except HeliodexError:
            return False
        return True

    def fetch(self, progress: ProgressLike) -> None:
        """Brings their index files to the store."""
        session = self.catalog.session
        self.held = Session(**{**self.catalog._settings, "store": session.store, "refresh": False, "offline": True})
        years = [_years(item) for item in self.items]
        known = [year for pair in years if pair for year in pair]
        narrow = (str(min(known)), f"{max(known)}-12-31T23:59:59") if all(years) else (None, None)
        ids = [item[0] for item in self.items if self._has(item[0])]
        if not ids:  # which would mean all
            return
        try:
            failures = index(self.catalog.bucket, ids, *narrow, errors="collect", session=session,
                             progress=progress).failures
        except HeliodexError as error:
            logger.warning("%s", error)
            self.is_lost = True
            return
        for failure in failures:
            logger.warning("%s", failure.message)
            name = re.fullmatch(r"(.+)_(\d{4})\..*", urllib.parse.unquote(failure.what.rpartition("/")[2]))
            if name:
                self.failed.setdefault(name[1].lower(), set()).add(int(name[2]))

    def spider(self, item: Sequence[str], manifest: Any) -> Iterator[str]:
        """A line for each year of the dataset; its files are written to the manifest, a csv.writer (None: to none)."""
        id, years = item[0], _years(item)
        failed = self.failed.get(id.lower(), set())
        span = (str(years[0]), f"{years[1] + 1}") if years else (None, None)
        counts: Optional[Dict[str, int]] = None
        try:
            with query(self.catalog.bucket, id, *span, match="start", allow_partial=True, columns=_MANIFEST,
                       session=self.held) as rows:
                counts = {_year(start): sum.rows for start, sum in rows.counts("year")}
                if manifest and not self.is_lost:
                    for batch in rows:
                        manifest.writerows(_lines(batch, rows.time_digits, failed))
        except HeliodexError as error:
            logger.warning("%s", error)
        told: Sequence[Any] = range(years[0], years[1] + 1) if years else sorted(counts or ["static"])
        for year in told:
            if counts is None or year in failed or self.is_lost:
                yield f"Error accessing {id}, {year}"
            else:
                yield f"{id}, {year}: {counts.get(str(year), 0)} entries."


def _year(start: np.datetime64) -> str:
    return "static" if np.isnat(start) else str(start.astype("datetime64[Y]"))


def _lines(batch: Batch, digits: int, failed: Set[int]) -> Iterator[Tuple[str, str, str, Any]]:
    """What the manifest has of the rows."""
    columns = [_texts(batch["start"], digits), _texts(batch["stop"], digits), batch["datakey"],
               ["" if size < 0 else size for size in batch["filesize"].tolist()]]
    lines = zip(*columns)
    return (line for line in lines if int(line[0][:4] or 0) not in failed) if failed else lines


def _texts(times: Any, digits: int) -> List[str]:
    return ["" if text == "NaT" else text.replace("T", " ")
            for text in np.datetime_as_string(times, unit=_UNITS[digits]).tolist()]


__all__ = ["SpiderItem", "spider", "tree"]
