"""fetch_S3orURL and what goes with it: places, credentials, first lines, and None for what cannot be had."""

import json
from io import BytesIO

import pytest
from origin import Behaviour, Origin
from published import asked

from heliodex import fetch_S3orURL, s3url_to_bucketkey, s3url_to_https
from heliodex.errors import FailedS3Get, HeliodexError
from heliodex.fetching import fetch_S3, fetch_url

DOCUMENT = {"status": {"code": 0}, "catalog": [{"id": "TEST"}]}
CONTENT = json.dumps(DOCUMENT).encode()
KEY = "/test-bucket/test/catalog.json"
LOCATION = "s3://test-bucket/test/catalog.json"
CREDENTIALS = {"aws_access_key_id": "ours", "aws_secret_access_key": "secret"}


@pytest.fixture
def origin():
    with Origin() as it:
        it.put(KEY, CONTENT)
        yield it


@pytest.fixture
def fetch(origin):
    def call(location, **options):
        return fetch_S3orURL(location, **{"endpoint_url": origin.url, "retries": 0, **options})

    return call


# ---- URLs


@pytest.mark.parametrize("location, bucket, key", [
    ("s3://b1/b2/b3/t.txt", "b1", "b2/b3/t.txt"), ("b1/b2/b3/t.txt", "b1", "b2/b3/t.txt"), ("s3://b1/", "b1", ""),
    ("s3://b1", "b1", ""), ("b1", "b1", ""), ("b1/", "b1", ""), ("", "", ""), ("s3://", "", ""),
    ("s3://b1/a b+c%20é.txt", "b1", "a b+c%20é.txt"), ("s3://b1//x", "b1", "/x"), ("/x/y", "", "x/y")])
def test_bucket_and_key(location, bucket, key):
    assert s3url_to_bucketkey(location) == (bucket, key)
    assert s3url_to_https(location) == f"https://{bucket}.s3.amazonaws.com/{key}"


def test_another_prefix():
    assert s3url_to_bucketkey("gs://b/k", bucket_prefix="gs://") == ("b", "k")


@pytest.mark.parametrize("url", ["http://a/b", "https://a/b?c", "http-bucket/key"])
def test_what_begins_with_http_stays(url):
    assert s3url_to_https(url) == url


# ---- places


def test_every_way_to_say_where(fetch, origin):
    for location in (LOCATION, LOCATION[5:], origin.url + KEY):
        assert fetch(location) == DOCUMENT, location
        data = fetch(location, rawbytes=True)
        assert isinstance(data, BytesIO) and data.tell() == 0 and data.read() == CONTENT, location


def test_local_files(fetch, tmp_path, monkeypatch):
    path = tmp_path / "test-bucket" / "a b%20.json"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    monkeypatch.chdir(tmp_path)
    for location in (path, str(path), path.as_uri(), "test-bucket/a b%20.json", "./test-bucket/a b%20.json"):
        assert fetch(location) == DOCUMENT, location
        assert fetch(location, rawbytes=True).read() == CONTENT, location


def test_a_bucket_goes_before_a_folder(fetch, tmp_path, monkeypatch):
    path = tmp_path / KEY[1:]
    path.parent.mkdir(parents=True)
    path.write_text('"local"')
    monkeypatch.chdir(tmp_path)
    assert fetch(KEY[1:]) == DOCUMENT
    assert fetch(str(path)) == "local"


def test_bytes_of_any_kind(fetch, origin):
    content = bytes(range(256)) * 50_000  # more than is read in one go
    origin.put("/b/x.bin", content)
    assert fetch("s3://b/x.bin", rawbytes=True, part_bytes=1 << 20).getvalue() == content
    origin.put("/b/none", b"")
    assert fetch("s3://b/none", rawbytes=True).getvalue() == b""


# ---- who asks


def test_anonymous_first_then_signed(fetch, origin):
    origin.script(KEY, Behaviour(status=403))
    assert fetch(LOCATION, **CREDENTIALS) == DOCUMENT
    requests = origin.of(KEY)
    assert [request.status for request in requests] == [403, 206]
    assert "authorization" not in requests[0].headers
    assert "Credential=ours/" in requests[1].headers["authorization"]


def test_the_region_is_signed_for(fetch, origin):
    for options in ({"region": "us-west-2"}, {"region_name": "us-west-2"},
                    {"region": "eu-1", "region_name": "us-west-2"}):
        origin.clear()
        fetch(LOCATION, sign="always", **CREDENTIALS, **options)
        assert "/us-west-2/s3/" in origin.of(KEY)[0].headers["authorization"]


def test_one_way_alone(origin):
    access = {"endpoint_url": origin.url, **CREDENTIALS}
    assert fetch_S3(LOCATION, **access) == (200, DOCUMENT)
    assert fetch_S3(LOCATION[5:], unsigned=False, region="us-west-2", rawbytes=True, **access) == (200, CONTENT)
    assert fetch_S3(LOCATION, rawbytes=True, max_lines=1, **access) == (200, CONTENT)
    unsigned, signed, _ = origin.of(KEY)
    assert "authorization" not in unsigned.headers and "/us-west-2/s3/" in signed.headers["authorization"]
    origin.always(KEY, Behaviour(status=403))
    with pytest.raises(FailedS3Get) as caught:
        fetch_S3(LOCATION, **access)
    assert caught.value.status == "DENIED" and [request.status for request in origin.of(KEY)][3:] == [403]


def test_a_url_alone(origin):
    assert fetch_url(origin.url + KEY) == (200, DOCUMENT)
    assert fetch_url(origin.url + KEY, rawbytes=True) == (200, CONTENT)
    assert fetch_url(origin.url + "/none") == (404, None)
    origin.always(KEY, Behaviour(status=403))
    assert fetch_url(origin.url + KEY) == (403, None)


# ---- what cannot be had


@pytest.mark.parametrize("behaviour", [
    Behaviour(status=403), Behaviour(status=404), Behaviour(status=500), Behaviour(cut=-1), Behaviour(cut=5),
    Behaviour(body=b"no JSON"), Behaviour(body=b'{"a": 1')])
def test_none_for_what_cannot_be_had(fetch, origin, behaviour):
    origin.always(KEY, behaviour)
    assert fetch(LOCATION) is None


@pytest.mark.parametrize("behaviour", [
    Behaviour(status=403), Behaviour(status=404), Behaviour(cut=-1), Behaviour(cut=5)])
@pytest.mark.parametrize("lines", [None, 3])
def test_none_for_bytes_that_cannot_be_had(fetch, origin, behaviour, lines):
    origin.always(KEY, behaviour)
    assert fetch(LOCATION, rawbytes=True, max_lines=lines) is None


@pytest.mark.parametrize("location", [
    "s3://", "", "s3://b", "b", "b/none.json", "/no/such/file", "./none", "file:///no/such", "ftp://b/x", "s3://b/\n",
    "x\0y", "http://"])
@pytest.mark.parametrize("options", [{}, {"rawbytes": True}, {"rawbytes": True, "max_lines": 2}])
def test_none_for_what_is_nowhere(fetch, location, options):
    assert fetch(location, **options) is None


def test_it_is_told_unless_it_is_simply_not_there(fetch, origin, caplog):
    origin.always(KEY, Behaviour(status=403))
    fetch(LOCATION)
    assert any(LOCATION in record.message and record.levelname == "WARNING" for record in caplog.records)
    caplog.clear()
    origin.always(KEY, Behaviour(status=404))
    fetch(LOCATION)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_wrong_arguments_are_errors(fetch):
    with pytest.raises(TypeError, match="regoin"):
        fetch(LOCATION, regoin="x")
    with pytest.raises(HeliodexError):
        fetch(LOCATION, jobs=0)


# ---- first lines


LINES = b"".join(b"2020-01-01T00:00:00Z,%06d\n" % i for i in range(200_000))


@pytest.mark.parametrize("count", [0, 1, 2, 50, 10_000])
def test_hardly_more_than_the_lines_is_read(fetch, origin, count):
    origin.put("/b/x.csv", LINES)
    data = fetch("s3://b/x.csv", rawbytes=True, max_lines=count).getvalue()
    assert data == b"".join(LINES.splitlines(True)[:count])
    sent = sum(request.sent for request in origin.of("/b/x.csv"))
    assert sent <= len(data) + (192 << 10)  # a part that holds the last line, one that was begun, one that was done


@pytest.mark.parametrize("content", [b"", b"one", b"one\n", b"one\ntwo", b"\n\n\n", b"one\r\ntwo\r\n"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_files_of_few_lines(fetch, origin, tmp_path, content, count):
    origin.put("/b/x.csv", content)
    (tmp_path / "x.csv").write_bytes(content)
    expected = b"".join(content.splitlines(True)[:count])
    for location in ("s3://b/x.csv", origin.url + "/b/x.csv", tmp_path / "x.csv", (tmp_path / "x.csv").as_uri()):
        assert fetch(location, rawbytes=True, max_lines=count).getvalue() == expected, location


def test_a_server_without_ranges(fetch, origin):
    origin.put("/b/x.csv", LINES)
    origin.always("/b/x.csv", Behaviour(ignore_range=True))
    assert fetch("s3://b/x.csv", rawbytes=True, max_lines=2).getvalue() == b"".join(LINES.splitlines(True)[:2])


def test_a_document_has_no_lines(fetch, origin):
    origin.put("/b/x.json", json.dumps(DOCUMENT, indent=1).encode())
    assert fetch("s3://b/x.json", max_lines=2) == DOCUMENT


def test_asked_once(fetch, origin):
    fetch(LOCATION)
    assert asked(origin) == [(KEY, 206)]
