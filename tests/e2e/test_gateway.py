"""The gateway as the tests use it: what it takes, what it refuses, and where it is laxer than Amazon."""

import datetime
import hashlib
import http.client
import os
import socket
import subprocess
import threading

import pytest

import gateway as module
from gateway import AWKWARD_KEYS, Asked, Gateway, missing
from servers import Authority, make_authority
from signature import EMPTY, TIME_FORMAT, sign, verify

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

BODY = bytes(range(256)) * 40
BUCKET = "bkt"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    work = tmp_path_factory.mktemp("gateway")
    with Gateway(work, tls=make_authority(work)) as it:
        it.bucket(BUCKET, {"x": BODY, "deep/y": b"y"})
        yield it


def refused(call, **arguments):
    """The status and S3's code of a call of boto3 that fails."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as told:
        call(**arguments)
    return told.value.response["ResponseMetadata"]["HTTPStatusCode"], told.value.response["Error"]["Code"]


def content(client, key="x", bucket=BUCKET, **more):
    return client.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def signed_headers(gateway, target, region="us-east-1", service="s3", late=datetime.timedelta(), unsigned=(), more={}):
    """Headers of a GET, signed by our own hand."""
    time = (datetime.datetime.now(datetime.timezone.utc) - late).strftime(TIME_FORMAT)
    headers = {"host": f"127.0.0.1:{gateway.port}", "x-amz-content-sha256": EMPTY, "x-amz-date": time, **more}
    signed = [name for name in sorted(headers) if name not in unsigned]
    signature = sign("GET", target, headers, signed, gateway.secret_key, region, service)
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={gateway.access_key}/{time[:8]}/{region}/{service}/aws4_request, "
        f"SignedHeaders={';'.join(signed)}, Signature={signature}")
    return headers


def get(gateway, target, headers):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


# ---- life

def test_starts_and_ends(tmp_path):
    with Gateway(tmp_path) as server:
        server.bucket(BUCKET, {"x": BODY})
        assert content(server.client()) == BODY
        processes = dict(server.processes)
        assert sorted(processes) == ["ceph-mon", "ceph-osd", "radosgw"]
    assert all(process.poll() is not None for process in processes.values())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_start_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STARTS_MAX", 1)
    started = []
    launch = Gateway._launch

    def watched(self, *arguments):
        launch(self, *arguments)
        started.extend(self.processes.values())

    monkeypatch.setattr(Gateway, "_launch", watched)
    with pytest.raises(RuntimeError, match="no TLS"), Gateway(tmp_path, tls=Authority(tmp_path)):  # no such certificate
        pass
    assert len(set(started)) == 3 and all(process.poll() is not None for process in started)


@pytest.mark.parametrize("which", ["gateway", "monitor"])
def test_a_port_that_is_taken(tmp_path, monkeypatch, which):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = module.free_ports(3)
        ports[{"gateway": 0, "monitor": 2}[which]] = taken.getsockname()[1]
        choices = [ports]
        choose = module.free_ports
        monkeypatch.setattr(module, "free_ports", lambda count: choices.pop() if choices else choose(count))
        with Gateway(tmp_path) as server:
            assert not choices and server.port != ports[0]


def test_missing(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda program: None if program == "ceph-osd" else program)
    assert missing() == "not installed: ceph-osd"


def test_a_backend_that_hangs(gateway):
    gateway.pause()
    done = threading.Event()
    thread = threading.Thread(target=lambda: (content(gateway.client()), done.set()))
    try:
        thread.start()
        assert not done.wait(0.3)
    finally:
        gateway.resume()
    thread.join(20)
    assert done.is_set()


# ---- objects

def test_awkward_keys(gateway):
    assert len(AWKWARD_KEYS) >= 36 and max(len(key.encode()) for key in AWKWARD_KEYS) == 1024
    gateway.bucket("awkward", {key: b"content of " + key.encode() for key in AWKWARD_KEYS})
    client = gateway.client()
    for key in AWKWARD_KEYS:
        assert content(client, key, "awkward") == b"content of " + key.encode(), key
    listed = [each["Key"] for each in client.list_objects_v2(Bucket="awkward")["Contents"]]
    assert listed == sorted(AWKWARD_KEYS, key=str.encode)


def test_ranges(gateway):
    client = gateway.client()
    assert content(client, Range="bytes=5-9") == BODY[5:10]
    assert content(client, Range="bytes=-7") == BODY[-7:]
    assert content(client, Range="bytes=10000-") == BODY[10000:]
    assert refused(client.get_object, Bucket=BUCKET, Key="x", Range="bytes=99999-") == (416, "InvalidRange")


def test_conditions(gateway):
    client = gateway.client()
    etag = client.head_object(Bucket=BUCKET, Key="x")["ETag"]
    assert etag == f'"{hashlib.md5(BODY).hexdigest()}"'
    assert content(client, IfMatch=etag) == BODY
    assert refused(client.get_object, Bucket=BUCKET, Key="x", IfNoneMatch=etag)[0] == 304
    assert refused(client.get_object, Bucket=BUCKET, Key="x", IfMatch='"other"') == (412, "PreconditionFailed")
    assert refused(client.get_object, Bucket=BUCKET, Key="x", IfMatch='"other"', Range="bytes=5-9")[0] == 412


def test_listings(gateway):
    keys = [f"d{i % 7}/{i:04}" for i in range(1203)]
    gateway.bucket("listed", dict.fromkeys(keys, b""))
    client = gateway.client()
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket="listed", PaginationConfig={"PageSize": 500}))
    assert [len(page["Contents"]) for page in pages] == [500, 500, 203]
    assert [each["Key"] for page in pages for each in page["Contents"]] == sorted(keys)
    assert len(client.list_objects_v2(Bucket="listed")["Contents"]) == 1000
    folders = client.list_objects_v2(Bucket="listed", Delimiter="/")
    assert [each["Prefix"] for each in folders["CommonPrefixes"]] == [f"d{i}/" for i in range(7)]


# ---- who may

def test_private_is_refused(gateway):
    nobody = gateway.client(anonymous=True)
    assert refused(nobody.get_object, Bucket=BUCKET, Key="x") == (403, "AccessDenied")
    assert refused(nobody.list_objects_v2, Bucket=BUCKET) == (403, "AccessDenied")
    assert refused(nobody.get_object, Bucket="no-such", Key="x") == (404, "NoSuchBucket")
    assert refused(gateway.client().get_object, Bucket=BUCKET, Key="no") == (404, "NoSuchKey")


def test_anonymous_by_acl(gateway):
    gateway.bucket("public", {"x": BODY, "secret": b"s"}, acl="public-read")
    gateway.acl("public", "private", "secret")
    nobody = gateway.client(anonymous=True)
    assert content(nobody, bucket="public") == BODY
    assert len(nobody.list_objects_v2(Bucket="public")["Contents"]) == 2
    assert refused(nobody.get_object, Bucket="public", Key="secret") == (403, "AccessDenied")
    gateway.acl("public", "private")
    assert refused(nobody.list_objects_v2, Bucket="public") == (403, "AccessDenied")


def test_anonymous_by_policy(gateway):
    gateway.bucket("open", {"x": BODY, "sub/y": b"y"})
    gateway.allow("open", "s3:GetObject", prefix="sub/")
    nobody = gateway.client(anonymous=True)
    assert content(nobody, "sub/y", "open") == b"y"
    assert refused(nobody.get_object, Bucket="open", Key="x") == (403, "AccessDenied")
    assert refused(nobody.list_objects_v2, Bucket="open") == (403, "AccessDenied")
    # Who may not list is not told that a key does not exist.
    assert refused(nobody.get_object, Bucket="open", Key="sub/no") == (403, "AccessDenied")
    gateway.policy("open")
    assert refused(nobody.get_object, Bucket="open", Key="sub/y") == (403, "AccessDenied")


def test_users(gateway):
    key, secret = gateway.user("reader")
    reader = gateway.client(key, secret)
    assert refused(reader.get_object, Bucket=BUCKET, Key="x") == (403, "AccessDenied")
    gateway.allow(BUCKET, "s3:GetObject", user="reader")
    assert content(reader) == BODY
    for wrong, code in [((key, "wrong"), "SignatureDoesNotMatch"), (("NOSUCHKEY", secret), "InvalidAccessKeyId")]:
        assert refused(gateway.client(*wrong).get_object, Bucket=BUCKET, Key="x") == (403, code)
    gateway.suspend("reader")
    assert refused(reader.get_object, Bucket=BUCKET, Key="x") == (403, "UserSuspended")
    gateway.enable("reader")
    assert content(reader) == BODY
    second = gateway.client(*gateway.add_key("reader"))
    gateway.remove_key("reader", key)
    assert refused(reader.get_object, Bucket=BUCKET, Key="x") == (403, "InvalidAccessKeyId")
    assert content(second) == BODY
    gateway.remove_user("reader")
    assert refused(second.get_object, Bucket=BUCKET, Key="x") == (403, "InvalidAccessKeyId")
    gateway.policy(BUCKET)


# ---- signatures

def test_our_signature_is_taken(gateway):
    for target in ["/bkt/x", "/bkt/deep%2Fy", "/bkt/x?versionId=",
                   "/bkt?list-type=2&prefix=deep%2F&max-keys=10&delimiter="]:
        headers = signed_headers(gateway, target, more={"range": "bytes=0-9"})
        assert verify("GET", target, headers, gateway.secret_key, "us-east-1", key=gateway.access_key) == []
        assert get(gateway, target, headers)[0] in (200, 206), target


def test_skewed_clock(gateway):
    for late, status in [(14, 200), (16, 403), (-14, 200), (-16, 403)]:
        headers = signed_headers(gateway, "/bkt/x", late=datetime.timedelta(minutes=late))
        got, body = get(gateway, "/bkt/x", headers)
        assert got == status and (status == 200 or b"<Code>RequestTimeTooSkewed</Code>" in body), late
        assert bool(verify("GET", "/bkt/x", headers, gateway.secret_key, "us-east-1")) == (status == 403)


@pytest.mark.parametrize("lax", [{"region": "mars-1"}, {"service": "ec2"}, {"unsigned": ["host"]},
                                 {"unsigned": ["x-amz-date"]}, {"more": {"range": "bytes=0-9"}, "unsigned": ["range"]}])
def test_laxer_than_amazon(gateway, lax):
    """What the gateway takes although Amazon would not: signature.py complains."""
    headers = signed_headers(gateway, "/bkt/x", **lax)
    assert get(gateway, "/bkt/x", headers)[0] in (200, 206)
    assert verify("GET", "/bkt/x", headers, gateway.secret_key, "us-east-1") != []


def test_if_range_is_ignored(gateway):
    headers = signed_headers(gateway, "/bkt/x", more={"range": "bytes=0-9", "if-range": '"other"'})
    assert get(gateway, "/bkt/x", headers) == (206, BODY[:10])


# ---- names and TLS

def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", "10", *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_virtual_host_and_tls(gateway):
    gateway.bucket("shown", {"a/x": BODY}, acl="public-read")
    trust = ["--cacert", gateway.tls.ca, "--resolve", f"*:{gateway.tls_port}:127.0.0.1"]
    assert curl(*trust, f"{gateway.tls_url}/shown/a/x") == BODY
    assert curl(*trust, f"https://s3.localhost:{gateway.tls_port}/shown/a/x") == BODY
    assert curl(*trust, f"https://shown.s3.localhost:{gateway.tls_port}/a/x") == BODY
    assert curl(f"http://shown.s3.localhost:{gateway.port}/a/x") == BODY
    assert content(gateway.client(url=gateway.tls_url), "a/x", "shown") == BODY
    # Another name is that of a bucket, which is not there.
    assert b"<Code>NoSuchBucket</Code>" in curl("-H", "Host: example.org", f"{gateway.url}/shown/a/x")


# ---- what was asked

def test_requests(gateway):
    client, nobody = gateway.client(), gateway.client(anonymous=True)
    gateway.clear()
    assert gateway.requests() == []
    assert content(client, Range="bytes=5-9") == BODY[5:10]
    refused(nobody.get_object, Bucket=BUCKET, Key="a b%+\"?\"#/../~")
    refused(gateway.client(secret="wrong").get_object, Bucket=BUCKET, Key="x")
    client.head_object(Bucket=BUCKET, Key="x")
    asked = gateway.requests(4)
    assert [(each.method, each.target, each.status, each.user, each.range) for each in asked] == [
        ("GET", "/bkt/x", 206, "first", "bytes=5-9"),
        ("GET", "/bkt/a%20b%25%2B%22%3F%22%23/../~", 403, "anonymous", ""),
        ("GET", "/bkt/x", 403, "-", ""),
        ("HEAD", "/bkt/x", 200, "first", "")]
    assert asked[0] == Asked("GET", "/bkt/x", 206, "first", 5, "bytes=5-9")
    gateway.clear()
    gateway.put(BUCKET, {f"many/{i}": b"" for i in range(100)})
    assert len(gateway.requests(100)) == 100


def test_the_environment_is_not_asked(gateway, monkeypatch):
    for name, value in [("AWS_PROFILE", "no-such"), ("AWS_ACCESS_KEY_ID", "other"), ("AWS_SESSION_TOKEN", "other"),
                        ("AWS_CA_BUNDLE", "/no/such"), ("AWS_CONFIG_FILE", os.devnull),
                        ("http_proxy", "http://127.0.0.1:1")]:
        monkeypatch.setenv(name, value)
    assert content(gateway.client()) == BODY


# ---- temporary credentials

def test_session_tokens(tmp_path):
    with Gateway(tmp_path, sts=True) as server:
        server.bucket(BUCKET, {"x": BODY})
        key, secret, token, end = server.session_token(900)
        left = (end - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        assert 880 < left <= 901
        assert content(server.client(key, secret, token)) == BODY
        assert content(server.client()) == BODY
        server.user("reader")
        reader = server.client(*server.session_token(3600, "reader")[:3])
        assert refused(reader.get_object, Bucket=BUCKET, Key="x") == (403, "AccessDenied")
        server.allow(BUCKET, "s3:GetObject", user="reader")
        assert content(reader) == BODY
        # With STS, what is wrong in a signature without a token is said to be AccessDenied.
        for wrong, told in [((key, secret), (403, "AccessDenied")),
                            ((server.access_key, "wrong"), (403, "AccessDenied")),
                            ((key, secret, "x"), (400, "InvalidArgument")),
                            ((key, secret, token[4:]), (403, "AccessDenied")),
                            ((key, "wrong", token), (403, "SignatureDoesNotMatch"))]:
            assert refused(server.client(*wrong).get_object, Bucket=BUCKET, Key="x") == told
        server.remove_user("reader")
        assert refused(reader.get_object, Bucket=BUCKET, Key="x")[0] == 403
