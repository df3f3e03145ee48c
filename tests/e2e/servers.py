"""nginx for the tests: started by hand below a temporary folder, on a free port of 127.0.0.1, ended by its pid.

    with Nginx(folder, work) as server:      # serves folder
        ... server.url ...
        server.requests()                    # [(method, target, status, bytes)], from its access log

Variants: latency (seconds added to each request, and twice that to the first one of a connection), tls (HTTP/2 with a
certificate of our own authority), ranges=False (a server that ignores Range), http and server (more lines for these blocks
of its configuration).
"""

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
START_SECONDS_MAX = 20
LOG_SECONDS_MAX = 5
NAMES = ("127.0.0.1", "localhost", "s3.localhost", "*.s3.localhost")


def nginx_program():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Authority:
    """A certificate authority and a certificate of a server."""

    def __init__(self, folder):
        self.ca = str(folder / "ca.pem")
        self.certificate = str(folder / "server.pem")
        self.key = str(folder / "server.key")

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_authority(folder, days=2, names=NAMES):
    """Makes them with openssl, for names of hosts and IPv4 addresses; days below 0: a certificate that has expired."""
    folder = Path(folder)
    own = Authority(folder)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", str(folder / "ca.key"), "-out", own.ca, "-days", "2",
            "-subj", "/CN=heliodex test authority", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", *key, "-keyout", own.key, "-out", str(folder / "server.csr"), "-subj", "/CN=localhost")
    kinds = [f"{'IP' if name.replace('.', '').isdigit() else 'DNS'}:{name}" for name in names]
    (folder / "names").write_text(f"subjectAltName={','.join(kinds)}\n")
    openssl("x509", "-req", "-in", str(folder / "server.csr"), "-CA", own.ca, "-CAkey", str(folder / "ca.key"),
            "-CAcreateserial", "-out", own.certificate, "-days", str(days), "-extfile", str(folder / "names"))
    return own


class Nginx:
    def __init__(self, folder, work, latency=0.0, tls=None, ranges=True, workers=1, log=True, http="",
                 server=""):
        self.folder, self.work = Path(folder).resolve(), Path(work).resolve()
        self.latency, self.tls, self.ranges = latency, tls, ranges
        self.workers, self.log = workers, log
        self.http, self.server = http, server
        self.process = None

    def start(self):
        self.work.mkdir(parents=True, exist_ok=True)
        for _ in range(5):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            (self.work / "nginx.conf").write_text(self._configuration())
            self.process = subprocess.Popen(
                [nginx_program(), "-p", str(self.work), "-e", str(self.work / "error.log"), "-c", str(self.work / "nginx.conf")],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if self._ready():
                self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
                return self
            self.stop()
        raise RuntimeError("nginx does not start: " + (self.work / "error.log").read_text()[-2000:])

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()

    def requests(self, count=0):
        """What was asked so far: (method, target, status, bytes of the body). nginx writes it just after the answer has
        gone out: waits a while until there are `count`."""
        end = time.monotonic() + LOG_SECONDS_MAX
        lines = []
        while True:
            lines = (self.work / "access.log").read_text().splitlines()
            if len(lines) >= count or time.monotonic() > end:
                break
            time.sleep(0.01)
        return [(method, target, int(status), int(size)) for method, target, status, size in map(str.split, lines)]

    def _ready(self):
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                time.sleep(0.01)
        return False

    def _configuration(self):
        listen = f"listen 127.0.0.1:{self.port} backlog=2048"
        if self.tls:
            listen += f" ssl http2;\n    ssl_certificate {self.tls.certificate};\n    ssl_certificate_key {self.tls.key}"
        if self.latency:
            place = "location / { echo_sleep $latency; echo_exec @files; }\n    location @files { }"
            delay = f"map $connection_requests $latency {{ 1 {2 * self.latency:.3f}; default {self.latency:.3f}; }}"
        else:
            place, delay = "location / { }", ""
        return f"""\
{f'load_module {ECHO_MODULE};' if self.latency else ''}
{f'user {pwd.getpwuid(0).pw_name};' if os.geteuid() == 0 else ''}
daemon off;
worker_processes {self.workers};
pid {self.work}/nginx.pid;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  {delay}
  {self.http}
  log_format short '$request_method $request_uri $status $body_bytes_sent';
  access_log {f'{self.work}/access.log short' if self.log else 'off'};
  client_body_temp_path {self.work}/body;
  proxy_temp_path {self.work}/proxy;
  fastcgi_temp_path {self.work}/fastcgi;
  uwsgi_temp_path {self.work}/uwsgi;
  scgi_temp_path {self.work}/scgi;
  keepalive_requests 1000000;
  keepalive_timeout 75;
  sendfile on;
  server {{
    {listen};
    root {self.folder};
    {'' if self.ranges else 'max_ranges 0;'}
    {place}
    {self.server}
  }}
}}
"""
