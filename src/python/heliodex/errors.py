"""What can go wrong, as exceptions. Each kind is also the built-in exception that scripts would expect."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple, Type

from . import _abi


class HeliodexError(Exception):
    """Something failed. `status` is heliodex's name for what kind of thing it was ("NOT_FOUND", "DENIED" …)."""

    status = "INTERNAL"

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.__dict__.update(details)

    def __str__(self) -> str:  # that of KeyError would be in quotes
        return str(self.message)


class UsageError(HeliodexError, ValueError):
    """An argument is wrong."""

    status = "USAGE"


class NotFoundError(HeliodexError, KeyError):
    """There is no such dataset, bucket or file."""

    status = "NOT_FOUND"


class DeniedError(HeliodexError, PermissionError):
    """Authentication or permission failed."""

    status = "DENIED"


class TemporaryError(HeliodexError, ConnectionError):
    """The network or a server failed for now; the same call goes on where this one ended."""

    status = "TEMPORARY"


class UnavailableData(HeliodexError):
    """The catalog says that its archive is unavailable for now (status 1400)."""

    status = "UNAVAILABLE"


class LocalError(HeliodexError, OSError):
    """Local files could not be read or written."""

    status = "IO"


class IntegrityError(HeliodexError, ValueError):
    """Data are malformed, corrupt, or changed while they were read."""

    status = "INTEGRITY"


class LimitError(HeliodexError):
    """A limit was reached."""

    status = "LIMIT"


class OutOfMemoryError(HeliodexError, MemoryError):
    """There is not enough memory."""

    status = "MEMORY"


class EmptyError(HeliodexError, LookupError):
    """Nothing matched."""

    status = "EMPTY"


class PartialError(HeliodexError):
    """A run finished, but some of its items failed: `summary` and `failures` say what."""

    status = "PARTIAL"
    summary: Any = None
    failures: "List[Failure]" = []


class FailedS3Get(HeliodexError):
    """A document or file could not be had from its bucket."""

    status = "NOT_FOUND"


class FailedCatalog(FailedS3Get, KeyError):
    """The catalog of a bucket could not be had, or is none."""


class DeniedCatalog(FailedCatalog, PermissionError):
    """The catalog of a bucket may not be read."""


class UnreachableCatalog(FailedCatalog, ConnectionError):
    """The catalog of a bucket cannot be reached for now."""


class Failure:
    """One item of a run that failed: `what` it is (a URL or id), the `status`, and the `message`."""

    __slots__ = ("what", "status", "message")

    def __init__(self, what: str, status: str, message: str) -> None:
        self.what, self.status, self.message = what, status, message

    def __repr__(self) -> str:
        return f"Failure({self.what!r}, {self.status}, {self.message!r})"


_KINDS: Dict[str, Type[HeliodexError]] = {
    kind.status: kind
    for kind in (
        PartialError,
        UsageError,
        NotFoundError,
        DeniedError,
        TemporaryError,
        UnavailableData,
        LocalError,
        IntegrityError,
        LimitError,
        OutOfMemoryError,
        EmptyError,
    )
}


def of_status(status: int, message: str) -> HeliodexError:
    """The exception for a status of the library."""
    name = _abi.STATUS[status] if status < len(_abi.STATUS) else "INTERNAL"
    error = _KINDS.get(name, HeliodexError)(message)
    error.status = name
    return error


def of_call(status: int, error: _abi.Error) -> HeliodexError:
    """The exception for a call of the library that failed."""
    return of_status(status, _abi.decode(error.message))


def summarise(failures: "List[Failure]", first: Optional[str] = None) -> Tuple[int, str]:
    """How many failed, and a sentence that names the first of them."""
    count = len(failures)
    named = first or (f"{failures[0].what}: {failures[0].message}" if failures else "")
    return count, f"{count} failed; the first: {named}" if count > 1 else named
