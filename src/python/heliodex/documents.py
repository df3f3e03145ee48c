"""Registries and catalogs as JSON, as the library hands them over."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any, Dict, Iterator, Set

from .errors import IntegrityError
from .settings import Settings, Value


def parse(data: bytes, what: str) -> Any:
    """The document. IntegrityError: it is no JSON, or Python cannot hold it (nested too deeply, numbers of thousands of
    digits)."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{what}: expected JSON that Python can hold: {error}") from error


def refreshing(settings: Dict[str, Value]) -> Dict[str, Value]:
    """The settings of a session that asks servers anew also for what is held, unless they say otherwise."""
    return {**settings, "refresh": True} if Settings(settings).get("refresh") is None else settings


@contextlib.contextmanager
def told_once(logger: logging.Logger) -> Iterator[None]:
    """While documents are read more than once: what is wrong with them is logged once."""
    seen: Set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        new = message not in seen
        seen.add(message)
        return new or record.levelno < logging.WARNING

    logger.addFilter(is_new)
    try:
        yield
    finally:
        logger.removeFilter(is_new)
