"""A real S3 server for the tests: a Ceph RADOS Gateway of one monitor, one store in memory and one gateway.

    if missing():                                 # names the programs and modules that are not there
        pytest.skip(missing())
    with Gateway(work) as gateway:                # up in a second or two; everything lies below work
        gateway.bucket("bkt", {"x.csv": b"..."})  # owned by the first user; names have three characters at least
        key, secret = gateway.user("reader")
        gateway.allow("bkt", "s3:GetObject", "s3:ListBucket", user="reader")
        ... the program against gateway.url, or gateway.tls_url with tls=make_authority(work) ...
        gateway.client(key, secret).get_object(Bucket="bkt", Key="x.csv")
        gateway.requests()                        # [Asked(method, target, status, ...)], in the order of their ends

Buckets are found path style at 127.0.0.1 and as virtual hosts below s3.localhost; any other host name is taken for that
of a bucket. With sts=True, session_token() gives temporary credentials. pause() makes a backend that hangs.

The gateway is laxer than Amazon: it looks neither at the region and the service of a signature nor at whether Host and
x-amz-* were signed, which signature.py does, and it ignores If-Range. With STS, it says AccessDenied of a key or secret
that is wrong.
"""

import collections
import concurrent.futures
import functools
import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid
from pathlib import Path

PROGRAMS = {"radosgw": "radosgw", "radosgw-admin": "ceph-common", "ceph": "ceph-common", "monmaptool": "ceph-base",
            "ceph-mon": "ceph-mon", "ceph-osd": "ceph-osd"}
MODULES = {"boto3": "python3-boto3"}
START_SECONDS_MAX = 30
STARTS_MAX = 4  # a port that was free may be taken by the time it is bound
REGION = "us-east-1"
DOMAIN = "s3.localhost"
FIRST = ("first", "FIRSTUSERACCESSKEY00", "the/first+user's=secret/key/of/40/bytes.")

# Keys that a client has to encode, sign and read back well. The gateway takes them all, byte for byte.
AWKWARD_KEYS = [
    "plain.csv", "with space", " leading and trailing ", "two  spaces", "plus+plus", "per%cent", "per%20cent", "%2F",
    "%", "a%2Fb%252F", "key=value&other=1", "#fragment", "question?mark=1", "a//b", "//", "/leading", "trailing/",
    "a/../b", "../up", "a/./b", "./here", "caf\u00e9", "cafe\u0301", "\u65e5\u672c\u8a9e/\u6771\u4eac",
    "\U0001f6f0/\U0001f30d.cdf", "single'quote", 'double"quote', "back\\slash", "[br]{ac}(ket)", "tilde~",
    "a:b;c,d@e!f$g", "*", "<less>", "pipe|caret^grave`", "tab\there", "line\nfeed", "control\x01\x1f\x7f",
    "x-._~" * 204 + "1024",
]

# `user`: its name, "anonymous", or "-" where a signature was refused; `sent`: bytes of the answer's body (of a PUT, of
# the request's); `range`: as asked, or "".
Asked = collections.namedtuple("Asked", "method target status user sent range")
LINE = re.compile(r' beast: \S+: \S+ - (?P<user>.*) \[[^]]*\] "(?P<method>\S+) (?P<target>.*) HTTP/[0-9.]+" '
                  r'(?P<status>\d+) (?P<sent>\d+) .* (?P<range>bytes=\S+|-) latency=')
LOG_SECONDS_MAX = 5
MARK = "/?mark="
MAKING_CLIENTS = threading.Lock()  # botocore does not like it done by several threads


def missing():
    """What the gateway needs and is not there, as one line; None if all is there."""
    lacking = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    lacking |= {package for module, package in MODULES.items() if not importlib.util.find_spec(module)}
    return f"not installed: {' '.join(sorted(lacking))}" if lacking else None


def free_ports(count):
    """So many ports that nobody listens at, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@functools.cache
def _session():
    """A session of boto3 that looks neither at the caller's profile nor at its variables."""
    import boto3
    import botocore.session

    ours = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull, "ca_bundle": None}
    plain = botocore.session.Session({name: (None, None, value, None) for name, value in ours.items()})
    return boto3.session.Session(botocore_session=plain)


def _mark():
    """A target that nobody else asks for."""
    return MARK + uuid.uuid4().hex


class Unready(Exception):
    """A start that did not work out."""


class Gateway:
    def __init__(self, work, sts=False, tls=None, threads=32):
        """`tls`: an Authority, see servers.make_authority. `threads`: of the gateway."""
        self.base = Path(work).resolve()
        self.sts, self.tls, self.threads = sts, tls, threads
        name, self.access_key, self.secret_key = FIRST
        self.keys = {name: FIRST[1:]}  # of all users, the latest of each
        self.processes = {}

    # ---- life

    def start(self):
        self.base.mkdir(parents=True, exist_ok=True)
        for _ in range(STARTS_MAX):
            try:
                self.work = Path(tempfile.mkdtemp(prefix="gateway-", dir=self.base))
                self._start()
                return self
            except Unready as unready:
                why = unready
                self.stop()
            except BaseException:
                self.stop()
                raise
        raise RuntimeError(f"the gateway does not start: {why}\n{self._logs()}")

    def stop(self):
        """Ends what was started. Nothing is kept, so nothing is asked to end in good order."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
        for process in self.processes.values():
            process.wait()
        self.processes = {}
        # Some 40 MB of a database; the logs stay.
        shutil.rmtree(self.work / "mon", ignore_errors=True)

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()

    def pause(self):
        """The gateway accepts requests and answers none, until resume()."""
        self.processes["ceph-osd"].send_signal(signal.SIGSTOP)

    def resume(self):
        self.processes["ceph-osd"].send_signal(signal.SIGCONT)

    # ---- users

    def user(self, name):
        """Makes a user and returns (access key, secret key)."""
        made = json.loads(self._admin("user", "create", f"--uid={name}", f"--display-name={name}"))
        self.keys[name] = made["keys"][0]["access_key"], made["keys"][0]["secret_key"]
        return self.keys[name]

    def remove_user(self, name):
        self._admin("user", "rm", f"--uid={name}", "--purge-data")

    def suspend(self, name):
        self._admin("user", "suspend", f"--uid={name}")

    def enable(self, name):
        self._admin("user", "enable", f"--uid={name}")

    def remove_key(self, name, access_key):
        self._admin("key", "rm", f"--uid={name}", f"--access-key={access_key}")

    def add_key(self, name):
        """A further key of a user: (access key, secret key)."""
        access, secret = uuid.uuid4().hex[:20].upper(), uuid.uuid4().hex + "+/=%abcd"
        self._admin("key", "create", f"--uid={name}", f"--access-key={access}", f"--secret-key={secret}")
        self.keys[name] = access, secret
        return self.keys[name]

    def session_token(self, duration=900, user=FIRST[0]):
        """Temporary credentials of a user, for 900 seconds at least: (access key, secret key, token, when they end)."""
        self._permit_tokens(user)
        given = self.client(*self.keys[user], service="sts").get_session_token(DurationSeconds=duration)["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"]

    def _permit_tokens(self, user):
        """Unlike at Amazon, it takes a policy; radosgw-admin loses that with each change of the user."""
        statement = {"Effect": "Allow", "Action": "sts:GetSessionToken", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client(service="iam").put_user_policy(UserName=user, PolicyName="tokens", PolicyDocument=policy)

    # ---- clients and objects

    def client(self, key=None, secret=None, token=None, anonymous=False, service="s3", url=None, **config):
        """A boto3 client of the first user or of the given keys, path style, untouched by the caller's environment."""
        import botocore
        from botocore.config import Config

        config = {"s3": {"addressing_style": "path"}, "retries": {"max_attempts": 0}, "proxies": {},
                  "max_pool_connections": 32, "connect_timeout": 10, "read_timeout": 30, **config}
        if anonymous:
            config["signature_version"] = botocore.UNSIGNED
        with MAKING_CLIENTS:
            return _session().client(
                service, endpoint_url=url or self.url, region_name=REGION, config=Config(**config),
                aws_access_key_id=key or self.access_key, aws_secret_access_key=secret or self.secret_key,
                aws_session_token=token, verify=self.tls.ca if self.tls else None)

    def bucket(self, name, objects={}, acl="private"):
        """Makes a bucket of the first user that holds {key: content}."""
        self.client().create_bucket(Bucket=name, ACL=acl)
        self.put(name, objects, acl=acl)

    def put(self, bucket, objects, acl="private", workers=4):
        """Puts {key: content} as the first user, many at once."""
        items = iter(list(objects.items()))
        lock = threading.Lock()

        def work():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            while True:
                with lock:
                    key, content = next(items, (None, None))
                if key is None:
                    return connection.close()
                self._put(connection, f"/{bucket}/{urllib.parse.quote(key, safe='/-_.~')}", content, acl)

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(work) for _ in range(workers)]:
                done.result()

    def _put(self, connection, path, content, acl):
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest("PUT", self.url + path, {"x-amz-acl": acl}, content)
        S3SigV4Auth(Credentials(self.access_key, self.secret_key), "s3", REGION).add_auth(request)
        connection.request("PUT", path, content, dict(request.headers))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"PUT {path}: {answer.status} {text.decode(errors='replace')}")

    def allow(self, bucket, *actions, user="*", prefix="", effect="Allow"):
        """Replaces the bucket's policy: a user, or everyone, may do the actions (on objects, below a prefix)."""
        principal = "*" if user == "*" else {"AWS": [f"arn:aws:iam:::user/{user}"]}
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{prefix}*"]
        self.policy(bucket, {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": resources})

    def policy(self, bucket, *statements):
        """Sets the bucket's policy to the statements; without any, removes it."""
        if not statements:
            return self.client().delete_bucket_policy(Bucket=bucket)
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        return self.client().put_bucket_policy(Bucket=bucket, Policy=policy)

    def acl(self, bucket, acl, *keys):
        """Sets the canned ACL of the bucket, or that of the objects named."""
        for key in keys:
            self.client().put_object_acl(Bucket=bucket, Key=key, ACL=acl)
        if not keys:
            self.client().put_bucket_acl(Bucket=bucket, ACL=acl)

    # ---- what was asked

    def requests(self, count=0):
        """What was asked since the start or clear(), also by this class: a list of Asked.

        A request is logged after its answer was sent: waits until there are `count`, for some seconds at most.
        """
        end = time.monotonic() + LOG_SECONDS_MAX
        while True:
            # The log is written by a thread of its own: what came before the mark is there when the mark is.
            mark = _mark()
            self._ask(mark)
            asked = self._logged()
            while not any(each.target == mark for each in asked) and time.monotonic() < end:
                time.sleep(0.002)
                asked = self._logged()
            asked = [each for each in asked if not each.target.startswith(MARK)]
            if len(asked) >= count or time.monotonic() > end:
                return asked

    def clear(self):
        """Forgets what was asked so far."""
        self.requests()
        self.read_from = self.log.stat().st_size

    def _logged(self):
        with open(self.log, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.seek(self.read_from)
            found = map(LINE.search, file)
            return [Asked(m["method"], m["target"], int(m["status"]), m["user"], int(m["sent"]), m["range"].strip("-"))
                    for m in found if m]

    # ---- processes

    def _start(self):
        self.port, tls_port, monitor = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_port, self.tls_url = (tls_port, f"https://127.0.0.1:{tls_port}") if self.tls else (None, None)
        address, cluster, store = f"[v2:127.0.0.1:{monitor}]", str(uuid.uuid4()), str(uuid.uuid4())
        self.log, self.read_from = self.work / "client.rgw.log", 0
        self.configuration = self.work / "ceph.conf"
        self.configuration.write_text(self._configuration(cluster, monitor))
        for folder in ("mon", "osd", "run"):
            (self.work / folder).mkdir()
        self._run("monmaptool", "--create", "--fsid", cluster, "--addv", "a", address, self.work / "monmap")
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", self.work / "monmap")
        self._launch("ceph-mon", "-i", "a", "-f")
        self._run("ceph", "osd", "new", store)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store)
        self._launch("ceph-osd", "-i", "0", "-f")
        self._launch("radosgw", "-n", "client.rgw", "-f")
        self._ready()
        uid, access, secret = FIRST
        self._admin("user", "create", f"--uid={uid}", f"--display-name={uid}", f"--access-key={access}",
                    f"--secret-key={secret}", "--caps=user-policy=*")

    def _ready(self):
        """Waits until this gateway answers. Whoever took its port may answer, too: its own log must tell of it."""
        mark = _mark()
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end:
            self._all_live()
            log = self.log.read_text(errors="replace") if self.log.exists() else ""
            if mark in log:
                return self._check_tls()
            if "failed initializing frontend" in log:
                raise Unready("radosgw cannot listen")  # it takes seconds to end
            try:
                self._ask(mark, timeout=0.5)
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
        raise Unready(f"no answer within {START_SECONDS_MAX} seconds")

    def _check_tls(self):
        """With a certificate that it cannot load the gateway listens all the same, and says so only in its log."""
        if not self.tls:
            return
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.tls_port), timeout=5) as plain:
                anyone.wrap_socket(plain).close()
        except OSError as error:
            raise Unready(f"no TLS: {error}") from None

    def _ask(self, target, timeout=10):
        """An anonymous request, whatever the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", target)
            connection.getresponse()
        finally:
            connection.close()

    def _all_live(self):
        for program, process in self.processes.items():
            if process.poll() is not None:
                raise Unready(f"{program} ended with {process.returncode}")

    def _launch(self, program, *arguments):
        with open(self.work / f"{program}.err", "wb") as err:
            self.processes[program] = subprocess.Popen(
                [program, "-c", self.configuration, *arguments], stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                env=self._environment())

    def _run(self, program, *arguments):
        """Runs a program to its end, unless one of the servers ends before: it would wait for that one."""
        process = subprocess.Popen([program, "-c", self.configuration, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self._environment())
        end = time.monotonic() + START_SECONDS_MAX
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    self._all_live()
                    if time.monotonic() > end:
                        raise Unready(f"{program} takes longer than {START_SECONDS_MAX} seconds")
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode != 0:
            raise Unready(f"{program} ended with {process.returncode}: {err.decode(errors='replace')[-1000:]}")
        return out

    def _logs(self):
        """The last words of the servers."""
        texts = {file.name: file.read_text(errors="replace")[-1000:] for file in sorted(self.work.glob("*.err"))}
        return "\n".join(f"--- {name}\n{text}" for name, text in texts.items() if text)

    def _admin(self, *arguments):
        return self._run("radosgw-admin", "-n", "client.rgw", *arguments)

    def _environment(self):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": str(self.work)}

    def _configuration(self, cluster, monitor):
        tls = ""
        if self.tls:
            tls = (f"ssl_endpoint=127.0.0.1:{self.tls_port} ssl_certificate={self.tls.certificate} "
                   f"ssl_private_key={self.tls.key}")
        modes = "\n".join(f"ms {which} mode = crc" for which in (
            "mon client", "mon cluster", "mon service", "client", "cluster", "service"))
        sts = "rgw s3 auth use sts = true\nrgw sts key = 0123456789abcdef" if self.sts else ""
        return f"""\
[global]
fsid = {cluster}
mon initial members = a
mon host = [v2:127.0.0.1:{monitor}/0]
public addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
ms bind retry count = 1
ms bind retry delay = 0
auth cluster required = none
auth service required = none
auth client required = none
{modes}
run dir = {self.work}/run
crash dir = {self.work}/run
log file = {self.work}/$name.log
keyring = {self.work}/keyring
admin socket =
paxos propose interval = 0.02
paxos min wait = 0.01
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd class update on start = false
osd objectstore = memstore
memstore device bytes = 4294967296
osd max object name len = 2048
[mon]
mon data = {self.work}/mon
[osd]
osd data = {self.work}/osd
[client]
rgw data = {self.work}/run
rgw dns name = {DOMAIN}
rgw frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:{self.port} {tls}
rgw thread pool size = {self.threads}
rgw enable lc threads = false
debug rgw = 1/1
{sts}
"""
