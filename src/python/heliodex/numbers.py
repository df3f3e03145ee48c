"""Texts as numbers, where the archive states that a column has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import IntegrityError
from .texts import Run

_BYTES_MAX = 64  # of a number: more is none
_INT = np.isin(np.arange(256), list(b" +-0123456789"))
_DOUBLE = _INT | np.isin(np.arange(256), list(b".eEinftyaINFTYA"))  # inf, infinity, nan


def _fixed(run: Run) -> Any:
    """The texts as an array of bytes of one length, "0" for empty ones."""
    lengths = np.diff(run.offsets)
    width = max(int(lengths.max()), 1)
    fixed = np.zeros((len(run), width), np.uint8)
    fixed[np.arange(width) < lengths[:, None]] = run.data
    fixed[lengths == 0, 0] = ord("0")
    return fixed.view(f"S{width}").ravel()


def _is_number(text: bytes, integer: bool) -> bool:
    if len(text) > _BYTES_MAX or not (_INT if integer else _DOUBLE)[np.frombuffer(text, np.uint8)].all():
        return False
    try:
        value = int(text) if integer else float(text)
    except ValueError:
        return False
    if integer:
        return -(2**63) <= value < 2**63
    return abs(value) != float("inf") or b"i" in text.lower()


def parse(run: Run, null: Any, integer: bool, name: str, row: int) -> Any:
    """Texts as int64 or float64; those that are null (empty) as 0. `row` is the number of the first. IntegrityError:
    one is no such number, or too large."""
    kind, allowed = (np.int64, _INT) if integer else (np.float64, _DOUBLE)
    if null.all():
        return np.zeros(len(run), kind)
    if allowed[run.data].all() and int(np.diff(run.offsets).max()) <= _BYTES_MAX:
        try:
            values = _fixed(run).astype(kind)
            if integer or not np.isinf(values).any():
                return values
        except (ValueError, OverflowError):
            pass
    texts = [run.data[a:b].tobytes() for a, b in zip(run.offsets.tolist(), run.offsets[1:].tolist())]
    for i, text in enumerate(texts):
        if text and not _is_number(text, integer):
            kind_stated = "int" if integer else "double"
            raise IntegrityError(f"{name} of row {row + i} is {text[:200]!r}, but the archive states that the column "
                                 f"has numbers ({kind_stated}): leave it out (columns), or take a DataFrame, where "
                                 f"such a column stays texts")
    return np.array([(int if integer else float)(text or b"0") for text in texts], kind)
