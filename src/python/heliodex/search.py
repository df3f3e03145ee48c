"""Search over the catalogs of all buckets."""

from __future__ import annotations

import ctypes
import logging
import os
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Type, Union

from . import _abi
from ._library import library
from .documents import parse, refreshing, told_once
from .errors import Failure, HeliodexError, of_call, of_status
from .progress import ProgressLike, Reporter, reporter
from .question import listed
from .registry import CatalogRegistry
from .session import Session, texts
from .settings import Value

logger = logging.getLogger("heliodex")

_NO_ID = b"\x01"  # part of none: the catalogs are wanted, not hits

Entry = Dict[str, Any]


class EntireCatalogSearch:
    """The catalogs of all buckets of the registry.

    combined_catalog  the catalogs' documents, a list of dicts, which may be replaced: every answer is given from it
    catalogs          the same by endpoint
    global_catalog    the CatalogRegistry
    failures          of buckets whose catalogs could not be read: what (the endpoint), status and message
    """

    _registry_class: Type[CatalogRegistry] = CatalogRegistry

    def __init__(self, catalog_url: "Union[None, str, os.PathLike[str]]" = None, *, progress: ProgressLike = None,
                 strict: bool = False, **settings: Value) -> None:
        """Fetches all catalogs at once; those that have not changed since are not sent again. Those that cannot be had,
        are no catalogs, or say that their archive is unavailable (1400) are logged, and left out.

        catalog_url, strict, settings   as CatalogRegistry's, and so what it raises
        """
        self.catalogs: Dict[str, Dict[str, Any]] = {}
        self.failures: List[Failure] = []
        with told_once(logger):
            self.global_catalog = self._registry_class(catalog_url, strict=strict, **settings)
            self._buckets: Dict[str, Entry] = {}  # by place, each once
            for entry in self.global_catalog.get_registry():
                self._buckets.setdefault(_place(entry["endpoint"]), entry)
            self._load(progress)
        self.combined_catalog: List[Dict[str, Any]] = list(self.catalogs.values())

    def _load(self, progress: ProgressLike) -> None:
        asking = self.global_catalog._settings
        if self.global_catalog.is_fresh:
            asking = refreshing(asking)
        with Session(**asking) as session:
            failed = _fetch_all(session, reporter(progress, "catalogs"))
            with Session(**{**asking, "store": session.store, "offline": True}) as held:
                for place, entry in self._buckets.items():
                    self._add(held, entry["endpoint"], failed.get(place))
        if self.failures:
            self._tell()

    def _add(self, session: Session, endpoint: str, error: Optional[HeliodexError]) -> None:
        try:
            if error:
                raise error
            self.catalogs[endpoint] = _catalog(session, endpoint)
        except HeliodexError as why:
            self.failures.append(Failure(endpoint, why.status, str(why)))

    def _tell(self) -> None:
        lines = [f"catalogs that could not be read ({len(self.failures)}/{len(self._buckets)}):"]
        for failure in self.failures:
            entry = self._buckets[_place(failure.what)]
            lines.append(f"    {entry['name']} ({entry['region']}): {failure.message}")
        logger.warning("%s", "\n".join(lines))

    def _entries(self) -> Iterator[Entry]:
        for catalog in self.combined_catalog:
            entries = catalog.get("catalog")
            yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()

    def search_by_id(self, catalog_id_substr: str) -> List[Entry]:
        """The entries whose id holds the text, in any letter case."""
        return self._holding(catalog_id_substr, lambda entry: _text(entry, "id"))

    def search_by_title(self, title_substr: str) -> List[Entry]:
        """The entries whose title holds the text, in any letter case."""
        return self._holding(title_substr, lambda entry: _text(entry, "title"))

    def _holding(self, part: str, text_of: Callable[[Entry], str]) -> List[Entry]:
        return [entry for entry in self._entries() if part.lower() in text_of(entry)]

    def search_by_keywords(self, keywords: Union[str, Iterable[str]]) -> List[Entry]:
        """The entries that have any of the keywords in id, index, title or tags, in any letter case, the best first: a
        keyword counts as often as it occurs in id, index and title, and once for each tag that holds it."""
        words = [word.lower() for word in listed(keywords)]
        scored = [(sum(_score(entry, word) for word in words), entry) for entry in self._entries()]
        scored = [hit for hit in scored if hit[0] > 0]
        scored.sort(key=lambda hit: -hit[0])
        return [entry for _, entry in scored]

    def __repr__(self) -> str:
        return f"<heliodex.{type(self).__name__} over {len(self.combined_catalog)} catalogs>"


def _place(endpoint: str) -> str:
    """What makes two endpoints the same."""
    return endpoint.strip().rstrip("/")


def _fetch_all(session: Session, told: Optional[Reporter]) -> Dict[str, HeliodexError]:
    """Brings all catalogs to the store; what those failed by that did, by place."""
    failed: Dict[str, HeliodexError] = {}
    search = ctypes.c_void_p()

    def settle(status: int, error: _abi.Error) -> None:
        if not search.value:
            raise of_call(status, error)
        for i in range(library.hdx_search_failure_count(search)):
            failure = library.hdx_search_failure(search, i).contents
            place = _place(str(failure.bucket.contents.endpoint))
            failed[place] = of_status(failure.status, _abi.decode(failure.message))

    options = _abi.SearchOptions(id=_NO_ID)
    try:
        session.run(library.hdx_search, ctypes.byref(options), ctypes.byref(search), reporter=told, settle=settle)
    finally:
        library.hdx_search_close(search)
    return failed


def _catalog(session: Session, endpoint: str) -> Dict[str, Any]:
    opened = session.open(library.hdx_catalog_load, library.hdx_catalog_close, texts([endpoint])[0])
    try:
        catalog: Dict[str, Any] = parse(library.hdx_catalog_json(opened.handle).raw(), endpoint)
        return catalog
    finally:
        opened.close()


def _text(entry: Entry, *names: str) -> str:
    """The first of these members that is a text, in lower case; "" if none is."""
    return next((entry[name].lower() for name in names if isinstance(entry.get(name), str)), "")


def _score(entry: Entry, word: str) -> int:
    tags = entry.get("tags")
    tags = tags if isinstance(tags, list) else [tags]
    texts_of = (_text(entry, "id"), _text(entry, "index", "loc"), _text(entry, "title"))
    return (sum(text.count(word) for text in texts_of)
            + sum(isinstance(tag, str) and word in tag.lower() for tag in tags))


__all__ = ["EntireCatalogSearch"]
