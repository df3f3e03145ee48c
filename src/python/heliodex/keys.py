"""Keys that become str when they are looked at: an extension array for pandas (keys="lazy").

A column of a million objects takes longer to make than all the other columns, and is mostly not read. So the array
holds the bytes of all keys as they came, and where each begins and ends. Selecting rows copies no bytes; whatever looks
at all keys (comparing, sorting, `.str`, writing files) makes objects of them for the while. Only an array that is
modified becomes one of objects for good.
"""

from __future__ import annotations

import operator
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype
from pandas.api.extensions import take as take_of
from pandas.api.indexers import check_array_indexer

from . import _abi
from .texts import Run, array_of, gather, objects_of


@register_extension_dtype
class KeyDtype(ExtensionDtype):
    """The type of columns of lazy keys: str, and nan where rows were added that have none."""

    name = "heliodex.key"
    type = str
    kind = "O"
    na_value = np.nan

    @classmethod
    def construct_array_type(cls) -> "type[KeyArray]":
        return KeyArray


def _checked(values: Any) -> Any:
    """An array of objects: str, or nan."""
    objects = array_of(list(values))
    missing = np.asarray(pd.isna(objects), bool)
    for value in objects[~missing]:
        if not isinstance(value, str):
            raise TypeError(f"keys are str, found {value!r}")
    objects[missing] = np.nan
    return objects


class KeyArray(ExtensionArray):
    """Texts; key i is data[starts[i] : ends[i] - 1], behind which there is a newline. Once it is modified `objects` are
    what counts."""

    def __init__(self, data: Any, starts: Any, ends: Any, objects: Optional[Any] = None) -> None:
        self._data, self._starts, self._ends, self._objects = data, starts, ends, objects

    @classmethod
    def of_run(cls, run: Run) -> "KeyArray":
        """Over the memory of a run of lines."""
        return cls(run.data, run.offsets[:-1], run.offsets[1:])

    @classmethod
    def _of_objects(cls, objects: Any) -> "KeyArray":
        nothing = np.empty(0, np.int64)
        return cls(np.empty(0, np.uint8), nothing, nothing, objects)

    def _run(self) -> Run:
        """The keys one behind the other, without what lies between those that were selected."""
        if not len(self._starts):
            return Run(self._data[:0], np.zeros(1, np.int64), True)
        if np.array_equal(self._starts[1:], self._ends[:-1]):
            return Run(self._data, np.append(self._starts, self._ends[-1]), True)
        return gather(self._data, self._starts, self._ends)

    def _texts(self) -> Any:
        """All keys as an array of objects, not to be modified."""
        return self._objects if self._objects is not None else array_of(objects_of(self._run(), "str"))

    def _select(self, rows: Any) -> "KeyArray":
        if self._objects is not None:
            return self._of_objects(self._objects[rows])
        return KeyArray(self._data, self._starts[rows], self._ends[rows])

    # ---- what pandas asks of such an array

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> "KeyArray":
        return scalars if isinstance(scalars, cls) else cls._of_objects(_checked(scalars))

    @classmethod
    def _from_sequence_of_strings(cls, strings: Any, *, dtype: Any = None, copy: bool = False) -> "KeyArray":
        return cls._from_sequence(strings)

    @classmethod
    def _from_factorized(cls, values: Any, original: "KeyArray") -> "KeyArray":
        return cls._of_objects(_checked(values))

    @property
    def dtype(self) -> KeyDtype:
        return KeyDtype()

    @property
    def nbytes(self) -> int:
        """Memory of the keys, without that of other rows of the same answer."""
        if self._objects is not None:
            return int(self._objects.nbytes)
        return int((self._ends - self._starts).sum()) + self._starts.nbytes + self._ends.nbytes

    def __len__(self) -> int:
        return len(self._starts if self._objects is None else self._objects)

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, tuple):
            item = next((part for part in item if part is not Ellipsis), slice(None))
        item = slice(None) if item is Ellipsis else check_array_indexer(self, item)
        if isinstance(item, slice) and item == slice(None):  # a view: what is written to one is in the other
            view = object.__new__(type(self))
            view.__dict__ = self.__dict__
            return view
        if not isinstance(item, (int, np.integer)):
            return self._select(item)
        if self._objects is not None:
            return self._objects[item]
        return _abi.decode(self._data[self._starts[item] : self._ends[item] - 1].tobytes())

    def __setitem__(self, item: Any, value: Any) -> None:
        item = check_array_indexer(self, item)
        if pd.api.types.is_scalar(value):
            value = _checked([value])[0]
        elif isinstance(item, (int, np.integer)):
            raise ValueError("setting an array element with a sequence.")  # as numpy has it
        else:
            value = _checked(value)
        self._become_objects()
        self._objects[item] = value

    def _become_objects(self) -> None:
        if self._objects is None:
            self._objects = self._texts()
            self._data, self._starts, self._ends = self._data[:0], self._starts[:0], self._ends[:0]

    def __iter__(self) -> Any:
        return iter(self._texts().tolist())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        texts = self._texts()
        if dtype is not None and np.dtype(dtype) != object:
            return texts.astype(dtype)
        return texts.copy() if texts is self._objects else texts

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        if dtype is str or (isinstance(dtype, np.dtype) and dtype.kind == "U"):
            return array_of([str(text) for text in self._texts()])  # not of the longest's width for each
        return super().astype(dtype, copy)

    def isna(self) -> Any:
        if self._objects is None:
            return np.zeros(len(self), bool)
        return np.asarray(pd.isna(self._objects), bool)

    def take(self, indices: Sequence[int], *, allow_fill: bool = False, fill_value: Any = None) -> "KeyArray":
        places = np.asarray(indices, np.intp)
        if allow_fill and len(places) and places.min() < 0:
            fill = np.nan if pd.isna(fill_value) else fill_value
            return self._of_objects(_checked(take_of(self._texts(), places, allow_fill=True, fill_value=fill)))
        if self._objects is not None:
            return self._of_objects(np.take(self._objects, places))
        return KeyArray(self._data, np.take(self._starts, places), np.take(self._ends, places))

    def copy(self) -> "KeyArray":
        if self._objects is not None:
            return self._of_objects(self._objects.copy())
        return KeyArray(self._data, self._starts, self._ends)  # which are never modified

    @classmethod
    def _concat_same_type(cls, to_concat: "Sequence[KeyArray]") -> "KeyArray":
        if any(array._objects is not None for array in to_concat):
            return cls._of_objects(np.concatenate([array._texts() for array in to_concat]))
        datas, starts, ends, at = [], [], [], 0
        for array in to_concat:
            run = array._run()
            first, last = int(run.offsets[0]), int(run.offsets[-1])
            datas.append(run.data[first:last])
            starts.append(run.offsets[:-1] + (at - first))
            ends.append(run.offsets[1:] + (at - first))
            at += last - first
        return cls(np.concatenate(datas), np.concatenate(starts), np.concatenate(ends))

    def _values_for_argsort(self) -> Any:
        return self._texts()

    def _values_for_factorize(self) -> Tuple[Any, Any]:
        return self._texts(), np.nan

    def value_counts(self, dropna: bool = True) -> pd.Series:
        """How often each key is there, the most frequent first."""
        return pd.Series(self._texts(), dtype=object, copy=False).value_counts(dropna=dropna)

    def _reduce(self, name: str, *, skipna: bool = True, **options: Any) -> Any:
        if name not in ("min", "max"):
            raise TypeError(f"there is no {name} of keys")
        missing = self.isna()
        if missing.any() and not skipna:
            return np.nan
        texts = self._texts()[~missing]
        found = (min(texts) if name == "min" else max(texts)) if len(texts) else np.nan
        return self._of_objects(array_of([found])) if options.get("keepdims") else found

    def _formatter(self, boxed: bool = False) -> Callable[[Any], Optional[str]]:
        return str if boxed else repr

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_str_"):  # what the accessor .str calls: as a column of objects does it
            return getattr(pd.Series(self._texts(), dtype=object, copy=False).array, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> Dict[str, Any]:
        if self._objects is not None:
            return {"objects": self._objects}
        run = self._run()
        first = run.offsets[0]
        return {"data": run.data[first : run.offsets[-1]], "offsets": run.offsets - first}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        if "objects" in state:
            self.__dict__.update(self._of_objects(state["objects"]).__dict__)
        else:
            self.__dict__.update(self.of_run(Run(state["data"], state["offsets"], True)).__dict__)


def _operation(function: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[[KeyArray, Any], Any]:
    def method(self: KeyArray, other: Any) -> Any:
        if isinstance(other, (pd.Series, pd.Index, pd.DataFrame)):
            return NotImplemented  # they come back with their arrays
        if isinstance(other, KeyArray):
            other = other._texts()
        elif pd.api.types.is_list_like(other):
            other = array_of(list(other))
        if isinstance(other, np.ndarray) and other.ndim and len(other) != len(self):
            raise ValueError(f"Lengths must match: {len(self)} keys, and {len(other)} others")
        texts = self._texts()
        return function(other, texts) if swapped else function(texts, other)

    return method


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    def _compared(a: Any, b: Any, _function: Any = getattr(operator, _name)) -> Any:
        return np.asarray(_function(a, b), bool)

    setattr(KeyArray, f"__{_name}__", _operation(_compared))
setattr(KeyArray, "__add__", _operation(operator.add))
setattr(KeyArray, "__radd__", _operation(operator.add, swapped=True))
