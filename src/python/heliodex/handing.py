"""Hands the files of a frame to a function, as the original tool's `stream` and `stream_uri` do."""

from __future__ import annotations

import inspect
import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Optional, Tuple

from .errors import Failure, UsageError
from .files import KEYS, SIZES, STARTS, STOPS, text_of
from .progress import ProgressLike
from .session import Session
from .streaming import Display, FileFailure, Opened, StreamedFile, refused

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger("heliodex")

Row = Tuple[str, str, str, Any]  # key, start, stop, size


def rows_of(frame: "pandas.DataFrame") -> Iterator[Row]:
    """Key, start, stop and size of each row; times as texts, "" where the frame has no such column."""

    def column(names: Tuple[str, ...]) -> Any:
        return next((frame[name] for name in names if name in frame.columns), None)

    keys = column(KEYS)
    if keys is None:
        raise UsageError(f"expected a column {' or '.join(KEYS)}, found {', '.join(map(str, frame.columns))}")
    starts, stops, sizes = column(STARTS), column(STOPS), column(SIZES)
    for i, key in enumerate(map(text_of, keys)):
        yield (key, "" if starts is None else str(starts.iat[i]), "" if stops is None else str(stops.iat[i]),
               -1 if sizes is None else sizes.iat[i])


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # a built-in function that does not say
        return count == 4
    return True


def arguments_of(function: Callable[..., Any]) -> Callable[[Any, Row], Any]:
    """Calls it with (what, start, stop, size), or, as earlier versions of the tool did, with (what, start, size)."""
    if _takes(function, 4) or not _takes(function, 3):
        return lambda what, row: function(what, row[1], row[2], row[3])
    return lambda what, row: function(what, row[1], row[3])


def hand_uris(frame: "pandas.DataFrame", function: Callable[..., Any]) -> None:
    """Calls `function` with the URI of each row."""
    call = arguments_of(function)
    for row in rows_of(frame):
        call(row[0], row)


def hand_files(frame: "pandas.DataFrame", function: Callable[..., Any], *, session: Session, ignore: bool = False,
               errors: Optional[List[Failure]] = None, none_if_failed: bool = False, bucket: Optional[str] = None,
               progress: ProgressLike = None) -> None:
    """Calls `function` with the bytes of each row's file (BytesIO), in their order, while others are fetched ahead.
    Sizes that the index states are not insisted on: the original does not look at them."""
    call = arguments_of(function)
    opened = Opened(frame, session, bucket, ignore_size=True)
    display = Display(frame, progress)
    results = iter(opened)
    result = next(results, None)
    try:
        for row in rows_of(frame):
            if result is None or not _is_of(result, row):  # what names no file was left out of the list
                file: "StreamedFile | FileFailure" = refused(opened)
            else:
                file, result = result, None
            display.count(file)
            if isinstance(file, StreamedFile):
                _call_one(call, file.data, row, errors)
            elif none_if_failed:
                call(None, row)
            elif errors is not None:
                errors.append(Failure(row[0], file.status, file.message))
            elif ignore:
                logger.warning("left out: %s", file.message)
            else:
                raise file
            result = result or next(results, None)
    finally:
        opened.close()
        display.end()


def _is_of(result: "StreamedFile | FileFailure", row: Row) -> bool:
    return bool(row[0]) and (result.uri == row[0] or result.uri.endswith("/" + row[0].lstrip("/")))


def _call_one(call: Callable[[Any, Row], Any], data: BytesIO, row: Row, errors: Optional[List[Failure]]) -> None:
    try:
        call(data, row)
    except Exception as error:
        if errors is None:
            raise
        errors.append(Failure(row[0], type(error).__name__, str(error)))
