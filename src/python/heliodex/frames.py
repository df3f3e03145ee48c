"""DataFrames over the arrays of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

import numpy as np

if TYPE_CHECKING:
    import pandas

    from .rows import Batch

_TEXTS = {"checksum", "checksum_algorithm"}  # never numbers, whatever their digits


def _numbers(values: Any, kind: str) -> Any:
    """An extra column as numbers, as pandas reads a CSV file: int64, or float64 with NaN where it is not stated; as it
    is where a value is none, or would lose its leading zeros."""
    if kind == "string" or not len(values):
        return values
    stated = [value for value in values if value is not None]
    if not stated or "_" in "".join(stated) or any(value[:1] == "0" and value[1:2].isdigit() for value in stated):
        return values
    try:
        if len(stated) == len(values) and kind != "double":
            try:
                return np.array(stated, np.dtype("U")).astype(np.int64)
            except OverflowError:  # as numbers they would lose digits
                return values
            except ValueError:
                pass
        return np.array([value if value is not None else "nan" for value in values], np.dtype("U")).astype(np.float64)
    except ValueError:
        return values


def frame_of(batch: "Batch", names: "Dict[str, str] | None" = None) -> "pandas.DataFrame":
    """A DataFrame of the batch's columns, or of those that `names` has (name in the batch: in the frame), in its order.
    Times, sizes and lazy keys are the batch's arrays themselves."""
    import pandas as pd

    extras = {column.name: column for column in batch._columns if column.extra >= 0}
    names = names or {name: name for name in batch.columns}
    columns: Dict[str, Any] = {}
    for name, title in names.items():
        values = batch[name]
        if name in extras and name not in _TEXTS:
            values = _numbers(values, extras[name].type)
        # said expressly: newer versions would make another type of texts
        columns[title] = pd.Series(values, dtype=object, copy=False) if values.dtype == object else values
    return pd.DataFrame(columns, index=pd.RangeIndex(len(batch)), copy=False)
