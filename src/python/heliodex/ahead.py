"""Gets items from an iterator on a thread of its own, so many ahead as fit into a number of bytes."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from typing import Any, Callable, Deque, Generic, Iterator, Optional, TypeVar

from .errors import UsageError

T = TypeVar("T")

GRACE_SECONDS = 0.3  # for what the thread waits for to come, before all that its session does is cancelled


class _State:
    """What the two threads share."""

    def __init__(self, bytes_max: int) -> None:
        self.changed = threading.Condition()
        self.ready: Deque[Any] = deque()
        self.held = 0
        self.bytes_max = bytes_max
        self.stop = self.ended = False
        self.error: Optional[BaseException] = None


def _work(state: _State, items: Iterator[Any], size: Callable[[Any], int]) -> None:
    try:
        for item in items:
            with state.changed:
                state.changed.wait_for(
                    lambda: state.stop or not state.ready or state.held + size(item) <= state.bytes_max)
                if state.stop:
                    return
                state.ready.append(item)
                state.held += size(item)
                state.changed.notify_all()
    except BaseException as error:
        state.error = error
    finally:
        with state.changed:
            state.ended = True
            state.changed.notify_all()


def _end(state: _State, thread: threading.Thread, cancel: Callable[[], None], resume: Callable[[], None],
         process: int) -> None:
    if process != os.getpid():  # the thread is the parent's
        return
    with state.changed:
        state.stop = True
        running = not state.ended
        state.changed.notify_all()
    if not running or thread is threading.current_thread():  # which it may be that lets go of the last reference
        return
    thread.join(GRACE_SECONDS)
    if thread.is_alive():
        cancel()
        thread.join()
        resume()


class Ahead(Generic[T]):
    """An iterator over `items`, which are got by another thread. Waiting for it can be interrupted.

    size      bytes that an item holds
    cancel    makes what the thread waits for end soon; resume  undoes that, once it has ended
    """

    def __init__(self, items: Iterator[T], size: Callable[[T], int], bytes_max: int, cancel: Callable[[], None],
                 resume: Callable[[], None]) -> None:
        self._state = _State(bytes_max)
        self._size = size
        self._process = os.getpid()
        thread = threading.Thread(target=_work, args=(self._state, items, size), name="heliodex-ahead", daemon=True)
        # Also before the interpreter ends: what the thread is in must not be closed below it.
        self._finalizer = weakref.finalize(self, _end, self._state, thread, cancel, resume, os.getpid())
        thread.start()

    def __iter__(self) -> "Ahead[T]":
        return self

    def __next__(self) -> T:
        state = self._state
        if self._process != os.getpid():
            raise UsageError("this was begun before the process forked: begin it again")
        with state.changed:
            state.changed.wait_for(lambda: state.ready or state.ended)
            if state.ready:
                item: T = state.ready.popleft()
                state.held -= self._size(item)
                state.changed.notify_all()
                return item
        if state.error:
            raise state.error
        raise StopIteration

    def close(self) -> None:
        """Ends the thread."""
        self._finalizer()
