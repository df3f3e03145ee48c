"""The engine by itself (hdx-fetch): HEAD, signed and not, and objects in parts that come in any order."""

import datetime
import email.utils
import hashlib
import json
import random
import subprocess

import pytest

from answering import Answering
from gateway import AWKWARD_KEYS, missing
from origin import Behaviour, Origin
from s3_bucket import NOBODY, keys, owner
from servers import Nginx
from signature import verify

needs_gateway = pytest.mark.skipif(bool(missing()), reason=str(missing()))
KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1"
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"

SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>"


@pytest.fixture
def fetch(build):
    def run(*arguments, names=(), env={}, code=0):
        end = "\0" if "-b" in arguments else "\n"
        done = subprocess.run([build / "bench" / "hdx-fetch", *map(str, arguments)], capture_output=True, timeout=60,
                              input="".join(name + end for name in names).encode(), env=env)
        assert done.returncode == code, done
        *rows, last = map(json.loads, done.stdout.decode().splitlines())
        return sorted(rows, key=lambda row: row["object"]), last, done.stderr.decode()

    return run


@pytest.fixture
def origin():
    with Origin() as it:
        yield it


# ---- HEAD


@needs_gateway
@pytest.mark.parametrize("how", ["-s", "-a"])
def test_head_tells_what_a_real_server_knows(fetch, gateway, how):
    name = f"heads{how}"
    gateway.bucket(name, {key: b"content of " + key.encode() for key in AWKWARD_KEYS})
    gateway.clear()
    rows, _, _ = fetch("-b", name, "-e", gateway.url, how, "-h", names=[*AWKWARD_KEYS, "none"], env=owner(gateway), code=1)
    client = gateway.client()
    assert len(rows) == len(AWKWARD_KEYS)
    for row, key in zip(rows, AWKWARD_KEYS):
        known = client.head_object(Bucket=name, Key=key)
        assert (row["size"], f'"{row["etag"]}"') == (known["ContentLength"], known["ETag"])
    # What was put before may be logged late.
    asked = [each for each in gateway.requests() if each.user == "first" and each.method != "PUT"][:len(AWKWARD_KEYS) + 1]
    assert {each.method for each in asked} == {"HEAD"}
    assert sorted(each.status for each in asked) == [200] * len(AWKWARD_KEYS) + [404]
    refused = [each for each in gateway.requests() if each.user == NOBODY]
    assert bool(refused) == (how == "-a") and all((each.method, each.status) == ("HEAD", 403) for each in refused)


def test_head_is_signed_as_one(fetch):
    complaints = []

    def answer(request):
        complaints.extend(verify(request.method, request.target, request.headers, SECRET, REGION, key=KEY))
        assert request.method == "HEAD" and request.headers["x-amz-checksum-mode"] == "ENABLED"
        assert "x-amz-checksum-mode" in request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
        return 200, {"ETag": '"x"', "Content-Length": "5", "x-amz-checksum-crc32": "DUoRhQ=="}, b""

    with Answering(answer) as server:
        rows, last, _ = fetch("-b", "b", "-e", server.url, "-r", REGION, "-s", "-h", names=["key", "a b/c+d"],
                              env=keys(KEY, SECRET))
    assert complaints == []
    assert [row["crc32"] for row in rows] == ["DUoRhQ=="] * 2 and last["requests"] == 2


def test_a_refused_head_is_asked_by_get_why(fetch):
    """S3 says so in a body, and an answer to HEAD has none."""
    def answer(request):
        return 400, {"Content-Type": "application/xml"}, EXPIRED if request.method == "GET" else b""

    with Answering(answer) as server:
        _, _, said = fetch("-b", "b", "-e", server.url, "-r", REGION, "-s", "-h", names=["key"], env=keys(KEY, SECRET),
                           code=1)
        assert [request.method for request in server.requests()] == ["HEAD", "GET"]
    assert "ExpiredToken" in said and SECRET not in said


def test_a_clock_that_is_wrong_is_found_out_by_head(fetch):
    def answer(request):
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=3)
        asked = datetime.datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%S%z")
        headers = {"Date": email.utils.format_datetime(now.astimezone(datetime.timezone.utc), usegmt=True)}
        if abs(now - asked) < datetime.timedelta(minutes=15):
            return 200, headers | {"ETag": '"x"', "Content-Length": "5"}, b""
        return 403, headers, SKEWED if request.method == "GET" else b""

    with Answering(answer) as server:
        rows, _, _ = fetch("-b", "b", "-e", server.url, "-r", REGION, "-s", "-h", names=["key"], env=keys(KEY, SECRET))
        assert [request.method for request in server.requests()] == ["HEAD", "GET", "HEAD"]
    assert [row["size"] for row in rows] == [5]


def test_a_get_in_place_of_a_head_brings_nothing(fetch):
    def answer(request):
        return (403, {}, b"") if request.method == "HEAD" else (200, {"ETag": '"x"'}, bytes(100_000))

    with Answering(answer) as server:
        rows, last, _ = fetch("-b", "b", "-e", server.url, "-r", REGION, "-s", "-h", names=["key"],
                              env=keys(KEY, SECRET))
    assert [row["size"] for row in rows] == [100_000] and last["bytes"] == 0


def test_head_follows_redirects(fetch, origin):
    origin.put("/b/x", bytes(1000))
    origin.always("/b/old", Behaviour(status=302, headers={"Location": f"{origin.url}/b/x"}))
    rows, _, _ = fetch("-h", names=[f"{origin.url}/b/old"])
    assert [row["size"] for row in rows] == [1000]
    assert [request.method for request in origin.requests()] == ["HEAD", "HEAD"]


def test_head_of_a_file(fetch, tmp_path):
    (tmp_path / "x").write_bytes(bytes(12345))
    rows, last, said = fetch("-h", names=[f"file://{tmp_path}/x", f"file://{tmp_path}/none"], code=1)
    assert [row["size"] for row in rows] == [12345] and last["failed"] == 1 and "none" in said


# ---- parts in any order


def digests(folder):
    return {int(path.name): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def make_objects(folder):
    """Sizes about those of parts and of blocks."""
    random.seed(5)
    sizes = [0, 1, 65535, 65536, 65537, 262144, 1 << 20, 3_000_001, 20_000_003] + [random.randrange(200_000) for _ in range(60)]
    for number, size in enumerate(sizes):
        (folder / str(number)).write_bytes(random.randbytes(size))
    return [str(number) for number in range(len(sizes))]


@pytest.mark.parametrize("size", [0, 65536])
def test_scattered_objects_of_nginx(fetch, tmp_path, size):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir(), out.mkdir()
    names = make_objects(source)
    with Nginx(source, tmp_path / "nginx") as nginx:
        fetch("-u", "-p", 65536, "-z", size, "-o", out, names=[f"{nginx.url}/{name}" for name in names])
    assert digests(out) == digests(source)


@needs_gateway
def test_scattered_objects_of_a_real_s3_server(fetch, gateway, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir(), out.mkdir()
    names = make_objects(source)
    gateway.bucket("scattered", {name: (source / name).read_bytes() for name in names})
    fetch("-b", "scattered", "-e", gateway.url, "-s", "-u", "-p", 65536, "-o", out, names=names, env=owner(gateway))
    assert digests(out) == digests(source)


def test_scattered_parts_survive_a_bad_network(fetch, origin, tmp_path):
    """Cuts, wrong ranges, wrong lengths and errors, no more of each object than one part has retries."""
    random.seed(7)
    contents = [random.randbytes(random.randrange(1, 600_000)) for _ in range(20)]
    for number, content in enumerate(contents):
        faults = [Behaviour(cut=random.randrange(60_000), cut_by="fin"), Behaviour(status=500), Behaviour(cut=-1),
                  Behaviour(headers={"Content-Range": "bytes 1-2/3"}), Behaviour(length=10)]
        script = random.sample(faults, 3) + [None] * 6
        random.shuffle(script)
        origin.put(f"/b/{number}", content)
        origin.script(f"/b/{number}", *script)
    _, last, _ = fetch("-u", "-p", 65536, "-j", 8, "-o", tmp_path, names=[f"{origin.url}/b/{n}" for n in range(20)])
    assert last["retries"] > 20
    for number, content in enumerate(contents):
        assert (tmp_path / str(number)).read_bytes() == content, number
