"""Single objects: what scripts use of the original tool beside its classes."""

from __future__ import annotations

import ctypes
import itertools
import logging
import os
from io import BytesIO
from typing import Any, Dict, Iterator, Optional, Tuple, Union

from . import _abi
from ._library import library
from .documents import parse
from .errors import FailedS3Get, HeliodexError, UsageError
from .files import FileList
from .session import Session
from .settings import Value, check_names

logger = logging.getLogger("heliodex")

_BEGINNING = {"part_bytes": 64 << 10, "jobs": 1}  # so much is asked for at once, if first lines are wanted
_DEFAULT_REGION = "us-east-1"
_HTTP_STATUS = {"NOT_FOUND": 404, "DENIED": 403}


def s3url_to_bucketkey(s3url: str, bucket_prefix: str = "s3://") -> Tuple[str, str]:
    """(bucket, key) of "s3://bucket/key" or "bucket/key"; the key may be empty."""
    path = s3url[len(bucket_prefix):] if s3url.startswith(bucket_prefix) else s3url
    bucket, _, key = path.partition("/")
    return bucket, key


def s3url_to_https(s3url: str) -> str:
    """Where AWS has "s3://bucket/key" or "bucket/key": https://bucket.s3.amazonaws.com/key, the key as it is written.
    An http or https URL stays as it is."""
    if s3url.startswith("http"):
        return s3url
    return "https://{}.s3.amazonaws.com/{}".format(*s3url_to_bucketkey(s3url))


def fetch_S3orURL(s3url: "Union[str, os.PathLike[str]]", region: str = _DEFAULT_REGION, rawbytes: bool = False,
                  max_lines: Optional[int] = None, **client_kwargs: Value) -> Any:
    """The JSON document that is there; with rawbytes its bytes, as a BytesIO. None: it cannot be had (logged).

    s3url          s3://bucket/key, bucket/key, http(s)://…, file://…, or a path
    region         of the bucket, if region_name does not say it
    max_lines      with rawbytes: only so many lines of its beginning, and hardly more is read
    client_kwargs  as boto3.client has them (endpoint_url, aws_access_key_id …), and heliodex.settings
    """
    check_names(client_kwargs)
    if region != _DEFAULT_REGION:  # that one is found out
        client_kwargs = {"region_name": region, **client_kwargs}
    lines = max_lines if rawbytes else None
    for place in _places(os.fspath(s3url)):
        try:
            data = _fetch(place, lines, client_kwargs)
            return data if rawbytes else parse(data.getvalue(), place)
        except UsageError:
            raise
        except (HeliodexError, OSError) as error:
            missing = isinstance(error, FileNotFoundError) or getattr(error, "status", "") == "NOT_FOUND"
            logger.log(logging.INFO if missing else logging.WARNING, "%s", error)
    return None


def fetch_S3(s3url: str, unsigned: bool = True, region: Optional[str] = None, rawbytes: bool = False,
             max_lines: Optional[int] = None, **client_kwargs: Value) -> Tuple[int, Any]:
    """(200, the JSON document or with rawbytes the bytes) of s3://bucket/key or bucket/key, asked for anonymously or
    with the user's credentials. FailedS3Get: it cannot be had."""
    check_names(client_kwargs)
    settings = {"region_name": region, "sign": "never" if unsigned else "always", **client_kwargs}
    place = s3url if "://" in s3url else "s3://" + s3url
    data = _fetch(place, max_lines if rawbytes else None, settings).getvalue()
    return 200, data if rawbytes else parse(data, place)


def fetch_url(s3url: str, rawbytes: bool = False) -> Tuple[int, Any]:
    """(200, the JSON document or with rawbytes the bytes) of an http(s) URL, or of what AWS has of s3://bucket/key;
    (404, None), (403, None): it is not there, or not for everybody. FailedS3Get: it cannot be had."""
    url = s3url_to_https(s3url)
    try:
        data = _fetch(url, None, {}).getvalue()
    except FailedS3Get as error:
        if error.status not in _HTTP_STATUS:
            raise
        return _HTTP_STATUS[error.status], None
    return 200, data if rawbytes else parse(data, url)


def _places(location: str) -> Iterator[str]:
    """Where it may be: "a/b" is the object b of the bucket a, or else the file b in the folder a."""
    if "://" in location:
        yield location
        return
    if not location.startswith(("/", ".", "~")):
        yield "s3://" + location
    if location.startswith("/") or os.path.exists(location):
        yield location


def _fetch(place: str, lines: Optional[int], settings: Dict[str, Value]) -> BytesIO:
    if "://" not in place:
        with open(place, "rb") as local:
            return BytesIO(local.read() if lines is None else b"".join(itertools.islice(local, lines)))
    data = _read(place, lines, settings)
    return data if lines is None else BytesIO(b"".join(itertools.islice(data, lines)))


def _read(uri: str, lines: Optional[int], settings: Dict[str, Value]) -> BytesIO:
    """All bytes, or at least those of so many lines."""
    data, found, last = BytesIO(), 0, False
    options = _abi.StreamOptions()
    library.hdx_stream_options_init(ctypes.byref(options))
    if lines is not None:
        options.hold_bytes = 0
        settings = {**_BEGINNING, **settings}
    with Session(**settings) as session, session.lock:  # what a chunk points to lives no longer
        files = FileList([uri], session)
        opened = session.open(library.hdx_stream_open, library.hdx_stream_close, files.owned, ctypes.byref(options))
        pointer = ctypes.POINTER(_abi.Chunk)()
        while not last and (lines is None or found < lines):
            session.run(_next_chunk, opened, ctypes.byref(pointer))
            if not pointer:
                raise FailedS3Get("; ".join(files.refused) or f"{uri}: names no file")
            chunk = pointer.contents
            if chunk.status != _abi.OK:
                raise _failed(uri, chunk)
            piece = ctypes.string_at(chunk.data, chunk.bytes) if chunk.bytes else b""
            data.write(piece)
            found += piece.count(b"\n")
            last = chunk.last
    data.seek(0)
    return data


def _next_chunk(_session: int, opened: int, chunk: Any, error: Any) -> int:
    return int(library.hdx_stream_next(opened, chunk, error))


def _failed(uri: str, chunk: _abi.Chunk) -> FailedS3Get:
    error = FailedS3Get(f"{uri}: {_abi.decode(chunk.message or b'')}")
    error.status = _abi.STATUS[chunk.status]
    return error


__all__ = ["fetch_S3", "fetch_S3orURL", "fetch_url", "s3url_to_bucketkey", "s3url_to_https"]
