"""Instants as the library has them: nanoseconds since 1970, UTC."""

from __future__ import annotations

import ctypes
import datetime
from typing import Any

from . import _abi
from ._library import library
from .errors import UsageError

_EPOCH = datetime.datetime(1970, 1, 1)


def to_ns(value: Any, name: str = "time") -> int:
    """The instant of a text (ISO 8601, any truncation, UTC), datetime (without a zone: UTC), date, pandas Timestamp or
    numpy datetime64; None is TIME_NONE. UsageError: it is none of them, or cannot be told."""
    if value is None:
        return _abi.TIME_NONE
    if isinstance(value, str):
        return _parse(value, name)
    nanoseconds = _nanoseconds(value)
    if nanoseconds is None:
        raise UsageError(f"{name}: expected a time (ISO 8601, datetime …) or None, found {value!r}")
    if not _abi.TIME_MIN <= nanoseconds <= _abi.TIME_MAX:
        raise UsageError(f"{name}: {value} is outside of 1678 to 2261")
    return nanoseconds


def _parse(value: str, name: str) -> int:
    data = _abi.encode(value)
    time, error = ctypes.c_int64(), _abi.Error()
    status = library.hdx_time_parse(_abi.text(data), ctypes.byref(time), ctypes.byref(error))
    if status != _abi.OK:
        raise UsageError(f"{name}: {_abi.decode(error.message)}")
    return time.value


def _nanoseconds(value: Any) -> "int | None":
    if isinstance(value, datetime.datetime):
        if hasattr(value, "asm8"):  # a Timestamp of pandas, which has nanoseconds; NaT has none
            return _nanoseconds(value.asm8)
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return (value - _EPOCH) // datetime.timedelta(microseconds=1) * 1000
    if isinstance(value, datetime.date):
        return (value - _EPOCH.date()).days * 86_400_000_000_000
    if hasattr(value, "astype") and str(getattr(value, "dtype", "")).startswith("datetime64"):
        seconds = int(value.astype("datetime64[s]").astype("int64"))
        if seconds == _abi.TIME_NONE:  # NaT
            return None
        if abs(seconds) > _abi.TIME_MAX // 10**9:  # would wrap around as nanoseconds
            return seconds * 10**9
        return int(value.astype("datetime64[ns]").astype("int64"))
    return None


def to_text(nanoseconds: int, digits: int = 0) -> str:
    """YYYY-MM-DDThh:mm:ss and 0, 3, 6 or 9 decimals, then Z."""
    out = ctypes.create_string_buffer(36)
    library.hdx_time_format(nanoseconds, digits, out)
    return out.value.decode()
