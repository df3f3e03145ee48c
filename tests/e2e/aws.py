"""Amazon at home: what a program asks of *.amazonaws.com through an https proxy comes to a function of the test.

    def answer(request):                          # see answering.py; request.host is the name that was asked for
        if request.host == "b.s3.amazonaws.com":
            where = "b.s3.us-west-2.amazonaws.com"
            return 301, {"x-amz-bucket-region": "us-west-2"}, error("PermanentRedirect", Endpoint=where)
        return 200, {}, b"content"

    with Amazon(folder, answer) as amazon:
        program(..., "--ca-file", amazon.ca, env=amazon.environment())
        amazon.connects                           # [(host, port)] of all CONNECTs
        amazon.requests()                         # [Request]

The proxy tunnels to our TLS origin what ends with one of SUFFIXES and is for port 443, and answers 403 to all else.
The origin's certificate is of our own authority and holds names(), where a wildcard stands for one label, as in the
world.
"""

import socket
import threading
from xml.sax.saxutils import escape

from answering import Answering
from servers import make_authority

SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".storage.googleapis.com")  # the names without the dot, too
REGIONS = ["us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "me-south-1"]
HEAD_BYTES_MAX = 16 * 1024
CHUNK = 64 * 1024
IDLE_SECONDS_MAX = 60


def names(regions=REGIONS):
    """The names of S3 and STS in regions, with those of buckets."""
    hosts = ["s3.amazonaws.com", "sts.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn", "storage.googleapis.com"]
    for region in regions:
        hosts += [f"s3.{region}.amazonaws.com", f"s3.dualstack.{region}.amazonaws.com", f"s3-{region}.amazonaws.com",
                  f"s3-fips.{region}.amazonaws.com", f"sts.{region}.amazonaws.com"]
    return hosts + [f"*.{host}" for host in hosts if not host.startswith("sts.")]


def error(code, message="", **members):
    """S3's XML of an error."""
    members = {"Code": code, "Message": message or code, **members}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in members.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


class Amazon(Answering):
    """`answer` may be set at any time."""

    def __init__(self, folder, answer, hosts=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = make_authority(folder, names=hosts or names())
        self.ca = self.authority.ca
        super().__init__(answer, tls=self.authority.context())

    def start(self):
        super().start()
        self.proxy = Proxy(self.port).start()
        return self

    def stop(self):
        self.proxy.stop()
        super().stop()

    __enter__ = start

    @property
    def connects(self):
        return list(self.proxy.connects)

    def environment(self):
        return {"https_proxy": self.proxy.url, "no_proxy": ""}


class Proxy:
    """An http proxy that knows CONNECT only, and one place to lead to."""

    def __init__(self, port):
        self.to = port
        self.connects = []  # (host, port), those that were refused too
        self.others = []  # first lines of requests that are no CONNECT; refused
        self.sockets = set()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()
        return self

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the acceptor: closing does not
        self.acceptor.join()
        self.listener.close()
        for each in list(self.sockets):
            _shut(each)

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self.sockets.add(client)
        try:
            with client:
                client.settimeout(IDLE_SECONDS_MAX)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not self._allowed(_head(client)):
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                with socket.create_connection(("127.0.0.1", self.to)) as server:
                    self.sockets.add(server)
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    self._tunnel(client, server)
                    self.sockets.discard(server)
        except OSError:
            pass
        finally:
            self.sockets.discard(client)

    def _allowed(self, line):
        method, target = (line.split(" ") + [""])[:2]
        if method != "CONNECT":
            self.others.append(line)
            return False
        host, _, port = target.rpartition(":")
        self.connects.append((host, int(port)))
        return port == "443" and ("." + host).endswith(SUFFIXES)

    @staticmethod
    def _tunnel(client, server):
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()


def _head(connection):
    """Reads the head of a request and returns its first line; nothing of the tunnel comes before our answer."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES_MAX:
        part = connection.recv(CHUNK)
        if not part:
            break
        head += part
    return head.split(b"\r\n", 1)[0].decode("latin-1")


def _pump(source, sink):
    """Copies until one of the two ends, then ends both."""
    try:
        while part := source.recv(CHUNK):
            sink.sendall(part)
    except OSError:
        pass
    _shut(sink)
    _shut(source)


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
