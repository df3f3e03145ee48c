"""A scripted HTTP/1.1 origin: serves objects as S3 would, except where a test tells it to misbehave.

    origin = Origin(folder)                      # or Origin() and origin.put("/b/key", b"...")
    with origin:                                 # listens on a free port of 127.0.0.1
        origin.script("/b/x.csv", Behaviour(status=503, headers={"Retry-After": "1"}), Behaviour(cut=100))
        ... run the program against origin.url ...
        origin.of("/b/x.csv")                    # the requests of that object, in the order of their arrival

Objects come from put() and otherwise from the folder. A well-behaved answer knows HEAD, Range (one range), If-Range,
If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since; the ETag is the MD5 of the content. What is missing is
404 with S3's XML (or 403: `missing`).

A script is a list of behaviours for one path; each request of that path takes the next one, None stands for a good
answer, and after the last all answers are good again. always() sets a behaviour that never runs out, change() has the
object be another one after some requests, redirect() is a behaviour that sends elsewhere. throttle() is a token bucket
(503 with Retry-After) over all paths or those below one, refuse() resets connections before they say anything. Every
request is logged when it ends, however it ends.

To add a fault: a field of Behaviour with a comment, the place in _answer, _good or _send that heeds it, and a test in
test_origin.py that sees it with a plain socket or http.client.

A thread per connection, standard library only. It is made for faults, not for speed: some thousand requests a second.
"""

import dataclasses
import email.utils
import fcntl
import hashlib
import http
import socket
import ssl
import struct
import termios
import threading
import time
import urllib.parse
from pathlib import Path

CHUNK = 64 * 1024
IDLE_SECONDS_MAX = 60
HEAD_BYTES_MAX = 64 * 1024


@dataclasses.dataclass
class Behaviour:
    """How one answer differs from a good one. Offsets count bytes of the body that is sent, from 0."""

    status: int | None = None  # answers with this status and `body` (S3's XML if None), whatever is asked
    body: bytes | None = None  # sent in place of the object; ranges are taken of it
    headers: dict = dataclasses.field(default_factory=dict)  # set or replaced; a value of None removes
    replace: bytes | None = None  # the object's content is changed to this before the answer, and stays so
    delay: float = 0  # seconds before the headers
    until: threading.Event | None = None  # the headers wait for it (or for the origin's end)
    cut: int | None = None  # closes after so many bytes of the body; -1: before the headers
    cut_by: str = "rst"  # or "fin"
    stall: int | None = None  # sends so many bytes of the body, then nothing more; -1: not even headers
    drip: tuple | None = None  # (bytes, seconds): so many bytes, then a pause, and so on
    ignore_range: bool = False  # 200 with the whole object
    range_max: int | None = None  # 206 with at most so many bytes of the range that was asked for
    other_range: tuple | None = None  # (begin, end): 206 with these bytes, and their Content-Range, whatever was asked
    ignore_conditions: bool = False  # as if no If-... header were there
    length: int | None = None  # the Content-Length that is claimed; what is sent stays
    flip: int | None = None  # inverts the lowest bit of this byte of the object
    chunked: bool = False  # Transfer-Encoding in place of Content-Length
    close: bool = False  # Connection: close
    raw: bytes | None = None  # sent in place of an answer, head and all; then the connection is closed


@dataclasses.dataclass
class Request:
    """A request as it came and what became of it."""

    method: str
    path: str  # decoded, without the query
    target: str  # as sent
    headers: dict  # names in lower case
    connection: int  # from 1
    begun: float  # time.monotonic()
    ended: float = 0
    status: int = 0  # 0: no status was sent
    sent: int = 0  # bytes of the body
    whole: bool = False  # the answer went out to its end


def not_found(key):
    return (b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
            b"<Message>The specified key does not exist.</Message><Key>%s</Key></Error>" % key.encode())


def error_body(status):
    code = {403: "AccessDenied", 412: "PreconditionFailed", 416: "InvalidRange", 429: "SlowDown",
            500: "InternalError", 503: "SlowDown"}.get(status, "Error")
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>{reason(status)}</Message></Error>").encode()


def reason(status):
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def etag_of(content):
    return '"%s"' % hashlib.md5(content).hexdigest()


def redirect(to, status=302):
    """The behaviour of a path that is elsewhere: a path of this origin or a whole URL."""
    return Behaviour(status=status, headers={"Location": to}, body=b"")


class Gone(Exception):
    """The connection is to be closed, or the client closed it."""


class Origin:
    def __init__(self, folder=None, tls=None, port=0):
        """`tls`: an ssl.SSLContext for https; `port` 0: a free one."""
        self.folder = Path(folder).resolve() if folder else None
        self.tls = tls
        self.port = port
        self.lock = threading.Lock()
        self.objects = {}  # path: (content, time of the last change) or None where removed
        self.scripts = {}  # path: list of behaviours still to come
        self.constant = {}  # path: behaviour of every request
        self.missing = 404  # the status of what is not there; 403, as S3 answers who may not list the bucket
        self.log = []
        self.cleared = 0  # when the log was; time.monotonic()
        self.stopping = threading.Event()
        self.bucket = None  # of tokens: [rate, burst, level, time of the level, status, retry_after, below]
        self.refusals = 0  # connections still to be reset
        self.sockets = set()
        self.threads = []
        self.connections = 0  # accepted so far
        self.connections_now = self.connections_max = 0  # open at once
        self.requests_now = self.requests_max = 0  # answered at once

    # ---- life

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=2048)
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()
        return self

    def stop(self):
        if self.stopping.is_set():
            return
        self.stopping.set()
        # Wakes the acceptor: closing a listening socket does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.acceptor.join(10)
        self.listener.close()
        with self.lock:
            sockets = list(self.sockets)
        for connection in sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(10)

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()

    # ---- what tests say

    def put(self, path, content):
        with self.lock:
            self.objects[path] = (bytes(content), time.time())

    def remove(self, path):
        with self.lock:
            self.objects[path] = None

    def restore(self, path):
        """Forgets put() and remove(): the folder's file counts again."""
        with self.lock:
            self.objects.pop(path, None)

    def script(self, path, *behaviours):
        with self.lock:
            self.scripts.setdefault(path, []).extend(behaviours)

    def always(self, path, behaviour):
        """Every request of the path behaves so, once its script has ended; None: well again."""
        with self.lock:
            self.constant[path] = behaviour

    def change(self, path, content, after=0):
        """The object is another one, with another entity tag, once it was asked for so many times more."""
        self.script(path, *[None] * after, Behaviour(replace=content))

    def throttle(self, rate, burst, status=503, retry_after=None, below="/"):
        """At most `rate` good answers a second, after a first `burst`; others get the status. Paths that do not begin
        with `below`, and those whose behaviour is set, take no part in it."""
        with self.lock:
            self.bucket = [rate, burst, burst, time.monotonic(), status, retry_after, below]

    def refuse(self, count):
        """The next so many connections are reset as soon as they are there, before TLS begins."""
        with self.lock:
            self.refusals = count

    # ---- what tests ask

    def requests(self):
        """The requests that have ended, by their beginning. Gives those under way a moment: a client may be content
        before the origin has noticed."""
        self.wait_for(lambda: self.requests_now == 0, seconds=1)
        with self.lock:
            return sorted(self.log, key=lambda request: request.begun)

    def of(self, path):
        return [request for request in self.requests() if request.path == path]

    def clear(self):
        """Forgets the log and the counters; requests that are under way do not get into the new log."""
        with self.lock:
            self.log = []
            self.cleared = time.monotonic()
            self.connections = self.connections_now
            self.connections_max = self.connections_now
            self.requests_max = self.requests_now

    def wait_for(self, condition, seconds=30):
        """Waits until condition() holds; False when the time is over."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    # ---- connections

    def _accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(IDLE_SECONDS_MAX)
            with self.lock:
                self.sockets.add(connection)
                self.connections += 1
                self.connections_now += 1
                self.connections_max = max(self.connections_max, self.connections_now)
                number = self.connections
                refused = self.refusals > 0
                self.refusals -= refused
            if refused:
                self._refuse(connection)
                continue
            thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _refuse(self, connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        with self.lock:
            self.sockets.discard(connection)
            self.connections_now -= 1

    def _serve(self, plain, number):
        connection = plain
        try:
            if self.tls:
                connection = self.tls.wrap_socket(plain, server_side=True)
                with self.lock:
                    self.sockets.discard(plain)
                    self.sockets.add(connection)
            with connection.makefile("rb", CHUNK) as reader:
                while not self.stopping.is_set() and self._one(connection, reader, number):
                    pass
        except (OSError, Gone, ValueError):
            pass
        finally:
            connection.close()
            with self.lock:
                self.sockets.discard(plain)
                self.sockets.discard(connection)
                self.connections_now -= 1

    def _one(self, connection, reader, number):
        """Reads one request and answers it. False: the connection is at its end."""
        request = self._read(reader, number)
        if request is None:
            return False
        with self.lock:
            self.requests_now += 1
            self.requests_max = max(self.requests_max, self.requests_now)
            behaviour = self._behaviour(request.path)
        try:
            keep = self._answer(connection, request, behaviour)
            request.whole = True
            return keep and request.headers.get("connection", "").lower() != "close"
        finally:
            request.ended = time.monotonic()
            with self.lock:
                self.requests_now -= 1
                if request.begun >= self.cleared:
                    self.log.append(request)

    @staticmethod
    def _read(reader, number):
        line = reader.readline(HEAD_BYTES_MAX)
        if not line.strip():
            return None
        begun = time.monotonic()
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while (line := reader.readline(HEAD_BYTES_MAX)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        reader.read(int(headers.get("content-length", 0)))
        path = urllib.parse.unquote(target.split("?", 1)[0])
        return Request(method, path, target, headers, number, begun)

    def _behaviour(self, path):
        """The behaviour of this request (the lock is held)."""
        script = self.scripts.get(path)
        if script:
            return script.pop(0) or Behaviour()
        constant = self.constant.get(path)
        if constant:
            return constant
        if self.bucket and path.startswith(self.bucket[-1]):
            rate, burst, level, since, status, retry_after, _ = self.bucket
            now = time.monotonic()
            level = min(burst, level + (now - since) * rate)
            self.bucket[2:4] = [level - 1 if level >= 1 else level, now]
            if level < 1:
                return Behaviour(status=status, headers={"Retry-After": retry_after})
        return Behaviour()

    # ---- answers

    def _content(self, path):
        """(content, time of the last change), or None."""
        with self.lock:
            if path in self.objects:
                return self.objects[path]
        if self.folder:
            file = (self.folder / path.lstrip("/")).resolve()
            if file.is_relative_to(self.folder) and file.is_file():
                return file.read_bytes(), file.stat().st_mtime
        return None

    def _answer(self, connection, request, behaviour):
        if behaviour.replace is not None:
            self.put(request.path, behaviour.replace)
        if behaviour.delay:
            self.stopping.wait(behaviour.delay)
        while behaviour.until and not self.stopping.is_set() and not behaviour.until.wait(0.01):
            pass
        if behaviour.cut == -1:
            self._close(connection, behaviour.cut_by)
        if behaviour.stall == -1:
            self._hold(connection)
        if behaviour.raw is not None:
            connection.sendall(behaviour.raw)
            self._close(connection, "fin")
        status, headers, body = self._good(request, behaviour)
        if behaviour.chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = len(body) if behaviour.length is None else behaviour.length
        if behaviour.close:
            headers["Connection"] = "close"
        headers.update(behaviour.headers)
        head = f"HTTP/1.1 {status} {reason(status)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        connection.sendall((head + "\r\n").encode("latin-1"))
        request.status = status
        if request.method != "HEAD" and status not in (204, 304):
            self._send(connection, request, behaviour, body)
        # A length that lies leaves the two sides out of step.
        return not behaviour.close and behaviour.length is None

    def _good(self, request, behaviour):
        """Status, headers and body of an answer, before anything is done to it on the wire."""
        headers = {"Server": "origin", "Date": email.utils.formatdate(usegmt=True),
                   "Content-Type": "application/octet-stream"}
        if request.method not in ("GET", "HEAD"):
            return 405, headers, error_body(405)
        if behaviour.status is not None:
            headers["Content-Type"] = "application/xml"
            return behaviour.status, headers, error_body(behaviour.status) if behaviour.body is None else behaviour.body
        found = (behaviour.body, time.time()) if behaviour.body is not None else self._content(request.path)
        if found is None:
            headers["Content-Type"] = "application/xml"
            return self.missing, headers, not_found(request.path) if self.missing == 404 else error_body(self.missing)
        content, changed = found
        headers.update({"ETag": etag_of(content), "Accept-Ranges": "bytes",
                        "Last-Modified": email.utils.formatdate(changed, usegmt=True)})
        if behaviour.flip is not None:
            content = bytearray(content)
            content[behaviour.flip] ^= 1
            content = bytes(content)
        asked = {} if behaviour.ignore_conditions else request.headers
        status = self._condition(asked, behaviour.headers.get("ETag", headers["ETag"]), changed)
        if status:
            return status, headers, b"" if status == 304 else error_body(status)
        return self._range(request, behaviour, headers, content)

    @staticmethod
    def _condition(asked, etag, changed):
        """The status that the conditional headers of a request lead to; 0: go on. `etag`: as it is shown."""
        def names(header):
            return etag in [tag.strip() for tag in asked[header].split(",")] or asked[header].strip() == "*"

        def time_in(header):
            return email.utils.parsedate_to_datetime(asked[header]).timestamp()

        if "if-match" in asked and not names("if-match"):
            return 412
        if "if-match" not in asked and "if-unmodified-since" in asked and int(changed) > time_in("if-unmodified-since"):
            return 412
        if "if-none-match" in asked:
            return 304 if names("if-none-match") else 0
        if "if-modified-since" in asked:
            return 304 if int(changed) <= time_in("if-modified-since") else 0
        return 0

    @staticmethod
    def _range(request, behaviour, headers, content):
        if behaviour.other_range:
            begin, end = behaviour.other_range
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
            return 206, headers, content[begin:end]
        wanted = request.headers.get("range", "")
        if behaviour.ignore_range or not wanted.startswith("bytes=") or "," in wanted:
            return 200, headers, content
        if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
            return 200, headers, content
        first, _, last = wanted[len("bytes="):].partition("-")
        if first:
            begin = int(first)
            end = min(int(last) + 1 if last else len(content), len(content))
        else:
            begin, end = max(0, len(content) - int(last)), len(content)
        if begin >= len(content) or end <= begin:
            headers["Content-Range"] = f"bytes */{len(content)}"
            return 416, headers, error_body(416)
        end = min(end, begin + (behaviour.range_max or len(content)))
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
        return 206, headers, content[begin:end]

    def _send(self, connection, request, behaviour, body):
        """The body, as far as the behaviour lets it go."""
        stop = min(n for n in (len(body), behaviour.cut, behaviour.stall) if n is not None)
        piece, pause = behaviour.drip or (CHUNK, 0)
        for at in range(0, stop, piece):
            part = body[at:min(at + piece, stop)]
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if behaviour.chunked else part)
            request.sent += len(part)
            if pause and self.stopping.wait(pause):
                raise Gone
        if behaviour.stall is not None and stop == behaviour.stall:
            self._hold(connection)
        if behaviour.cut is not None and stop == behaviour.cut:
            self._close(connection, behaviour.cut_by)
        if behaviour.chunked:
            connection.sendall(b"0\r\n\r\n")

    def _hold(self, connection):
        """Says nothing more, until the client leaves or the origin ends."""
        connection.settimeout(0.05)
        while not self.stopping.is_set():
            try:
                if not connection.recv(CHUNK):
                    break
            except (TimeoutError, ssl.SSLWantReadError):
                continue
        raise Gone

    def _close(self, connection, how):
        if how == "rst":
            # A reset discards what is not yet acknowledged: wait for that, so that all bytes before the cut arrive.
            for _ in range(2000):
                if struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0] == 0:
                    break
                time.sleep(0.001)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.shutdown(socket.SHUT_RDWR)
        raise Gone
