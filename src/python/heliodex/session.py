"""A session of the library: its settings, its lock, and the rules of calling into it from Python.

One thread at a time is in a session; others wait for it. While a call runs the GIL is released. Signals that Python
handles in the main thread (Ctrl-C) end a call within a fraction of a second: the library asks, every 100 ms while it
waits, whether it is interrupted, and Python runs its handlers then. A session that was open when the process forked is
the parent's; in the child it opens anew when it is next used.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import shutil
import tempfile
import threading
import time
import weakref
from collections import deque
from types import FrameType, TracebackType
from typing import Any, Callable, Deque, Dict, List, Optional, Type

from . import _abi
from ._library import library, with_gil
from .errors import UsageError, of_call
from .progress import Reporter
from .settings import Settings, Value

logger = logging.getLogger("heliodex")
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_homeless = False  # which was told
_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()


class _Watch:
    """While a call runs in the main thread: handlers of signals that raise end the call instead, and what they raised
    is raised once it has ended. (What a handler raises in a callback of the library would be lost.)"""

    def __init__(self, session: "Session") -> None:
        self.session = session
        self.handlers: Dict[int, Callable[[int, Optional[FrameType]], Any]] = {}
        self.raised: Optional[BaseException] = None

    def fail(self, error: BaseException) -> None:
        self.raised = self.raised or error
        self.session._cancelled = True
        library.hdx_session_cancel(self.session._handle)

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        try:
            self.handlers[number](number, frame)
        except BaseException as error:  # KeyboardInterrupt, SystemExit
            self.fail(error)

    def __enter__(self) -> "_Watch":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self.handlers[number] = handler
                    signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        for number, handler in self.handlers.items():
            if signal.getsignal(number) == self._on_signal:  # a handler may have set another one
                signal.signal(number, handler)


class _Lock:
    """Held by the thread that is in a session, which may enter it again; `left` is called when it is left for good."""

    def __init__(self, left: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._left = weakref.WeakMethod(left)

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: Any) -> None:
        self._depth -= 1
        for_good = self._depth == 0
        self._lock.release()
        left = self._left() if for_good else None
        if left:
            left()

    def enter_alone(self) -> bool:
        """Enters unless somebody is in, be it this thread itself (whose collector runs at any time); to be followed by
        `leave`."""
        if not self._lock.acquire(blocking=False):
            return False
        if self._depth:
            self._lock.release()
            return False
        self._depth = 1
        return True

    def leave(self) -> None:
        self._depth = 0
        self._lock.release()


class _Use:
    """Whether a call runs that may call back. As the process ends there is no Python to call any more, so that what a
    daemon thread is still in is ended before."""

    END_SECONDS_MAX = 10

    def __init__(self) -> None:
        self.running = self.ending = False
        self._left = threading.Event()

    def enter(self) -> None:
        self._left.clear()
        self.running = True

    def leave(self) -> None:
        self.running = False
        self._left.set()
        while self.ending:  # nobody is there to be told of the interruption
            time.sleep(_Use.END_SECONDS_MAX)

    def end(self, handle: int) -> None:
        self.ending = True
        library.hdx_session_cancel(handle)
        self._left.wait(_Use.END_SECONDS_MAX)


class Session:
    """Settings, store and network. `Session(**settings)`, or any function's `**settings`: see heliodex.settings.

    It is opened when it is first used, and may be used by several threads, one at a time. Close it (or use it as a
    context manager) to end its connections and threads early; it is closed at the latest when it is collected.
    """

    def __init__(self, **settings: Value) -> None:
        self.lock = _Lock(self._sweep)  # held by who is in the session, over several calls that belong together
        self._handle: Optional[int] = None
        self._settings = Settings(settings)
        self._generation = 0  # of the handle: what was opened from another one is not to be used
        self._use = _Use()
        self._cancelled = False  # and to be resumed by the next call
        self._opened: Dict[int, Any] = {}  # handles from the session, and what closes them
        self._left: "Deque[tuple[int, Any]]" = deque()  # those to be closed when nobody is in the session
        self._watch: Optional[_Watch] = None
        self._reporter: Optional[Reporter] = None
        self._temporary: Optional[str] = None
        self._finalizer: Optional[weakref.finalize] = None
        self._config: Optional[_abi.Config] = None
        _sessions.add(self)

    # ---- opening and closing

    def _callbacks(self, config: _abi.Config) -> None:
        me = weakref.ref(self)

        def on_log(_user: Any, level: int, message: bytes) -> None:
            logger.log(_LEVELS[level], "%s", _abi.decode(message))

        def on_progress(_user: Any, progress: Any) -> None:
            session = me()
            if session and session._reporter and session._watch and not session._watch.raised:
                try:
                    session._reporter.tell(progress.contents)
                except BaseException as error:
                    session._watch.fail(error)

        def interrupted(_user: Any) -> bool:
            session = me()
            return bool(session and session._watch and session._watch.raised)

        config.log = _abi.LogFunction(on_log)
        config.progress = _abi.ProgressFunction(on_progress)
        config.interrupted = _abi.InterruptedFunction(interrupted)
        config.log_level = 2 if logger.isEnabledFor(logging.DEBUG) else 1 if logger.isEnabledFor(logging.INFO) else 0

    def _open(self) -> int:
        if self._handle is None:
            handle = None
            if self._settings.get("store") is not None or _has_home():
                handle = self._try_open(self._settings)
                if self._settings.get("store") is None and not _can_write(library.hdx_session_store(handle)):
                    library.hdx_session_close(handle)
                    handle = None
            if handle is None:
                handle = self._open_temporary()
            self._handle = handle
            self._finalizer = weakref.finalize(self, _close_at_last, os.getpid(), self.lock, self._use, self._config,
                                               handle, self._opened, self._temporary)
        return self._handle

    def _open_temporary(self) -> int:
        self._temporary = tempfile.mkdtemp(prefix="heliodex-")
        global _homeless
        if not _homeless:
            _homeless = True
            logger.warning("no home to keep index files in: they are fetched anew by each process (set HELIODEX_STORE)")
        try:
            return self._try_open(self._settings.replaced(store=self._temporary))
        except BaseException:
            shutil.rmtree(self._temporary, ignore_errors=True)
            raise

    def _try_open(self, settings: Settings) -> int:
        config = settings.config()
        self._callbacks(config)
        handle, error = ctypes.c_void_p(), _abi.Error()
        status = with_gil.hdx_session_open(ctypes.byref(config), ctypes.byref(handle), ctypes.byref(error))
        if status != _abi.OK:
            raise of_call(status, error)
        self._config = config  # its callbacks and texts live as long as the session
        return int(handle.value or 0)

    def close(self) -> None:
        """Ends its connections and threads. Queries and streams that are open cannot be used any more; the session
        itself opens anew if it is used again."""
        with self.lock:
            self._check_idle()
            self._generation += 1
            handle, self._handle = self._handle, None  # at first: others may cancel it at any time
            if self._finalizer:
                self._finalizer.detach()
                _close(handle, self._opened, self._temporary)
            self._left.clear()
            self._finalizer = self._temporary = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<heliodex.Session {self._settings!r}>"

    def _forget(self) -> None:
        """In a forked child: the handle, its threads and sockets are the parent's."""
        self.lock = _Lock(self._sweep)
        if self._finalizer:
            self._finalizer.detach()
        self._handle, self._finalizer, self._temporary = None, None, None
        self._generation += 1
        self._use = _Use()
        self._cancelled, self._watch, self._reporter = False, None, None
        self._opened.clear()
        self._left.clear()

    @property
    def store(self) -> str:
        """The folder of snapshots."""
        with self.lock:
            return _abi.decode(library.hdx_session_store(self._open()))

    # ---- calling

    def _check_idle(self) -> None:
        if self._use.running:
            raise UsageError("a call of this session is running: its callbacks cannot call the session")
        if self._cancelled and self._handle is not None:
            library.hdx_session_resume(self._handle)
        self._cancelled = False

    def _drain(self) -> None:
        while self._left:
            handle, _ = self._left.popleft()
            close = self._opened.pop(handle, None)
            if close:
                close(handle)

    def _sweep(self) -> None:
        """Closes what is left, unless somebody is in the session: who leaves it sweeps."""
        while self._left and self.lock.enter_alone():
            try:
                self._drain()
            finally:
                self.lock.leave()

    def _release(self, handle: int, generation: int, stands_on: "tuple[Any, ...]") -> None:
        """Closes what was opened from the session, and lets go of what it stands on; later, if somebody is in it."""
        if generation == self._generation:
            self._left.append((handle, stands_on))
            self._sweep()

    def call(self, function: Any, *arguments: Any) -> None:
        """A short call, which waits for nothing: function(*arguments, error)."""
        error = _abi.Error()
        with self.lock:
            self._check_idle()
            status = function(*_handles(arguments), ctypes.byref(error))
        if status != _abi.OK:
            raise of_call(status, error)

    def run(self, function: Any, *arguments: Any, reporter: Optional[Reporter] = None,
            settle: Optional[Callable[[int, _abi.Error], None]] = None) -> None:
        """A call that may wait: function(session, *arguments, error), with progress; signals end it. `settle` is told
        the status, and is to raise; without it every status but OK is raised."""
        error = _abi.Error()
        with self.lock:
            self._check_idle()
            given = _handles(arguments)  # before it opens anew, if it was closed
            handle = self._open()
            self._reporter = reporter
            self._use.enter()
            try:
                with _Watch(self) as watch:
                    self._watch = watch
                    status = function(handle, *given, ctypes.byref(error))
            finally:
                self._use.leave()
                self._reporter, self._watch = None, None
                if reporter:
                    reporter.end()
        if watch.raised:
            raise watch.raised
        if settle:
            settle(status, error)
        elif status != _abi.OK:
            raise of_call(status, error)

    def fail(self, error: BaseException) -> None:
        """For callbacks: ends the call that runs, which raises `error` then."""
        if self._watch:
            self._watch.fail(error)

    def cancel(self) -> None:
        """Makes the call that runs, and those that come, end soon. From any thread."""
        handle = self._handle
        if handle is not None:
            library.hdx_session_cancel(handle)

    def resume(self) -> None:
        """Lets calls work again after `cancel`."""
        with self.lock:
            if self._handle is not None:
                library.hdx_session_resume(self._handle)

    def open(self, function: Any, close: Any, *arguments: Any, reporter: Optional[Reporter] = None,
             stands_on: Any = None) -> "Owned":
        """A call that opens something: function(session, *arguments, &handle, error). What is opened stands on those of
        the arguments that were opened, and on the memory `stands_on`: it is closed before them."""
        out = ctypes.c_void_p()
        with self.lock:
            try:
                self.run(function, *arguments, ctypes.byref(out), reporter=reporter)
            except BaseException:
                if out.value:  # interrupted when it was done
                    Owned(self, close, out.value, ()).close()
                raise
            return Owned(self, close, int(out.value or 0), (stands_on, *arguments))


class Owned:
    """Something that was opened from a session, and is closed with it, by `close`, or when it is collected. Calls
    of the session take it as it is."""

    def __init__(self, session: Session, close: Any, handle: int, stands_on: "tuple[Any, ...]") -> None:
        self.session = session
        self._handle = handle
        self._generation = session._generation
        self._above: "weakref.WeakSet[Owned]" = weakref.WeakSet()  # what stands on it
        session._opened[handle] = close
        for below in stands_on:
            if isinstance(below, Owned):
                below._above.add(self)
        self._finalizer = weakref.finalize(self, session._release, handle, self._generation, stands_on)

    @property
    def is_open(self) -> bool:
        """Neither closed, nor opened before the process forked."""
        return self._finalizer.alive and self._generation == self.session._generation

    @property
    def handle(self) -> int:
        if not self.is_open:
            raise UsageError("this was closed, or opened before the process forked: open it again")
        return self._handle

    def close(self) -> None:
        for above in list(self._above):
            above.close()
        self._finalizer()


def _handles(arguments: "tuple[Any, ...]") -> List[Any]:
    """Arguments as the library takes them. Looked at by who is in the session: nobody closes them meanwhile."""
    return [argument.handle if isinstance(argument, Owned) else argument for argument in arguments]


def _can_write(store: bytes) -> bool:
    """Whether the folder can be written to, or made."""
    path = os.fsdecode(store)
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)


def _has_home() -> bool:
    """Whether the library knows of a place for a store."""
    return any(os.path.isabs(os.environ.get(name, "")) for name in ("XDG_CACHE_HOME", "HOME"))


def _close(handle: Optional[int], opened: Dict[int, Any], temporary: Optional[str]) -> None:
    """Closes a session, and before it what was opened from it."""
    while opened:
        one, close = opened.popitem()  # the last one first
        close(one)
    library.hdx_session_close(handle)
    if temporary:
        shutil.rmtree(temporary, ignore_errors=True)


def _close_at_last(process: int, lock: _Lock, use: _Use, _config: Any, handle: int, opened: Dict[int, Any],
                   temporary: Optional[str]) -> None:
    """The same for a session that nobody holds any more, or as the process ends: then a thread that nobody waited for
    may still be in it."""
    if process != os.getpid():
        return
    if lock.enter_alone():
        _close(handle, opened, temporary)
        lock.leave()
    elif use.running:
        use.end(handle)


def _after_fork() -> None:
    for session in list(_sessions):
        session._forget()


os.register_at_fork(after_in_child=_after_fork)


def session_of(session: Optional[Session], settings: Dict[str, Value]) -> Session:
    """The session that was given, or a new one with the settings."""
    if session is not None and not isinstance(session, Session):
        raise UsageError(f"session: expected a heliodex.Session, found {session!r}")
    if session is None:
        return Session(**settings)
    if settings:
        raise TypeError(f"a session has its own settings: {', '.join(settings)} cannot be given with it")
    return session


def texts(values: List[str]) -> Any:
    """An array of C strings of the values; UsageError: one cannot be passed."""
    for value in values:
        if not isinstance(value, str) or "\0" in value:
            raise UsageError(f"expected a text without NUL, found {value!r}")
    return _abi.strings(values)
