"""The names of the original's cloudcatalog.main."""

from __future__ import annotations

from typing import Any, Dict

from ... import registry as _registry
from ... import search as _search
from ...buckets import CloudCatalog
from ...errors import FailedS3Get, UnavailableData
from ...fetching import fetch_S3, fetch_S3orURL, fetch_url, s3url_to_bucketkey, s3url_to_https


class CatalogRegistry(_registry.CatalogRegistry):
    __doc__ = _registry.CatalogRegistry.__doc__

    def get_entries(self) -> Dict[str, Any]:
        """The entry of the first bucket, as the original's is today. IndexError: there is none."""
        return self.get_registry()[0]


class EntireCatalogSearch(_search.EntireCatalogSearch):
    __doc__ = _search.EntireCatalogSearch.__doc__
    _registry_class = CatalogRegistry


__all__ = [
    "CatalogRegistry",
    "CloudCatalog",
    "EntireCatalogSearch",
    "FailedS3Get",
    "UnavailableData",
    "fetch_S3",
    "fetch_S3orURL",
    "fetch_url",
    "s3url_to_bucketkey",
    "s3url_to_https",
]
