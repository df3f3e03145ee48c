"""A small HTTP/1.1 server whose answers are a Python function.

    def answer(request):                          # Request: method, target (raw), path, host, headers, body
        if request.host.startswith("b.s3."):
            return 307, {"Location": "https://..."}, b""
        return 200, {}, b"hello"                  # or None: the connection is closed without an answer

    with Answering(answer) as server:             # tls: an ssl.SSLContext for https
        ... server.url ...
        server.requests()                         # what came so far, each with the status that it got

A thread per connection, which is kept open. Content-Length is set where the answer says nothing of it.

What is no answer of HTTP, or has no end, a Speaker sends.
"""

import dataclasses
import http.server
import socket
import threading
import traceback
import urllib.parse

IDLE_SECONDS_MAX = 60
POLL_SECONDS = 0.02


@dataclasses.dataclass
class Request:
    """A request as it came, and the status that it got (0: none)."""

    method: str
    target: str  # as sent
    headers: dict  # names in lower case
    body: bytes
    status: int = 0
    at: str = ""  # the address of ours that it came to

    @property
    def path(self):
        """Decoded, without the query."""
        return urllib.parse.unquote(self.target.split("?", 1)[0])

    @property
    def host(self):
        """The name in the Host header, without the port."""
        return self.headers.get("host", "").rsplit(":", 1)[0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS_MAX
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def handle_any(self):
        # self.path is not what was sent: the library takes away slashes at its begin.
        target = self.requestline.split(" ")[1]
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, target, headers, self.rfile.read(int(headers.get("content-length", 0))),
                          at=self.connection.getsockname()[0])
        self.server.owner.log.append(request)
        try:
            answer = self.server.owner.answer(request)
        except Exception:
            answer = 500, {"Content-Type": "text/plain"}, traceback.format_exc().encode()
        if answer is None:
            self.close_connection = True
            return
        request.status, headers, body = answer
        self.send_response(request.status)
        bodiless = request.status in (204, 304)
        if not bodiless and not {"content-length", "transfer-encoding"} & {name.lower() for name in headers}:
            self.send_header("Content-Length", len(body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if request.method != "HEAD" and not bodiless:
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def log_message(self, *unused):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512

    def finish_request(self, connection, address):
        owner = self.owner
        try:
            # The handshake is the thread's affair: the acceptor waits for nobody.
            connection.settimeout(IDLE_SECONDS_MAX)
            with owner.tls.wrap_socket(connection, server_side=True) if owner.tls else connection as own:
                owner.open.add(own)
                try:
                    super().finish_request(own, address)
                finally:
                    owner.open.discard(own)
        except OSError:
            pass  # the client left, or it does not trust us


class Answering:
    def __init__(self, answer, tls=None, address="127.0.0.1"):
        self.answer, self.tls, self.address = answer, tls, address
        self.log = []
        self.open = set()
        self.stopping = threading.Event()

    def start(self):
        self.server = Server((self.address, 0), Handler)
        self.server.owner = self
        self.port = self.server.server_address[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        self.acceptor = threading.Thread(target=self.server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self.acceptor.start()
        return self

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.acceptor.join()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server.server_close()

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()

    def requests(self, method=None, path=None):
        """What came so far, or what of it has the method and the path (decoded, without the query)."""
        return [r for r in list(self.log) if method in (None, r.method) and path in (None, r.path)]

    def clear(self):
        self.log = []


class Speaker:
    """Takes connections, notes the line that each begins with, and does with it as a function says: speak(connection,
    over), where `over` is an event of the end of the server. Not followed by another request; an OSError ends it, too."""

    def __init__(self, speak):
        self.speak, self.lines, self.over = speak, [], threading.Event()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, connection):
        with connection:
            try:
                self.lines.append(connection.recv(65536).decode("latin-1").split("\r\n")[0])
                self.speak(connection, self.over)
            except OSError:  # it has heard enough
                pass
