"""The binary interface of libheliodex: what heliodex.h declares, as ctypes has it.

Only what the module uses stands here. tests/python/test_abi.py compares every structure and constant with the header.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)

VERSION = (0, 1)  # major and minor: a library of another one may have other structures

TIME_MIN = -(2**63) + 2
TIME_MAX = 2**63 - 1
TIME_NONE = -(2**63)
TIME_STATIC = TIME_MIN
ERROR_TEXT_MAX = 1024
QUERY_ALL = ctypes.c_size_t(-1).value

# enum hdx_status
STATUS = (
    "OK",
    "PARTIAL",
    "USAGE",
    "NOT_FOUND",
    "DENIED",
    "TEMPORARY",
    "UNAVAILABLE",
    "IO",
    "INTEGRITY",
    "LIMIT",
    "MEMORY",
    "EMPTY",
    "INTERNAL",
    "INTERRUPTED",
)
OK, PARTIAL, USAGE, NOT_FOUND, DENIED, TEMPORARY, UNAVAILABLE = range(7)
IO, INTEGRITY, LIMIT, MEMORY, EMPTY, INTERNAL, INTERRUPTED = range(7, len(STATUS))

MATCH = ("overlap", "start", "contained")  # enum hdx_match
OPERATOR = ("==", "!=", "<", "<=", ">", ">=")  # enum hdx_operator
UNIT = ("year", "month", "day")  # enum hdx_unit
SIGN = ("auto", "always", "never")  # enum hdx_sign
ADDRESSING = ("auto", "virtual", "path")  # enum hdx_addressing
DISCOVER = ("auto", "list", "probe")  # enum hdx_discover
YEAR_STATE = ("present", "gap", "stale", "vanished", "failed")  # enum hdx_year_state
LOCATION = ("published", "fetched", "presigned")  # enum hdx_location
FSYNC = ("batch", "none")  # enum hdx_fsync
OUTCOME = ("unchanged", "fetched", "resumed", "failed", "left", "deleted")  # enum hdx_mirror_outcome
CHECK = ("size", "md5", "crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512")  # enum hdx_check
PARAMETER = ("", "string", "int", "double")  # enum hdx_parameter_type
LOG = ("warning", "info", "debug")  # enum hdx_log_level


def decode(data: bytes) -> str:
    """Text from outside: bytes that are no UTF-8 survive the way back (os.fsencode)."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a text that `decode` may have made."""
    return text.encode("utf-8", "surrogateescape")


class Text(Structure):
    """struct hdx_text: a view, valid as long as its owner says."""

    _fields_ = [("data", c_void_p), ("size", c_size_t)]

    def raw(self) -> bytes:
        return ctypes.string_at(self.data, self.size) if self.size else b""

    def __str__(self) -> str:
        return decode(self.raw())


class Error(Structure):
    _fields_ = [("status", c_int), ("message", c_char * ERROR_TEXT_MAX)]


class Progress(Structure):
    _fields_ = [
        ("datasets_done", c_uint64),
        ("datasets_total", c_uint64),
        ("files_done", c_uint64),
        ("files_total", c_uint64),
        ("rows", c_uint64),
        ("bytes", c_uint64),
        ("objects", c_uint64),
        ("requests_active", c_uint64),
        ("requests_done", c_uint64),
        ("retries", c_uint64),
        ("gaps", c_uint64),
        ("failures", c_uint64),
        ("bytes_total", c_uint64),
        ("slowest_host", c_char_p),
        ("slowest_host_ms", c_double),
        ("elapsed_ns", c_uint64),
    ]


class Map(Structure):
    _fields_ = [("from_", c_char_p), ("to", c_char_p)]


LogFunction = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
ProgressFunction = CFUNCTYPE(None, c_void_p, POINTER(Progress))
InterruptedFunction = CFUNCTYPE(c_bool, c_void_p)


class Config(Structure):
    _fields_ = [
        ("store", c_char_p),
        ("registry_url", c_char_p),
        ("catalog_name", c_char_p),
        ("endpoint_url", c_char_p),
        ("region", c_char_p),
        ("ca_file", c_char_p),
        ("maps", POINTER(Map)),
        ("map_count", c_size_t),
        ("sign", c_int),
        ("request_payer", c_bool),
        ("profile", c_char_p),
        ("access_key_id", c_char_p),
        ("secret_access_key", c_char_p),
        ("session_token", c_char_p),
        ("addressing", c_int),
        ("dualstack", c_bool),
        ("presign_s", c_uint32),
        ("index_cache", c_char_p),
        ("offline", c_bool),
        ("refresh", c_bool),
        ("jobs", c_uint32),
        ("connections_per_host", c_uint32),
        ("threads", c_uint32),
        ("retries", c_uint32),
        ("part_bytes", c_uint64),
        ("memory_bytes", c_uint64),
        ("rate_bytes", c_uint64),
        ("catalog_bytes_max", c_uint64),
        ("retry_ms_max", c_uint64),
        ("stall_ms_max", c_uint64),
        ("connect_ms_max", c_uint64),
        ("log_level", c_int),
        ("log", LogFunction),
        ("log_user", c_void_p),
        ("progress", ProgressFunction),
        ("progress_user", c_void_p),
        ("progress_ms", c_uint32),
        ("interrupted", InterruptedFunction),
        ("interrupted_user", c_void_p),
    ]


class RegistryEntry(Structure):
    _fields_ = [("endpoint", Text), ("name", Text), ("region", Text), ("provider", Text)]


class Dataset(Structure):
    _fields_ = (
        [(name, Text) for name in ("id", "index", "title", "start_text", "stop_text")]
        + [("start", c_int64), ("stop", c_int64), ("indextype", Text)]
        + [
            (name, Text)
            for name in (
                "filetype",
                "modification",
                "description",
                "resource",
                "creation",
                "expiration",
                "verified",
                "citation",
                "contact",
                "about",
            )
        ]
        + [("modified", c_int64), ("collections", Text), ("tags", Text), ("multiyear", c_bool), ("json", Text)]
    )


class SearchOptions(Structure):
    _fields_ = [("id", c_char_p), ("title", c_char_p), ("words", POINTER(c_char_p)), ("word_count", c_size_t)]


class SearchFailure(Structure):
    _fields_ = [("bucket", POINTER(RegistryEntry)), ("status", c_int), ("message", c_char_p)]


class IndexItem(Structure):
    _fields_ = [
        ("bucket", c_char_p),
        ("id", Text),
        ("year", c_int),
        ("state", c_int),
        ("unchanged", c_bool),
        ("dropped", c_bool),
        ("status", c_int),
        ("url", c_char_p),
        ("message", c_char_p),
        ("rows", c_uint64),
        ("bad_rows", c_uint64),
        ("bytes", c_uint64),
    ]


IndexItemFunction = CFUNCTYPE(None, c_void_p, POINTER(IndexItem))


class IndexOptions(Structure):
    _fields_ = [
        ("start", c_int64),
        ("stop", c_int64),
        ("dry_run", c_bool),
        ("strict", c_bool),
        ("discover", c_int),
        ("keep_vanished", c_bool),
        ("bad_rows_max", c_uint64),
        ("keep_index", c_char_p),
        ("item", IndexItemFunction),
        ("bad_row", c_void_p),
        ("user", c_void_p),
    ]


class IndexSummary(Structure):
    _fields_ = [
        (name, c_uint64)
        for name in (
            "datasets",
            "datasets_failed",
            "files",
            "files_fetched",
            "files_unchanged",
            "files_failed",
            "gaps",
            "vanished",
            "rows",
            "rows_fetched",
            "rows_bad",
            "repairs",
            "duplicates",
            "files_unsorted",
            "stale",
            "bytes",
            "snapshot_bytes",
            "warnings",
            "elapsed_ns",
        )
    ]


class ProbedFile(Structure):
    _fields_ = [
        ("year", c_int),
        ("state", c_int),
        ("url", c_char_p),
        ("size", c_uint64),
        ("etag", c_char_p),
        ("last_modified", c_char_p),
        ("message", c_char_p),
    ]


class Probe(Structure):
    _fields_ = [
        ("count", c_size_t),
        ("files", POINTER(ProbedFile)),
        ("has_row", c_bool),
        ("start", c_int64),
        ("stop", c_int64),
        ("size", c_int64),
        ("key", Text),
        ("form", c_char_p),
        ("message", c_char_p),
    ]


class Where(Structure):
    _fields_ = [("column", c_char_p), ("operation", c_int), ("value", c_char_p)]


class QueryOptions(Structure):
    _fields_ = [
        ("start", c_int64),
        ("stop", c_int64),
        ("match", c_int),
        ("allow_partial", c_bool),
        ("keys", POINTER(c_char_p)),
        ("key_count", c_size_t),
        ("key_excludes", POINTER(c_char_p)),
        ("key_exclude_count", c_size_t),
        ("min_size", c_int64),
        ("max_size", c_int64),
        ("wheres", POINTER(Where)),
        ("where_count", c_size_t),
        ("latest_version", c_bool),
        ("no_extras", c_bool),
        ("reverse", c_bool),
        ("limit", c_uint64),
    ]


class Parameter(Structure):
    _fields_ = [("type", c_int), ("units", Text), ("description", Text)]


class QueryInfo(Structure):
    _fields_ = [
        ("id", Text),
        ("source", c_char_p),
        ("time_digits", c_int),
        ("stop_made_up", c_bool),
        ("checked_at", c_int64),
        ("extra_count", c_size_t),
        ("extra_names", POINTER(Text)),
        ("extras", POINTER(Parameter)),
        ("incomplete_years", c_size_t),
        ("dataset_count", c_size_t),
        ("failure_count", c_size_t),
        ("older_versions", c_uint64),
    ]


class QueryFailure(Structure):
    _fields_ = [("id", Text), ("status", c_int), ("message", c_char_p)]


class Summary(Structure):
    _fields_ = [
        ("rows", c_uint64),
        ("bytes", c_uint64),
        ("size_missing", c_uint64),
        ("first", c_int64),
        ("last", c_int64),
    ]


CountsFunction = CFUNCTYPE(None, c_void_p, c_int64, POINTER(Summary))


class TextArray(Structure):
    _fields_ = [("end", c_void_p), ("bytes", c_void_p), ("capacity", c_size_t)]


class Arrays(Structure):
    _fields_ = [
        ("capacity", c_size_t),
        ("start", c_void_p),
        ("stop", c_void_p),
        ("size", c_void_p),
        ("dataset", c_void_p),
        ("key", TextArray),
        ("extra_count", c_size_t),
        ("extra", POINTER(TextArray)),
        ("lines", c_bool),
    ]


class File(Structure):
    _fields_ = [
        ("id", Text),
        ("location", Text),
        ("start", c_int64),
        ("stop", c_int64),
        ("size", c_int64),
        ("checksum", Text),
        ("checksum_algorithm", Text),
    ]


class FilesTotals(Structure):
    _fields_ = [("files", c_uint64), ("unsized", c_uint64), ("bytes", c_uint64), ("refused", c_uint64)]


RefusedFunction = CFUNCTYPE(None, c_void_p, POINTER(File), c_char_p)


class MirrorItem(Structure):
    _fields_ = [
        ("file", POINTER(File)),
        ("path", c_char_p),
        ("outcome", c_int),
        ("status", c_int),
        ("message", c_char_p),
        ("size", c_uint64),
        ("bytes", c_uint64),
        ("checks", c_uint32),
    ]


MirrorItemFunction = CFUNCTYPE(None, c_void_p, POINTER(MirrorItem))


class MirrorOptions(Structure):
    _fields_ = [
        ("layout", c_char_p),
        ("fsync", c_int),
        ("ignore_size", c_bool),
        ("ignore_checksums", c_bool),
        ("adopt", c_bool),
        ("bytes_max", c_uint64),
        ("duration_ms_max", c_uint64),
        ("keep_free_bytes", c_uint64),
        ("shard", c_char_p),
        ("recheck", c_bool),
        ("delete_extra", c_bool),
        ("delete_max", c_uint64),
        ("dry_run", c_bool),
        ("item", MirrorItemFunction),
        ("user", c_void_p),
    ]


class MirrorSummary(Structure):
    _fields_ = (
        [
            (name, c_uint64)
            for name in (
                "files",
                "bytes",
                "unchanged",
                "fetched",
                "resumed",
                "failed",
                "left",
                "deleted",
                "twice",
                "refused",
                "bytes_fetched",
                "bytes_kept",
                "files_to_fetch",
                "bytes_to_fetch",
                "unsized_to_fetch",
                "requests_to_make",
                "bytes_free",
            )
        ]
        + [("checked", c_uint64 * len(CHECK))]
        + [("elapsed_ns", c_uint64)]
    )


class Chunk(Structure):
    _fields_ = [
        ("file", POINTER(File)),
        ("path", c_char_p),
        ("size", c_uint64),
        ("modified", c_int64),
        ("data", c_void_p),
        ("bytes", c_size_t),
        ("first", c_bool),
        ("last", c_bool),
        ("status", c_int),
        ("message", c_char_p),
        ("checks", c_uint32),
    ]


class StreamOptions(Structure):
    _fields_ = [
        ("hold_bytes", c_uint64),
        ("ignore_size", c_bool),
        ("ignore_checksums", c_bool),
        ("layout", c_char_p),
    ]


class Version(Structure):
    _fields_ = [
        (name, c_char_p) for name in ("heliodex", "curl", "uv", "zstd", "simdjson", "xxhash", "kernel", "format")
    ]


# What is handed on to the library as it came from it.
Handle = c_void_p
Out = POINTER(c_void_p)
_ERROR = POINTER(Error)

# Name: result, arguments. Those that end with an error return a status.
PROTOTYPES = {
    "hdx_version": (None, [POINTER(Version)]),
    "hdx_time_parse": (c_int, [Text, POINTER(c_int64), _ERROR]),
    "hdx_time_format": (c_size_t, [c_int64, c_int, c_char_p]),
    "hdx_config_init": (None, [POINTER(Config)]),
    "hdx_session_open": (c_int, [POINTER(Config), Out, _ERROR]),
    "hdx_session_close": (None, [Handle]),
    "hdx_session_cancel": (None, [Handle]),
    "hdx_session_resume": (None, [Handle]),
    "hdx_session_store": (c_char_p, [Handle]),
    "hdx_registry_load": (c_int, [Handle, Out, _ERROR]),
    "hdx_registry_close": (None, [Handle]),
    "hdx_registry_json": (Text, [Handle]),
    "hdx_registry_url": (c_char_p, [Handle]),
    "hdx_catalog_load": (c_int, [Handle, c_char_p, Out, _ERROR]),
    "hdx_catalog_put": (c_int, [Handle, c_char_p, Text, _ERROR]),
    "hdx_catalog_close": (None, [Handle]),
    "hdx_catalog_json": (Text, [Handle]),
    "hdx_catalog_find": (c_int, [Handle, c_char_p, POINTER(POINTER(Dataset)), _ERROR]),
    "hdx_search": (c_int, [Handle, POINTER(SearchOptions), Out, _ERROR]),
    "hdx_search_close": (None, [Handle]),
    "hdx_search_failure_count": (c_size_t, [Handle]),
    "hdx_search_failure": (POINTER(SearchFailure), [Handle, c_size_t]),
    "hdx_index_options_init": (None, [POINTER(IndexOptions)]),
    "hdx_index": (
        c_int,
        [Handle, c_char_p, POINTER(c_char_p), c_size_t, POINTER(IndexOptions), POINTER(IndexSummary), _ERROR],
    ),
    "hdx_probe": (c_int, [Handle, c_char_p, c_char_p, POINTER(POINTER(Probe)), _ERROR]),
    "hdx_probe_free": (None, [POINTER(Probe)]),
    "hdx_query_options_init": (None, [POINTER(QueryOptions)]),
    "hdx_query_open_many": (
        c_int,
        [Handle, c_char_p, POINTER(c_char_p), c_size_t, POINTER(QueryOptions), Out, _ERROR],
    ),
    "hdx_query_open": (c_int, [Handle, c_char_p, c_char_p, POINTER(QueryOptions), Out, _ERROR]),
    "hdx_query_close": (None, [Handle]),
    "hdx_query_info": (POINTER(QueryInfo), [Handle]),
    "hdx_query_dataset": (POINTER(QueryInfo), [Handle, c_size_t]),
    "hdx_query_failure": (POINTER(QueryFailure), [Handle, c_size_t]),
    "hdx_query_range": (c_int, [Handle, c_int64, c_int64, _ERROR]),
    "hdx_query_rewind": (None, [Handle]),
    "hdx_query_summary": (c_int, [Handle, c_size_t, POINTER(Summary), _ERROR]),
    "hdx_query_counts": (c_int, [Handle, c_size_t, c_int, CountsFunction, c_void_p, _ERROR]),
    "hdx_query_location": (c_int, [Handle, c_size_t, Text, c_int, POINTER(Text), _ERROR]),
    "hdx_query_take": (c_int, [Handle, POINTER(Arrays), POINTER(c_size_t), POINTER(c_size_t), _ERROR]),
    "hdx_files_of_query": (c_int, [Handle, Handle, Out, _ERROR]),
    "hdx_files_of_array": (c_int, [Handle, c_void_p, c_size_t, c_char_p, Out, _ERROR]),
    "hdx_files_on_refused": (None, [Handle, RefusedFunction, c_void_p]),
    "hdx_files_count": (c_int, [Handle, POINTER(FilesTotals), _ERROR]),
    "hdx_files_close": (None, [Handle]),
    "hdx_store_remove": (c_int, [Handle, c_char_p, POINTER(c_char_p), c_size_t, POINTER(c_uint64), _ERROR]),
    "hdx_mirror_options_init": (None, [POINTER(MirrorOptions)]),
    "hdx_mirror": (
        c_int,
        [Handle, Handle, c_char_p, POINTER(MirrorOptions), POINTER(MirrorSummary), _ERROR],
    ),
    "hdx_stream_options_init": (None, [POINTER(StreamOptions)]),
    "hdx_stream_open": (c_int, [Handle, Handle, POINTER(StreamOptions), Out, _ERROR]),
    "hdx_stream_next": (c_int, [Handle, POINTER(POINTER(Chunk)), _ERROR]),
    "hdx_stream_close": (None, [Handle]),
    "hdx_arrow_release_schema": (None, [c_void_p]),
    "hdx_arrow_release_array": (None, [c_void_p]),
    "hdx_arrow_release_stream": (None, [c_void_p]),
    "hdx_arrow_end_capsule": (None, [c_void_p]),
}


def declare(library: ctypes.CDLL) -> None:
    """Tells ctypes what the library's functions take and return."""
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def strings(values: "list[str] | tuple[str, ...]") -> "ctypes.Array[c_char_p]":
    """An array of C strings; it owns them."""
    return (c_char_p * len(values))(*[encode(value) for value in values])


def text(value: bytes) -> Text:
    """A view of bytes, which must outlive it."""
    return Text(ctypes.cast(c_char_p(value), c_void_p), len(value))
