"""The registry: which buckets there are."""

from __future__ import annotations

import logging
import os
from typing import Any, Dict, List, Tuple, Union

from . import _abi
from ._library import library
from .documents import parse, refreshing
from .errors import DeniedError, HeliodexError, IntegrityError, NotFoundError, TemporaryError, UsageError
from .session import Session
from .settings import Settings, Value

logger = logging.getLogger("heliodex")

RETRIES = 2  # of a document that all else waits for, and of which a copy may be held
_REQUIRED = ("endpoint", "name", "region")

Entry = Dict[str, Any]


class InvalidRegistry(IntegrityError, KeyError):
    """What was read is no registry."""


class UnavailableRegistry(HeliodexError, ConnectionError):
    """The registry cannot be had, whatever the reason (`status`). That the network or its server failed for now is a
    TemporaryError, which is a ConnectionError too."""


def _is_complete(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) and entry[name].strip()
                                           for name in _REQUIRED)


class CatalogRegistry:
    """The registry of buckets. `catalog` is its document, a dict that may be replaced: all answers come from it."""

    def __init__(self, catalog_url: "Union[None, str, os.PathLike[str]]" = None, *, strict: bool = False,
                 **settings: Value) -> None:
        """
        catalog_url  URL or path of the registry; None: $ROOT_CATALOG_REGISTRY_URL, or else HelioCloud's
        strict       an entry without endpoint, name or region is a KeyError, as in the original; otherwise such entries
                     are logged, and left out of all answers
        settings     heliodex.settings

        Its server is asked whether there is a newer one, unless `refresh` or `offline` says otherwise. If it cannot be
        reached, a copy that is held is used (logged). ConnectionError: it cannot be had; KeyError: it is none.
        """
        self.strict = strict
        self.is_fresh = True  # False: a copy is used, as its server cannot be reached
        self._settings = dict(settings)
        if catalog_url is not None:
            self._settings["registry_url"] = catalog_url
        url, data = self._load()
        self.catalog_url: str = url if catalog_url is None else os.fspath(catalog_url)
        self.catalog: Dict[str, Any] = parse(data, url)
        if strict:
            self._check_entries()

    def _load(self) -> Tuple[str, bytes]:
        try:
            return self._newest()
        except IntegrityError as error:
            raise InvalidRegistry(str(error)) from error
        except (NotFoundError, DeniedError) as error:
            raise _unavailable(error) from error

    def _newest(self) -> Tuple[str, bytes]:
        settings = refreshing(self._settings)
        if Settings(settings).get("retries") is None:
            settings = {**settings, "retries": RETRIES}
        try:
            return _read(settings)
        except TemporaryError as error:
            try:
                held = _read({**self._settings, "offline": True})
            except HeliodexError:
                raise error from None
            self.is_fresh = False
            logger.warning("the registry is used as it was when it could last be read: %s", error)
            return held

    def _check_entries(self) -> None:
        for entry in self.catalog["registry"]:
            missing = [name for name in _REQUIRED if not isinstance(entry, dict) or name not in entry]
            if missing:
                raise InvalidRegistry(f"{self.catalog_url}: an entry lacks {', '.join(missing)}: {entry}")

    def get_catalog(self) -> Dict[str, Any]:
        """The whole document."""
        return self.catalog

    def get_registry(self) -> List[Entry]:
        """The entries of all buckets."""
        entries: List[Entry] = self.catalog["registry"]
        if self.strict or all(map(_is_complete, entries)):
            return entries
        return list(filter(_is_complete, entries))

    def get_entries_name_region(self) -> List[Tuple[str, str]]:
        """(name, region) of all buckets."""
        return [(entry["name"], entry["region"]) for entry in self.get_registry()]

    def get_entries(self) -> Any:
        """(name, region) of all buckets."""
        return self.get_entries_name_region()

    def get_endpoint(self, name: str, region_prefix: str = "", force_first: bool = False) -> str:
        """The endpoint of the bucket called `name` (exactly, or else in any letter case) whose region begins with
        `region_prefix`. KeyError: there is none; ValueError: there are several, and not the first of them is wanted;
        DeniedError: it is a file of this machine, and the registry comes from the network."""
        found = [entry for entry in self.get_registry() if entry["name"] == name]
        if not found and not self.strict:
            found = [entry for entry in self.get_registry() if entry["name"].lower() == name.lower()]
        there = [entry for entry in found if entry["region"].startswith(region_prefix)]
        if not there:
            raise NotFoundError(_not_found(name, region_prefix, found))
        if len(there) > 1 and not force_first:
            raise UsageError(_ambiguous(name, there))
        endpoint: str = there[0]["endpoint"]
        if endpoint.lower().startswith("file:") and self.catalog_url.lower().startswith(("http:", "https:", "s3:")):
            raise DeniedError(f"{endpoint}: a remote document may not name a file:// address")
        return endpoint

    def __repr__(self) -> str:
        return f"<heliodex.{type(self).__name__} of {self.catalog_url}>"


def _read(settings: Dict[str, Value]) -> Tuple[str, bytes]:
    """URL and bytes of the registry."""
    with Session(**settings) as session:
        opened = session.open(library.hdx_registry_load, library.hdx_registry_close)
        url = _abi.decode(library.hdx_registry_url(opened.handle))
        return url, library.hdx_registry_json(opened.handle).raw()


def _unavailable(error: HeliodexError) -> UnavailableRegistry:
    raised = UnavailableRegistry(str(error))
    raised.status = error.status
    return raised


def _not_found(name: str, region_prefix: str, found: List[Entry]) -> str:
    if found:
        regions = ", ".join(entry["region"] for entry in found)
        return f"{name}: no region of it begins with {region_prefix!r}, it is in {regions}"
    return f"{name}: the registry has no bucket of that name"


def _ambiguous(name: str, found: List[Entry]) -> str:
    regions = list(dict.fromkeys(entry["region"] for entry in found))
    if len(regions) > 1:
        return (f"{name}: the registry has {len(found)} buckets of that name, in {', '.join(regions)}: "
                "name one by region_prefix, or take the first with force_first=True")
    return (f"{name}: the registry has {len(found)} buckets of that name, all in {regions[0]}, so that no "
            "region_prefix tells them apart: take the first with force_first=True")


__all__ = ["CatalogRegistry", "InvalidRegistry", "UnavailableRegistry"]
