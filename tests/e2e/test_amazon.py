"""The stand-ins for Amazon's own services: metadata servers, S3 behind a proxy, and the judge of signatures."""

import concurrent.futures
import datetime
import json
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from answering import Answering
from aws import Amazon, error
from metadata import CONTAINER_PATH, REGION_PATH, ROLE_PATH, TOKEN_PATH, Metadata
from signature import access_key, verify

TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url, method="GET", headers={}, timeout=10):
    """Status, headers and text of an answer."""
    try:
        with DIRECT.open(urllib.request.Request(url, method=method, headers=headers), timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


# ---- the small server

def test_answering_shows_what_was_sent():
    def answer(request):
        return 200, {"X-Seen": request.target}, request.method.encode() + b" " + request.body

    with Answering(answer) as server:
        for target in ["/", "//a//b/../c?x=%20+", "/%C3%A9*'"]:
            with socket.create_connection(("127.0.0.1", server.port)) as plain:
                head = f"POST {target} HTTP/1.1\r\nHost: B.example:80\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
                plain.sendall(head.encode() + b"hi")
                told = b"".join(iter(lambda: plain.recv(4096), b""))
            assert told.startswith(b"HTTP/1.1 200 ") and told.endswith(b"\r\n\r\nPOST hi")
            assert server.requests()[-1].target == target
        assert server.requests()[-1].path == "/é*'" and server.requests()[-1].host == "B.example"


def test_answering_ends_with_connections_open():
    with Answering(lambda request: (200, {}, b"x")) as server:
        idle = socket.create_connection(("127.0.0.1", server.port))
        idle.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200")
    idle.settimeout(5)
    while idle.recv(4096):
        pass
    idle.close()


def test_answering_keeps_step():
    """Answers without a body leave the connection usable, whatever the function gives."""
    with Answering(lambda request: (int(request.path[1:]), {}, b"body")) as server:
        done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-w", "%{http_code} %{num_connects}\n",
                               *[f"{server.url}/{status}" for status in (304, 204, 200)]], capture_output=True, text=True)
        assert done.stdout == "304 1\n204 0\nbody200 0\n" and done.stderr == ""


def test_answering_tells_of_faults_and_closes():
    def answer(request):
        return None if request.path == "/closed" else 1 / 0

    with Answering(answer) as server:
        status, _, text = ask(server.url + "/x")
        assert status == 500 and "ZeroDivisionError" in text
        with pytest.raises(ConnectionError):
            ask(server.url + "/closed")
        assert [r.status for r in server.requests()] == [500, 0]


# ---- instance metadata

def session(metadata, seconds="21600"):
    status, headers, token = ask(metadata.url + TOKEN_PATH, "PUT", {TTL: seconds})
    assert status == 200 and headers[TTL] == seconds
    return {TOKEN: token}


def test_instance_credentials():
    with Metadata(role="reader", region="eu-west-1") as metadata:
        held = session(metadata)
        assert ask(metadata.url + ROLE_PATH + "/", headers=held)[2] == "reader"
        assert ask(metadata.url + REGION_PATH, headers=held)[2] == "eu-west-1"
        status, _, text = ask(metadata.url + ROLE_PATH + "/reader", headers=held)
        given = json.loads(text)
        assert status == 200 and given["Code"] == "Success" and given["AccessKeyId"] == "ASIAMETADATA00000001"
        end = datetime.datetime.strptime(given["Expiration"], "%Y-%m-%dT%H:%M:%SZ")
        assert 3500 < (end - datetime.datetime.utcnow()).total_seconds() <= 3600
        metadata.give("K2", "S2", "T2", seconds=-60, Token=None)
        given = json.loads(ask(metadata.url + ROLE_PATH + "/reader", headers=held)[2])
        assert given["AccessKeyId"] == "K2" and "Token" not in given
        assert datetime.datetime.strptime(given["Expiration"], "%Y-%m-%dT%H:%M:%SZ") < datetime.datetime.utcnow()
        assert [(r.method, r.path) for r in metadata.requests()] == [
            ("PUT", TOKEN_PATH), ("GET", ROLE_PATH + "/"), ("GET", REGION_PATH), *[("GET", ROLE_PATH + "/reader")] * 2]
        assert metadata.requests()[0].headers[TTL.lower()] == "21600" and metadata.v1 == []
        assert ask(metadata.url + ROLE_PATH + "/other", headers=held)[0] == 404
        metadata.role = None
        assert ask(metadata.url + ROLE_PATH + "/", headers=held)[0] == 404


def test_instance_wants_a_token():
    with Metadata() as metadata:
        assert ask(metadata.url + ROLE_PATH + "/")[0] == 401
        assert [r.path for r in metadata.v1] == [ROLE_PATH + "/"]
        assert ask(metadata.url + ROLE_PATH + "/", headers={TOKEN: "made up"})[0] == 401
        assert len(metadata.v1) == 1
        for wrong in [{}, {TTL: "0"}, {TTL: "21601"}, {TTL: "many"}, {TTL: "60s"}]:
            assert ask(metadata.url + TOKEN_PATH, "PUT", wrong)[0] == 400, wrong
        assert ask(metadata.url + TOKEN_PATH, "PUT", {TTL: "60", "X-Forwarded-For": "192.0.2.1"})[0] == 403
        assert ask(metadata.url + TOKEN_PATH, "GET", {TTL: "60"})[0] == 405
        held = session(metadata, "60")
        assert ask(metadata.url + ROLE_PATH + "/", headers=held)[0] == 200
        metadata.forget_tokens()
        assert ask(metadata.url + ROLE_PATH + "/", headers=held)[0] == 401


def test_metadata_that_fails():
    with Metadata() as metadata:
        metadata.fail(503, times=2)
        assert [ask(metadata.url + TOKEN_PATH, "PUT", {TTL: "60"})[0] for _ in range(3)] == [503, 503, 200]
        metadata.fail(404, path=CONTAINER_PATH)
        assert [ask(metadata.url + CONTAINER_PATH)[0] for _ in range(2)] == [404, 404]
        assert ask(metadata.url + TOKEN_PATH, "PUT", {TTL: "60"})[0] == 200
        metadata.recover()
        metadata.fail(0)
        with pytest.raises(ConnectionError):
            ask(metadata.url + CONTAINER_PATH)
        metadata.recover()
        metadata.delay = 30
        with pytest.raises(TimeoutError):
            ask(metadata.url + CONTAINER_PATH, timeout=0.2)
        metadata.recover()
        assert ask(metadata.url + CONTAINER_PATH)[0] == 200


def test_container_credentials():
    with Metadata(authorization="Bearer of/secrets==") as metadata:
        environment = metadata.container_environment()
        url = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        assert ask(url)[0] == 401 and ask(url, headers={"Authorization": "other"})[0] == 401
        held = {"Authorization": environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}
        given = json.loads(ask(url, headers=held)[2])
        assert sorted(given) == ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]
        metadata.authorization = None
        assert ask(url)[0] == 200 and list(metadata.container_environment()) == ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]


def test_botocore_takes_our_metadata_for_amazons(monkeypatch):
    credentials = pytest.importorskip("botocore.credentials")
    utils = pytest.importorskip("botocore.utils")
    monkeypatch.setenv("no_proxy", "*")
    with Metadata(role="reader") as metadata:
        fetcher = utils.InstanceMetadataFetcher(base_url=metadata.url + "/", num_attempts=1, timeout=5)
        got = credentials.InstanceMetadataProvider(fetcher).load().get_frozen_credentials()
        assert got.access_key == "ASIAMETADATA00000001" and got.token == "metadata//token+1==" and not metadata.v1
        provider = credentials.ContainerProvider(metadata.container_environment())
        assert provider.load().get_frozen_credentials() == got


# ---- S3 behind a proxy

@pytest.fixture(scope="module")
def amazon(tmp_path_factory):
    with Amazon(tmp_path_factory.mktemp("amazon"), None) as it:
        yield it


@pytest.fixture
def scripted(amazon):
    """Amazon anew: nothing asked so far, 200 for all."""
    amazon.answer = lambda request: (200, {}, f"{request.host} {request.target}".encode())
    amazon.clear()
    amazon.proxy.connects.clear()
    return amazon


def curl(amazon, *arguments):
    """Exit code and output of curl."""
    done = subprocess.run(["curl", "-sS", "--max-time", "10", "--cacert", amazon.ca, *arguments],
                          capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **amazon.environment()})
    return done.returncode, done.stdout


@pytest.mark.parametrize("host", [
    "s3.amazonaws.com", "b.s3.amazonaws.com", "s3.us-west-2.amazonaws.com", "b.s3.us-west-2.amazonaws.com",
    "b.s3.dualstack.eu-west-1.amazonaws.com", "s3-us-west-2.amazonaws.com", "b.s3.cn-north-1.amazonaws.com.cn",
    "storage.googleapis.com", "b.storage.googleapis.com", "sts.us-east-1.amazonaws.com"])
def test_hosts_of_amazon(scripted, host):
    assert curl(scripted, f"https://{host}/a%20b?x=1") == (0, f"{host} /a%20b?x=1")
    assert scripted.connects == [(host, 443)]
    assert [(r.method, r.host) for r in scripted.requests()] == [("GET", host)]


@pytest.mark.parametrize("url", ["https://example.org/", "https://notamazonaws.com/",
                                 "https://b.s3.amazonaws.com:8443/", "https://s3.amazonaws.com.example.org/"])
def test_other_hosts_are_refused(scripted, url):
    code, _ = curl(scripted, url)
    assert code in (7, 56) and len(scripted.connects) == 1 and scripted.requests() == []


def test_certificates_are_checked(scripted):
    # A wildcard stands for one label, as with Amazon: this is why buckets with a dot go path style.
    assert curl(scripted, "https://b.c.s3.amazonaws.com/")[0] == 60
    done = subprocess.run(["curl", "-sS", "https://s3.amazonaws.com/"], capture_output=True,
                          env={"PATH": "/usr/bin:/bin", **scripted.environment()})
    assert done.returncode == 60
    assert curl(scripted, "https://s3.amazonaws.com/")[0] == 0


def test_redirect_to_a_region(scripted):
    def answer(request):
        if request.host == "b.s3.amazonaws.com":
            where = "b.s3.us-west-2.amazonaws.com"
            return (301, {"x-amz-bucket-region": "us-west-2", "Location": f"https://{where}{request.target}"},
                    error("PermanentRedirect", "use <that>", Endpoint=where))
        return 200, {}, b"content"

    scripted.answer = answer
    status = curl(scripted, "-w", " %{http_code} %header{x-amz-bucket-region}", "https://b.s3.amazonaws.com/k")[1]
    assert status.endswith("</Endpoint></Error> 301 us-west-2") and "<Message>use &lt;that&gt;</Message>" in status
    assert curl(scripted, "-L", "https://b.s3.amazonaws.com/k") == (0, "content")
    assert [r.host for r in scripted.requests()][1:] == ["b.s3.amazonaws.com", "b.s3.us-west-2.amazonaws.com"]


def test_many_connections_at_once(scripted):
    scripted.answer = lambda request: (200, {}, b"x" * 200_000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda i: curl(scripted, f"https://b{i}.s3.amazonaws.com/"), range(8)))
    assert got == [(0, "x" * 200_000)] * 8 and len(scripted.connects) == 8


# ---- signatures

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
THEN = datetime.datetime(2013, 5, 24, tzinfo=datetime.timezone.utc)


def example(names="host;range;x-amz-content-sha256;x-amz-date", **changes):
    """The first example of Amazon's documentation: GET of a range of test.txt."""
    headers = {
        "Host": "examplebucket.s3.amazonaws.com", "Range": "bytes=0-9", "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                         f"SignedHeaders={names},"
                         "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", **changes}
    return {name: value for name, value in headers.items() if value is not None}


def judged(headers, target="/test.txt", region="us-east-1", **more):
    pytest.importorskip("botocore.auth")
    return verify("GET", target, headers, SECRET, region, now=THEN, **more)


def test_amazons_example():
    assert judged(example(), key="AKIAIOSFODNN7EXAMPLE") == []
    assert access_key(example()) == "AKIAIOSFODNN7EXAMPLE" and access_key({}) is None
    # Queries are sorted, and a name without a value has an empty one: "GET Bucket Lifecycle" and "List Objects".
    for target, signature in [
            ("/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ("/?prefix=J&max-keys=2", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]:
        headers = example("host;x-amz-content-sha256;x-amz-date", Range=None)
        headers["Authorization"] = headers["Authorization"].rsplit("=", 1)[0] + "=" + signature
        assert judged(headers, target) == []


@pytest.mark.parametrize("changes,complaint", [
    ({"Authorization": None}, "Authorization is None"),
    ({"Host": "other.s3.amazonaws.com"}, "the signature is"),
    ({"Range": "bytes=0-8"}, "the signature is"),
    ({"Range": None}, "range is signed but not there"),
    ({"x-amz-date": "20130524T003000Z"}, "x-amz-date is off by 1800 s"),
    ({"x-amz-date": "20130523T235959Z"}, "the day of the scope is 20130524, that of x-amz-date 20130523"),
    ({"x-amz-date": None}, "x-amz-date is ''"),
    ({"x-amz-content-sha256": None}, "there is no x-amz-content-sha256"),
    ({"x-amz-content-sha256": "STREAMING"}, "x-amz-content-sha256 is 'STREAMING', not 'e3b0"),
    ({"x-amz-security-token": "T"}, "x-amz-security-token is not signed"),
    ({"x-amz-security-token": "T"}, "x-amz-security-token is 'T', not None"),
    ({"x-amz-request-payer": "requester"}, "x-amz-request-payer is not signed"),
    ({"names": "range;x-amz-content-sha256;x-amz-date"}, "host is not signed"),
    ({"names": "host;x-amz-content-sha256;x-amz-date"}, "range is not signed"),
    ({"names": "range;host;x-amz-content-sha256;x-amz-date"}, "SignedHeaders are not in order"),
])
def test_complaints(changes, complaint):
    assert any(each.startswith(complaint) for each in judged(example(**changes)))


def test_complaints_of_the_scope():
    assert judged(example(), region="us-west-2") == ["the region is 'us-east-1', not 'us-west-2'"]
    assert judged(example(), service="sts") == ["the service is 's3', not 'sts'"]
    assert judged(example(), key="other") == ["the access key is 'AKIAIOSFODNN7EXAMPLE', not 'other'"]
    assert judged(example(), token="T") == ["x-amz-security-token is None, not 'T'"]
    assert len(judged(example(), "/other.txt")) == 1


def test_the_path_is_encoded_strictly():
    """What is the same key has the same signature, however it was escaped; a raw plus is a trap."""
    same = {judged(example(), target)[0] for target in ["/a*(b", "/a%2A%28b", "/a%2a(b"]}
    assert len(same) == 1 and "the signature is" in same.pop()
    assert any("raw '+'" in each for each in judged(example(), "/a+b"))
    assert judged(example(), "/%74est.txt") == []
