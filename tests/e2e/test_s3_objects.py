"""Objects of a real S3 server: every key as it is, ranges, changes, virtual hosts, TLS, and URLs that are presigned."""

import itertools
import json
import re
import subprocess
import urllib.parse

import pytest

from gateway import AWKWARD_KEYS, missing
from s3_bucket import CATALOG, Shelf, User, asked, names, owner
from servers import make_authority

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

PART = 64 << 10
NUMBERS = itertools.count()


def content(key):
    return b"content of " + key.encode()


@pytest.fixture(scope="module")
def awkward(gateway, tmp_path_factory):
    """A private bucket of awkward keys, put by boto3, and of an index that names them."""
    shelf = Shelf(gateway, "awkward-bucket", tmp_path_factory.mktemp("awkward"))
    client = gateway.client()
    for key in AWKWARD_KEYS:
        client.put_object(Bucket=shelf.name, Key=key, Body=content(key))
    indexed = [key for key in AWKWARD_KEYS if "\n" not in key]  # a row is a line
    quoted = [shelf.url + key.replace('"', '""') for key in indexed]
    shelf.add("a", {2019: "".join(f'2019-01-01T00:00:{i:02}Z,2019-01-01T00:00:{i:02}Z,"{location}",{i}\n'
                                  for i, location in enumerate(quoted))})
    return shelf.publish()


@pytest.fixture
def user(heliodex, gateway, awkward):
    gateway.clear()
    return User(heliodex, gateway, awkward, owner(gateway))


@pytest.fixture
def big(heliodex, gateway, tmp_path):
    """The user of a private bucket with an index file of several MB."""
    shelf = Shelf(gateway, f"big-{next(NUMBERS)}", tmp_path).add("big", {2019: 40_000}).publish()
    assert len(shelf.read("i/big_2019.csv")) > 3 << 20
    gateway.clear()
    return User(heliodex, gateway, shelf, owner(gateway))


# ---- keys


@pytest.mark.parametrize("host", ["127.0.0.1", "s3.localhost"])
@pytest.mark.parametrize("part", [8 << 20, 7])
def test_awkward_keys_come_as_they_are(build, gateway, awkward, tmp_path, host, part):
    gateway.clear()
    done = subprocess.run(
        [build / "bench" / "hdx-fetch", "-b", awkward.name, "-e", f"http://{host}:{gateway.port}", "-s", "-o", tmp_path,
         "-p", str(part), "-j", "16"],
        input=b"".join(key.encode() + b"\0" for key in AWKWARD_KEYS), capture_output=True, env=owner(gateway))
    assert done.returncode == 0, done
    for number, key in enumerate(AWKWARD_KEYS):
        assert (tmp_path / str(number)).read_bytes() == content(key), key
    assert {(each.status, each.user) for each in gateway.requests()} == {(206, "first")}


def test_awkward_keys_by_virtual_host(build, gateway, heliodex, awkward):
    """The program's own way to the same place."""
    user = User(heliodex, gateway, awkward, owner(gateway), url=f"http://s3.localhost:{gateway.port}")
    user.index("--addressing-style", "virtual").expect(0)
    rows = json.loads(user("query", awkward.url, "a", "--offline", "--format", "json").expect(0).out)
    assert [row["datakey"] for row in rows] == [awkward.url + key for key in AWKWARD_KEYS if "\n" not in key]


# ---- ranges and changes


def ranges_of(gateway):
    return [(each.status, each.range) for each in gateway.requests()
            if each.method == "GET" and each.target.endswith("big_2019.csv")]


def test_ranges(big, gateway, tmp_path):
    big.index("--sign", "--part-size", "64K", "--keep-index", tmp_path / "kept").expect(0)
    file = big.shelf.read("i/big_2019.csv")
    assert (tmp_path / "kept" / "big" / "big_2019.csv").read_bytes() == file
    begins = range(0, len(file), PART)
    assert sorted(ranges_of(gateway)) == sorted(
        (206, f"bytes={at}-{min(at + PART, len(file) if at else PART) - 1}") for at in begins)
    big.check()
    gateway.clear()
    big.index("--sign", "--part-size", "64K").expect(0, "1 unchanged")
    assert asked(gateway) == [(CATALOG, 304, "first"), ("big_2019.csv", 304, "first")]


def test_change_between_ranges(big, gateway, tmp_path):
    """The parts of two versions are never put together: the server is asked for the same version, and then anew."""
    before = big.shelf.read("i/big_2019.csv")

    def change():
        big.shelf.write("i/big_2019.csv", before.replace(b"/data/", b"/DATA/"))
        big.shelf.publish()

    done = big.index_interrupted(8, change, "--sign", "--part-size", "64K", "--jobs", "1",
                                 "--keep-index", tmp_path / "kept")
    done.expect(0)
    statuses = [status for status, _ in ranges_of(gateway)]
    assert statuses.count(412) == 1 and len(statuses) > statuses.index(412) + len(before) // PART
    assert (tmp_path / "kept" / "big" / "big_2019.csv").read_bytes() == before.replace(b"/data/", b"/DATA/")
    big.check()


def test_deletion_between_ranges(big, gateway):
    done = big.index_interrupted(8, lambda: big.shelf.remove("i/big_2019.csv"), "--sign", "--part-size", "64K",
                                 "--jobs", "1", "--retries", "1")
    done.expect(0, "1 gaps", "rows      0 held")
    assert ranges_of(gateway)[-1][0] == 404
    big.check()


# ---- hosts and TLS


def test_virtual_host_over_tls(gateway, awkward, heliodex):
    user = User(heliodex, gateway, awkward, owner(gateway), url=f"https://s3.localhost:{gateway.tls_port}")
    virtual = ["--addressing-style", "virtual"]
    done = user.index(*virtual).expect(4, "certificate", "--ca-file")
    assert f"https://{awkward.name}.s3.localhost" in done.err
    other = make_authority(user.program.home)
    user.index(*virtual, "--ca-file", other.ca).expect(4, "certificate")
    gateway.clear()
    user.index(*virtual, "--ca-file", gateway.tls.ca).expect(0)
    assert asked(gateway)[0][1:] == (403, "anonymous") and names(asked(gateway), 206) == ["a_2019.csv"]
    user.index(*virtual, env={"AWS_CA_BUNDLE": gateway.tls.ca}).expect(0, "1 unchanged")
    user.index(*virtual, "--ca-file", gateway.tls.ca, env={"AWS_CA_BUNDLE": other.ca}).expect(0)
    user.index(*virtual, env={"AWS_CA_BUNDLE": other.ca}).expect(4, "certificate")


def test_path_style_over_tls(gateway, awkward, heliodex):
    for style in ("auto", "path"):
        user = User(heliodex, gateway, awkward, owner(gateway), url=gateway.tls_url)
        user.index("--ca-file", gateway.tls.ca, "--addressing-style", style).expect(0)


def test_connections_are_kept(gateway, tmp_path, heliodex):
    shelf = Shelf(gateway, "many-files", tmp_path).add("a", dict.fromkeys(range(1960, 2020), 1)).publish()
    user = User(heliodex, gateway, shelf, owner(gateway), url=gateway.tls_url)
    user.index("--sign", "--jobs", "4", "--ca-file", gateway.tls.ca, "--stats", tmp_path / "stats").expect(0)
    stats = json.loads((tmp_path / "stats").read_text())
    assert stats["requests"] == 62 and stats["connections"] <= 4, stats
    assert stats["connections_reused"] >= 58, stats
    user.check()


# ---- presigned URLs


def presigned(user, *arguments):
    """{key: URL} of the rows that may stand in a list, which the index names in the order of AWKWARD_KEYS."""
    done = user.query("a", "--offline", "--format", "urls", "-0", "--url-style", "presigned", *arguments)
    urls = done.raw.decode().split("\0")[:-1]
    base = urllib.parse.urlsplit(user.access[1])

    def key(url):
        parts = urllib.parse.urlsplit(url)
        path = urllib.parse.unquote(parts.path)
        return path[1:] if parts.hostname != base.hostname else path[len(user.shelf.name) + 2:]

    return {key(url): url for url in urls}, done


def curl(urls, folder):
    """What each URL gives to curl, without credentials: [(status, body)]."""
    config = "".join(f'url = "{url}"\noutput = "{folder}/{i}"\nwrite-out = "%{{http_code}}\\n"\n'
                     for i, url in enumerate(urls))
    done = subprocess.run(["curl", "-sS", "-q", "--globoff", "--path-as-is", "--noproxy", "*", "-K", "-"], input=config,
                          text=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    statuses = done.stdout.split()
    return [(int(status), (folder / str(i)).read_bytes()) for i, status in enumerate(statuses)]


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_presigned(gateway, awkward, heliodex, tmp_path, style):
    user = User(heliodex, gateway, awkward, owner(gateway), url=f"http://s3.localhost:{gateway.port}")
    user.index("--addressing-style", style).expect(0)
    gateway.clear()
    urls, done = presigned(user, "--addressing-style", style, "--expires", "2h")
    assert gateway.requests() == []
    done.expect(1, "4 of 37 rows are left out")
    hidden = [key for key in AWKWARD_KEYS if {".", ".."} & set(key.split("/")) or "\n" in key]  # no row has that one
    assert sorted([*urls, *hidden]) == sorted(AWKWARD_KEYS)
    assert {urllib.parse.urlsplit(url).hostname for url in urls.values()} == {
        "s3.localhost" if style == "path" else f"{awkward.name}.s3.localhost"}
    assert curl(urls.values(), tmp_path) == [(200, content(key)) for key in urls]
    assert {each.user for each in gateway.requests()} == {"first"}
    for url in urls.values():
        assert "&X-Amz-Expires=7200&" in url
        assert gateway.secret_key not in urllib.parse.unquote(url)


def test_presigned_urls_end(user, tmp_path):
    """The server judges by the time that the signature covers: it cannot be prolonged."""
    user.index().expect(0)
    urls, _ = presigned(user, "--expires", "1s", "--key", "plain.csv")
    url = urls["plain.csv"]
    assert "&X-Amz-Expires=1&" in url
    longer = url.replace("X-Amz-Expires=1&", "X-Amz-Expires=604800&")
    status, text = curl([longer], tmp_path)[0]
    assert status == 403 and b"SignatureDoesNotMatch" in text
    earlier = re.sub(r"X-Amz-Date=\d{8}T", "X-Amz-Date=20190101T", url)
    assert curl([earlier], tmp_path)[0][0] == 403
    other = url.replace("plain.csv", "tilde~")
    assert curl([other], tmp_path)[0][0] == 403


def test_presigned_for_aria2(user, gateway, tmp_path):
    user.index().expect(0)
    done = user.query("a", "--offline", "--format", "aria2", "--url-style", "presigned", "--key", "*e*")
    lines = done.lines
    urls, outs = lines[::2], [line.removeprefix("  out=") for line in lines[1::2]]
    assert "plain.csv" not in outs and "cafe\u0301" in outs and len(urls) == len(outs) > 5
    assert [body for _, body in curl(urls, tmp_path)] == [content(key) for key in outs]
    for secret in (gateway.secret_key, "X-Amz-Signature", "X-Amz-Credential"):
        assert secret not in done.err


def test_presigned_tells_nothing_on_standard_error(user, gateway, tmp_path):
    user.index().expect(0)
    output = tmp_path / "urls"
    done = user.query("a", "--offline", "--format", "urls", "-0", "--url-style", "presigned", "-o", output, "-vv",
                      "--progress", "json", "--stats", tmp_path / "stats")
    assert done.expect(1).out == "" and output.read_text().count("X-Amz-Signature=") > 20
    told = done.err + (tmp_path / "stats").read_text()
    assert gateway.secret_key not in told and "X-Amz" not in told and not re.search("[0-9a-f]{64}", told)


def test_what_cannot_be_presigned(user, gateway):
    user.index().expect(0)
    urls = ["--offline", "--format", "urls", "--url-style", "presigned"]
    user.query("a", *urls, "--expires", "8d").expect(2, "7d")
    user.query("a", *urls, "--expires", "0").expect(2)
    user.query("a", *urls, "--no-sign-request").expect(2)
    del user.credentials["AWS_ACCESS_KEY_ID"], user.credentials["AWS_SECRET_ACCESS_KEY"]
    done = user.query("a", *urls).expect(4, "no credentials")
    assert done.out == "" and "left out" not in done.err and done.err.count("\n") == 1


def test_presigned_with_another_region(user, tmp_path):
    user.index().expect(0)
    urls, _ = presigned(user, "--region", "eu-west-2", "--key", "plain.csv")
    scope = urllib.parse.parse_qs(urls["plain.csv"].split("?")[1])["X-Amz-Credential"][0].split("/")
    assert scope[2:] == ["eu-west-2", "s3", "aws4_request"]
    assert curl(urls.values(), tmp_path) == [(200, content("plain.csv"))]
