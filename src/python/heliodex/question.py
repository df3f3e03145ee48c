"""What is asked for: the keyword arguments of a query as struct hdx_query_options."""

from __future__ import annotations

import ctypes
import operator
import re
from typing import Any, Iterable, List, Optional, Sequence, Tuple, Union

from . import _abi
from ._library import library
from .errors import UsageError
from .session import texts
from .times import to_ns

Texts = Union[None, str, Iterable[str]]
Condition = Union[str, Tuple[str, str, Any]]

_CONDITION = re.compile(r"\s*(.*?)\s*(==|!=|<=|>=|=|<|>)\s*(.*?)\s*", re.S)


def listed(values: Texts) -> List[str]:
    """One text or several, as a list."""
    if values is None or isinstance(values, str):
        return [] if values is None else [values]
    try:
        return list(values)
    except TypeError:
        raise UsageError(f"expected a text, or several, found {values!r}") from None


def _condition(where: Condition) -> Tuple[str, str, str]:
    if isinstance(where, str):
        match = _CONDITION.fullmatch(where)
        if not match or not match[1]:
            raise UsageError(f"where: expected a column, one of {' '.join(_abi.OPERATOR)} and a value, found {where!r}")
        column, operator, value = match.groups()
    else:
        column, operator, value = where
    operator = "==" if operator == "=" else operator
    if operator not in _abi.OPERATOR:
        raise UsageError(f"where: expected one of {' '.join(_abi.OPERATOR)}, found {operator!r}")
    return column, operator, str(value)


def count_of(value: Any, name: str, least: int = 0) -> int:
    """A number of the caller's that fits into 63 bits (ctypes would cut it); 1e6 is one."""
    try:
        number = int(value) if isinstance(value, float) and value.is_integer() else operator.index(value)
    except TypeError:
        number = -1
    if not least <= number < 2**63:
        raise UsageError(f"{name}: expected a whole number of {least} or more, or None, found {value!r}")
    return number


class Question:
    """The options of a query; owns what they point to."""

    def __init__(self, start: Any = None, stop: Any = None, match: str = "overlap", allow_partial: bool = False,
                 key: Texts = None, exclude_key: Texts = None, min_size: Optional[int] = None,
                 max_size: Optional[int] = None, where: Union[None, Condition, Sequence[Condition]] = None,
                 latest_version: bool = False, reverse: bool = False, limit: Optional[int] = None) -> None:
        self.options = options = _abi.QueryOptions()
        library.hdx_query_options_init(ctypes.byref(options))
        options.start, options.stop = to_ns(start, "start"), to_ns(stop, "stop")
        if match not in _abi.MATCH:
            raise UsageError(f"match: expected one of {', '.join(_abi.MATCH)}, found {match!r}")
        options.match = _abi.MATCH.index(match)
        options.allow_partial, options.latest_version, options.reverse = allow_partial, latest_version, reverse
        keys, excludes = listed(key), listed(exclude_key)
        options.keys, options.key_count = texts(keys), len(keys)
        options.key_excludes, options.key_exclude_count = texts(excludes), len(excludes)
        options.min_size = -1 if min_size is None else count_of(min_size, "min_size", 0)
        options.max_size = -1 if max_size is None else count_of(max_size, "max_size", 0)
        options.limit = 0 if limit is None else count_of(limit, "limit", 1)
        if where is not None:
            # a condition is a text or a tuple of three; several are a list of those
            several: List[Any] = [where] if isinstance(where, (str, tuple)) else list(where)
            parts = [texts(list(_condition(one))) for one in several]
            options.wheres = (_abi.Where * len(parts))(
                *[_abi.Where(part[0], _abi.OPERATOR.index(part[1].decode()), part[2]) for part in parts])
            options.where_count = len(parts)
