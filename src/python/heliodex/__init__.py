"""heliodex: fetch, store and query CloudCatalog file registries, and mirror and stream the data files.

The original tool's classes, with a fast engine behind them:

    from heliodex import CatalogRegistry, FileRegistry        # or CloudCatalog, EntireCatalogSearch

and for pipelines:

    heliodex.index("s3://bucket/", "aia_*")                   # fetch index files, hundreds at a time
    rows = heliodex.query("s3://bucket/", "aia_0094", "2020-01", "2020-02")
    rows.to_pandas()                                          # or: for batch in rows; or polars.from_arrow(rows)
    heliodex.mirror(rows, "data/")                            # download, resumable and verified
    for file in heliodex.stream(rows): ...                    # the bytes, many files fetched ahead

Everything takes the same settings as keyword arguments: endpoint_url, region_name, aws_access_key_id … (as boto3 has
them), store, offline, refresh, jobs … (heliodex.settings). See README.md beside this package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

from ._library import version as _version

if TYPE_CHECKING:
    from .buckets import CloudCatalog, FileRegistry
    from .compat import install_as_cloudcatalog
    from .errors import (
        DeniedCatalog,
        DeniedError,
        EmptyError,
        FailedCatalog,
        FailedS3Get,
        Failure,
        HeliodexError,
        IntegrityError,
        LimitError,
        LocalError,
        NotFoundError,
        OutOfMemoryError,
        PartialError,
        TemporaryError,
        UnavailableData,
        UnreachableCatalog,
        UsageError,
    )
    from .fetching import fetch_S3orURL, s3url_to_bucketkey, s3url_to_https
    from .jobs import IndexSummary, MirrorItem, MirrorSummary, index, mirror
    from .progress import Progress
    from .registry import CatalogRegistry, InvalidRegistry, UnavailableRegistry
    from .rows import Batch, Query, query
    from .search import EntireCatalogSearch
    from .session import Session
    from .streaming import FileFailure, StreamedFile, stream

__version__ = _version()

# What is used is imported, and nothing else: a script that asks one question waits for no more than it needs.
_PLACES = {
    "buckets": ("CloudCatalog", "FileRegistry"),
    "compat": ("install_as_cloudcatalog",),
    "errors": (
        "DeniedCatalog",
        "DeniedError",
        "EmptyError",
        "FailedCatalog",
        "FailedS3Get",
        "Failure",
        "HeliodexError",
        "IntegrityError",
        "LimitError",
        "LocalError",
        "NotFoundError",
        "OutOfMemoryError",
        "PartialError",
        "TemporaryError",
        "UnavailableData",
        "UnreachableCatalog",
        "UsageError",
    ),
    "fetching": ("fetch_S3orURL", "s3url_to_bucketkey", "s3url_to_https"),
    "jobs": ("IndexSummary", "MirrorItem", "MirrorSummary", "index", "mirror"),
    "progress": ("Progress",),
    "registry": ("CatalogRegistry", "InvalidRegistry", "UnavailableRegistry"),
    "rows": ("Batch", "Query", "query"),
    "search": ("EntireCatalogSearch",),
    "session": ("Session",),
    "streaming": ("FileFailure", "StreamedFile", "stream"),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = sorted(_PLACE_OF)


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'heliodex' has no attribute {name!r}")
    value = getattr(importlib.import_module("." + _PLACE_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
