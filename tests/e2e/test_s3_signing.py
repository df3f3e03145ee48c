"""What is signed is what Amazon would compute; what S3 says of a failure reaches the user, but never a secret; signed
URLs are those of botocore."""

import datetime
import json
import re
import urllib.parse

import pytest

from answering import Answering
from aws import error
from conftest import TINY
from servers import Nginx, make_authority
from stage import amazon, signed, user  # noqa: F401,F811

TOKEN = "session//token+of=user==" + "Aa0/" * 40
AWKWARD = ["a b/", "plus+and=equals/", "percent%41/", "q?u#e&ry/", "stars*('!)/", "ünï/", "~tilde_-./", "a//b/"]


@pytest.fixture
def private(user):
    user.stage.private = True
    user.keys(token=TOKEN)
    return user


def clean(user, count=1):
    """So many signed requests came at least, and none of them had a fault."""
    assert user.stage.complaints == [] and len(signed(user.server.requests())) >= count
    return signed(user.server.requests())


# ---- signatures


def test_ranges(private):
    private.stage.add("large", [2019], count=4000)
    private.index("--part-size", "64K").expect(0)
    ranges = [r.headers["range"] for r in clean(private) if "large" in r.path]
    assert sorted(ranges, key=lambda text: int(text[6:].split("-")[0]))[1] == "bytes=65536-131071" and len(ranges) > 3
    private.check("large")


def test_conditions(private):
    """What a second run sends along needs no signature, and breaks none."""
    private.index().expect(0)
    private.server.clear()
    private.index().expect(0)
    assert [r.status for r in clean(private) if r.path.endswith(".csv")] == [304, 304]


@pytest.mark.parametrize("folder", AWKWARD)
@pytest.mark.parametrize("how", ["probe", "list"])
def test_awkward_keys(private, folder, how):
    private.stage.add("odd", [2018, 2019], index=f"s3://{TINY}/{folder}")
    private.index("odd", "--discover", how).expect(0)
    files = [r for r in clean(private, 3) if r.path.endswith(".csv")]
    assert sorted(r.path for r in files) == [f"/{folder}odd_{year}.csv" for year in (2018, 2019)]
    private.check("odd")


def test_lists(private):
    """With all parameters: pages, folders, a beginning, a place to start behind."""
    folder = "a b+c/%ü&=/"
    private.stage.objects |= {f"{folder}{i:02}*'.x": b"1" for i in range(12)}
    private.stage.page = 5
    told = private("ls", f"{private.bucket}{folder}", "--start-after", f"{folder}01*'.x", "--format", "keys").expect(0)
    assert told.lines == [f"{folder}{i:02}*'.x" for i in range(2, 12)]
    queries = [r.target for r in clean(private) if r.target.startswith("/?")]
    assert len(queries) == 2 and all("delimiter=%2F" in query for query in queries)
    assert all("prefix=a%20b%2Bc%2F%25%C3%BC%26%3D%2F" in query for query in queries)
    assert "start-after=" in queries[0] and "continuation-token=" in queries[1]
    assert private("ls", "-r", private.bucket, "--limit", "7", "--format", "keys").expect(0).lines[0].startswith(folder)
    clean(private)


def test_payer_and_token_are_signed(private):
    private.index("--request-payer", "requester", "--discover", "list").expect(0)
    for request in clean(private, 3):
        names = re.search("SignedHeaders=([^,]*)", request.headers["authorization"])[1].split(";")
        assert {"host", "x-amz-request-payer", "x-amz-security-token", "x-amz-date"} <= set(names)


@pytest.mark.parametrize("prefix", ["", "/s3/below"])
def test_endpoint_with_a_port(private, prefix):
    """The host is signed with its port, the path with what stands before the bucket."""
    def answer(request):
        assert request.target.startswith(prefix + "/")
        return private.stage(request)

    private.stage.place = lambda request: (TINY, request.path.removeprefix(f"{prefix}/{TINY}/"))
    with Answering(answer) as server:
        private.server = server
        private.index("--endpoint-url", server.url + prefix).expect(0)
        assert {r.headers["host"] for r in clean(private)} == {f"127.0.0.1:{server.port}"}


def test_region_of_the_signature(private):
    private.stage.region = "eu-central-1"
    private.index("--region", "eu-central-1").expect(0)
    assert all("/eu-central-1/s3/aws4_request" in r.headers["authorization"] for r in clean(private))


def test_http2(private, tmp_path):
    """Over connections that are shared. This server ignores signatures."""
    folder = tmp_path / "root"
    for key, content in private.stage.objects.items():
        (folder / TINY / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / TINY / key).write_bytes(content)
    authority = make_authority(tmp_path)
    with Nginx(folder, tmp_path / "work", tls=authority) as server:
        options = ["--endpoint-url", server.url, "--ca-file", authority.ca]
        private.environment["no_proxy"] = "127.0.0.1"
        private.index("--sign", *options, "--stats", tmp_path / "stats").expect(0)
        assert [status for _, _, status, _ in server.requests()] == [206] * 3
    stats = json.loads((tmp_path / "stats").read_text())
    assert stats["requests"] == 3 and stats["connections"] == 1 and stats["connections_reused"] == 2
    private.check("one", arguments=options[:2])


# ---- what S3 says


FILE = "/i/one_2019.csv"


def fail(user, status, body, headers={}):
    user.stage.script = lambda request: (status, headers, body) if request.path == FILE and signed([request]) else None


def test_words_of_s3(private, tmp_path):
    fail(private, 400, error("InvalidArgument", "The argument is <odd>", RequestId="0A49CE4060975EAC"))
    private.index("--report", tmp_path / "report").expect(1, "one_2019.csv", "InvalidArgument", "the argument is <odd>",
                                                          "0A49CE4060975EAC", "400")
    assert "InvalidArgument" in (tmp_path / "report").read_text()


@pytest.mark.parametrize("sign", [True, False])
def test_bucket_that_does_not_exist_is_no_gap(user, tmp_path, sign):
    user.keys()
    user.stage.add("far", [2018, 2019], index="s3://gone-bucket/i/")
    user.index("--report", tmp_path / "report", *["--sign"] * sign).expect(1, "NoSuchBucket", "gone-bucket")
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    told = sorted((line["id"], line["year"]) for line in lines if "NoSuchBucket" in json.dumps(line))
    assert told == [("far", 2018), ("far", 2019)]
    assert "gap" not in user("info", user.bucket, "far", "--offline").out
    user.index("far").expect(3, "NoSuchBucket")
    user.check("one")


def test_15_16_slow_down_is_retried(private, tmp_path):
    asked = []

    def script(request):
        if request.path == FILE and signed([request]):
            asked.append(request)
            return (503, {}, error("SlowDown", "Please reduce your request rate.")) if len(asked) < 3 else None

    private.stage.script = script
    private.index("--stats", tmp_path / "stats").expect(0)
    stats = json.loads((tmp_path / "stats").read_text())
    assert len(asked) == 3 and stats["retries"] == 2 and stats["throttled"] == 2
    # Each attempt is signed anew.
    clean(private)
    private.check("one")


@pytest.mark.parametrize("body", [b"<html><body><h1>403 Forbidden</h1>&nbsp;<Code>x</body></html>", b"",
                                  b"<Error><Code>", b"\xff\xfe\x00<Error>", b"<Error>" * 5000, b"x" * 100000])
def test_bodies_that_are_no_error_document(private, body):
    fail(private, 418, body)
    done = private.index().expect(1, "one_2019.csv", "status 418")
    assert "<" not in done.err and len(done.err) < 3000
    fail(private, 403, body)
    private.index("--discover", "list").expect(1, "status 403", "not allowed")


# ---- secrets


def echo(user):
    """The server tells all it was told."""
    def told(request):
        parts = re.search(r"Signature=(\w+)", request.headers["authorization"])
        return f"{parts[1]} {request.headers.get('x-amz-security-token')}"

    def script(request):
        if not signed([request]) or request.path == "/catalog.json":
            return None
        kind = request.path[-5]
        if kind == "8":
            return 403, {}, error("SignatureDoesNotMatch", "it was " + told(request), RequestId="1")
        return 400, {"x-amz-bucket-region": told(request)[:60]}, error(told(request)[:60], "m", RequestId=told(request))

    user.stage.script = script


CASES = {
    "echo": lambda user: echo(user),
    "expired": lambda user: setattr(user.stage, "script", lambda request: (400, {}, error("ExpiredToken", TOKEN))
                                    if signed([request]) and request.path == FILE else None),
    "refused": lambda user: user.stage.users.clear(),
    "redirect": lambda user: setattr(user.stage, "script", lambda request: (302, {
        "Location": f"https://evil.example.org/?{urllib.parse.quote(TOKEN)}&{request.headers['authorization'][-64:]}"},
        b"") if signed([request]) else None),
    "html": lambda user: fail(user, 500, b"<html>" + TOKEN.encode()),
    "skewed": lambda user: setattr(user.stage, "off", datetime.timedelta(hours=1)),
    "good": lambda user: None,
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("progress", ["json", "plain"])
def test_p10_no_secret_is_written(private, tmp_path, case, progress):
    """P10: not by any message, report, statistics or file of the store."""
    (tmp_path / "out").mkdir()
    CASES[case](private)
    done = private.index("-vv", "--progress", progress, "--retries", "1", *private.told(tmp_path / "out"))
    assert (done.code == 0) == (case in ("skewed", "good")), done
    written = private.everything(tmp_path / "out", done)
    assert signed(private.server.requests())
    for request in signed(private.server.requests()):
        assert request.headers["authorization"][-64:].encode() not in written
    secret = private.environment["AWS_SECRET_ACCESS_KEY"]
    for text in (secret, TOKEN, TOKEN[:20], TOKEN[-20:], urllib.parse.quote(TOKEN)[:30], "Authorization"):
        assert text.encode() not in written, f"{text}: {done}"


@pytest.mark.parametrize("before", [180, 190, 200, 230, 252])
def test_p10_secrets_cut_by_the_end_of_a_message(private, before):
    """A signature of which the last digits are missing can be completed by trying."""
    def script(request):
        if signed([request]) and request.path == FILE:
            parts = re.search(r"Signature=(\w+)", request.headers["authorization"])
            private.signature = parts[1]
            return 403, {}, error("InvalidArgument", "x " * (before // 2) + parts[1])

    private.stage.script = script
    done = private.index().expect(1, "one_2019.csv")
    assert private.signature[:20] not in done.err, done


# ---- presigned URLs


def presigned(user, *arguments, **options):
    return user("query", user.bucket, "one", "--format", "urls", "--url-style", "presigned", *arguments, **options)


def by_botocore(url, key, secret, token, region, seconds):
    """The URL as botocore signs it at the time that it names."""
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    place, _, query = url.partition("?")
    date = dict(urllib.parse.parse_qsl(query))["X-Amz-Date"]

    class Then(auth.S3SigV4QueryAuth):
        def add_auth(self, request):
            request.context["timestamp"] = date
            self._modify_request_before_signing(request)
            text = self.canonical_request(request)
            self._inject_signature_to_request(request, self.signature(self.string_to_sign(request, text), request))

    request = AWSRequest("GET", place)
    Then(Credentials(key, secret, token), "s3", region, expires=seconds).add_auth(request)
    return request.url


def parameters(url):
    return sorted(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True))


NAMES = ["plain.cdf", "a b+c.cdf", "percent%41.cdf", "stars*('!).cdf", "ünï.cdf", "q?u#e&r=y.cdf",
         "~-._.cdf", "a;b@c:d$.cdf"]


@pytest.fixture
def files(private):
    """An index whose data keys are awkward."""
    lines = [f"2019-01-0{i}Z,2019-01-0{i}Z,s3://{TINY}/d/{name},1\n" for i, name in enumerate(NAMES, 1)]
    private.stage.objects["i/one_2019.csv"] = "".join(lines).encode()
    del private.stage.objects["i/one_2018.csv"]
    private.index().expect(0)
    private.server.clear()
    return private


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("expires,seconds", [(None, 3600), ("90s", 90), ("7d", 604800)])
def test_presigned(files, token, expires, seconds):
    files.environment.pop("AWS_SESSION_TOKEN")
    files.keys(token=token)
    urls = presigned(files, "--region", "us-west-2", *(["--expires", expires] if expires else [])).expect(0).lines
    assert [urllib.parse.unquote(urllib.parse.urlsplit(url).path) for url in urls] == [f"/d/{name}" for name in NAMES]
    key, secret = files.environment["AWS_ACCESS_KEY_ID"], files.environment["AWS_SECRET_ACCESS_KEY"]
    for url in urls:
        assert url.startswith(f"https://{TINY}.s3.us-west-2.amazonaws.com/d/")
        date = datetime.datetime.strptime(dict(parameters(url))["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        assert abs(datetime.datetime.utcnow() - date) < datetime.timedelta(seconds=60)
        assert parameters(url) == parameters(by_botocore(url, key, secret, token, "us-west-2", seconds))
        assert dict(parameters(url)).get("X-Amz-Security-Token") == token
    assert files.server.requests() == []


def test_presigned_in_the_region_of_the_registry(files, tmp_path):
    """One that was read before, in which other places stand before the bucket."""
    entries = [("https://elsewhere.invalid/", "none"), ("s3://another/", "us-west-2"), (f"s3://{TINY}/", "eu-north-1")]
    registry = tmp_path / "registry.json"
    registry.write_text(json.dumps({"registry": [{"endpoint": endpoint, "name": endpoint, "region": region}
                                                 for endpoint, region in entries]}))
    files("registry", "--registry", registry).expect(0)
    assert all(url.startswith(f"https://{TINY}.s3.eu-north-1.amazonaws.com/d/")
               for url in presigned(files, "--registry", registry).expect(0).lines)


@pytest.mark.parametrize("expires", ["0", "169h", "8d", "soon"])
def test_expires_that_is_none(files, expires):
    presigned(files, "--expires", expires).expect(2, "--expires")


def test_presigned_for_an_endpoint(private):
    """With its port; what is in a bucket elsewhere is left out, with a word."""
    rows = [f"2019-01-01T00:00:00Z,2019-01-01T00:00:00Z,s3://{TINY}/d/here.cdf,1\n",
            "2019-01-02T00:00:00Z,2019-01-02T00:00:00Z,s3://other-bucket/d/far.cdf,1\n"]
    private.stage.objects["i/one_2019.csv"] = "".join(rows).encode()
    private.stage.objects["i/one_2018.csv"] = b""
    with Answering(private.stage) as server:
        options = ["--endpoint-url", server.url]
        private.index(*options).expect(0)
        done = presigned(private, *options).expect(1, "far.cdf", "credentials are for the endpoint alone")
        assert len(done.lines) == 1 and done.out.startswith(f"{server.url}/{TINY}/d/here.cdf?")
        key, secret = private.environment["AWS_ACCESS_KEY_ID"], private.environment["AWS_SECRET_ACCESS_KEY"]
        signed_so = by_botocore(done.lines[0], key, secret, TOKEN, "us-east-1", 3600)
        assert parameters(done.lines[0]) == parameters(signed_so)


def test_presigned_without_credentials(files):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        files.environment.pop(name)
    done = presigned(files).expect(4, "no credentials")
    # Told once, not for each row: looking for them may take seconds.
    assert done.out == "" and done.err.count("no credentials") == 1
