"""Finds and loads libheliodex.

In this order: the file that $HELIODEX_LIBRARY names; what lies beside this package (a wheel that brought its library);
what this package was installed with (_installed.py, written by the installation); the system's.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Iterator, Tuple

from . import _abi

NAME = "libheliodex.so.0"


def _candidates() -> Iterator[Tuple[str, str]]:
    """(path or name, who says so)"""
    named = os.environ.get("HELIODEX_LIBRARY")
    if named:
        yield named, "$HELIODEX_LIBRARY"
        return  # what is asked for is never replaced by something else
    here = Path(__file__).resolve().parent
    if (here / NAME).exists():
        yield str(here / NAME), "beside the package"
    try:
        from ._installed import LIBRARY
    except ImportError:
        pass
    else:
        yield str(here / LIBRARY), "the installation"
    yield NAME, "the system"


def _version(library: ctypes.CDLL) -> str:
    version = _abi.Version()
    library.hdx_version(ctypes.byref(version))
    return _abi.decode(version.heliodex)


def _load() -> ctypes.CDLL:
    failures = []
    for path, whose in _candidates():
        try:
            library = ctypes.CDLL(path)
            _abi.declare(library)
        except (OSError, AttributeError) as error:
            failures.append(f"{path} ({whose}): {error}")
            continue
        found = _version(library)
        if tuple(map(int, found.split(".")[:2])) == _abi.VERSION:
            return library
        failures.append(f"{path} ({whose}): is version {found}")
    raise ImportError(
        "no libheliodex of version "
        + ".".join(map(str, _abi.VERSION))
        + " was found; install it (cmake --install), or name its file in HELIODEX_LIBRARY\n  "
        + "\n  ".join(failures)
    )


library = _load()
# Those of its functions that read the environment are called with the GIL, so that nobody sets a variable meanwhile.
with_gil = ctypes.PyDLL(library._name, handle=library._handle)
with_gil.hdx_session_open.restype = library.hdx_session_open.restype
with_gil.hdx_session_open.argtypes = library.hdx_session_open.argtypes


def version() -> str:
    """The library's version, as "0.1.0"."""
    return _version(library)
