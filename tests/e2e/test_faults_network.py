"""Names, connections, proxies and throttles: what index runs, mirrors and cat make of a bad way to a good server."""

import collections
import json
import re
import shutil
import socket
import statistics
import subprocess
import time

import pytest

from conftest import TINY
from mirror import content, partial, report, tree
from origin import Behaviour, Origin
from servers import make_authority

KEY = "data/a.cdf"
PATH = f"/{TINY}/{KEY}"
DIGITS = re.compile(r"again in (\d+) ms")


@pytest.fixture
def one(tiny, client):
    tiny.add("one", {2019: 40})
    return client


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


# ---- names and connections


@pytest.mark.parametrize("verb", ["mirror", "cat"])
def test_01_name_of_a_file_that_does_not_resolve(heliodex, tmp_path, verb):
    """It is told with each file, and waited for once: a host that is not there takes all its files along."""
    listed = tmp_path / "list"
    listed.write_text("".join(f"http://nowhere.invalid/b/{i}\n" for i in range(100)))
    more = ["--dest", tmp_path / "dest"] if verb == "mirror" else []
    done = heliodex(verb, "--keys-from", listed, "--retries", "0", "--report", tmp_path / "r", *more)
    done.expect(5, "nowhere.invalid", "is the name right, and is there a network?")
    lines = report(tmp_path / "r")
    assert len(lines) == 100 and {(line["state"], line["exit"]) for line in lines.values()} == {("failed", 5)}


def test_02_waits_between_attempts_are_drawn_by_lot(tiny, client):
    """A crowd of clients does not come back at one moment."""
    years = range(1980, 2020)
    tiny.add("a", {year: 3 for year in years})
    for year in years:
        tiny.origin.script(tiny.path("a", year), Behaviour(cut=-1, cut_by="fin"), Behaviour(cut=-1, cut_by="fin"))
    done = client.index("-vv", "--max-connections-per-host", "8").expect(0)
    waits = [int(wait) for wait in DIGITS.findall(done.err)]
    assert len(waits) >= 40 and max(waits) <= 200
    assert len(set(waits)) > 15 and statistics.pstdev(waits) > 15
    client.check()


def test_02_connections_that_are_reset_before_tls(heliodex, one, tmp_path):
    authority = make_authority(tmp_path)
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        access = ["index", one.bucket, "--endpoint-url", safe.url, "--ca-file", authority.ca]
        safe.refuse(3)
        heliodex(*access).expect(0, "3 retried")
        safe.refuse(1000)
        heliodex(*access, "--retries", "2", "--store", tmp_path / "other").expect(5, "(3 attempts)")


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 5000, b"HTTP/1.1 abc\r\n\r\n",
                                 b"HTTP/1.1 200 OK\r\n"])
def test_02_what_is_no_http_is_no_answer(one, raw):
    path = one.tiny.path("one", 2019)
    one.tiny.origin.script(path, Behaviour(raw=raw))
    one.index().expect(0, "1 retried")
    one.check()
    one.tiny.origin.always(path, Behaviour(raw=raw))
    one.index("--retries", "1", "--store", one.program.home / "other").expect(5, "one_2019.csv", "(2 attempts)")


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_03_cat_goes_on_from_every_byte(archive, cat, how):
    size = 64
    files = {f"data/{k:02}": content(size, k) for k in range(size)}
    archive.dataset("d", files)
    for k in range(size):
        archive.tiny.origin.script(f"/{TINY}/data/{k:02}", Behaviour(cut=k, cut_by=how))
    assert cat("d").expect(0).raw == b"".join(files.values())
    for k in range(1, size):
        first, second = archive.asked(f"data/{k:02}")
        assert second.headers["range"] == f"bytes={k}-{size - 1}" and second.headers["if-match"]
        assert first.sent + second.sent == size


def test_03_catalogs_go_on_from_every_byte(heliodex):
    """As many buckets as a catalog has bytes, each cut at another one, and the registry at half its length."""
    entry = {"id": "set", "index": "s3://b/i/", "title": "The sun", "start": "2019", "stop": "2020"}
    catalog = json.dumps({"status": 1200, "catalog": [entry]}).encode()
    with Origin() as origin:
        names = [f"bucket-{k:03}" for k in range(len(catalog))]
        for k, name in enumerate(names):
            origin.put(f"/{name}/catalog.json", catalog)
            origin.script(f"/{name}/catalog.json", Behaviour(cut=k, cut_by="fin"))
        entries = [{"name": name, "endpoint": f"s3://{name}/", "region": "us-east-1"} for name in names]
        origin.put("/registry.json", json.dumps({"registry": entries}).encode())
        origin.script("/registry.json", Behaviour(cut=5000, cut_by="fin"))
        done = heliodex("search", "sun", "--registry", f"{origin.url}/registry.json", "--endpoint-url", origin.url,
                        "--format", "csv").expect(0)
        assert len(done.lines) == 1 + len(names)
        for k, name in list(enumerate(names))[1:]:
            first, second = origin.of(f"/{name}/catalog.json")
            assert first.sent == k and second.sent == len(catalog) - k and second.headers["if-match"]


# ---- silence and drips


def test_04_cat_asks_again_on_another_connection(archive, cat):
    files = {KEY: content(100_000, 1)}
    archive.dataset("d", files)
    archive.tiny.origin.script(PATH, Behaviour(stall=5000))
    done = cat("d", "--stall-time", "1s").expect(0, "warning", "asking again on another connection")
    assert done.raw == files[KEY]
    first, second = archive.asked(KEY)
    assert first.connection != second.connection and second.headers["range"].startswith("bytes=5000-")


def test_05_a_drip_is_ended_and_what_came_is_kept(one):
    """Some bytes again and again, but fewer than any packet has: each attempt goes on where the one before ended."""
    path = one.tiny.path("one", 2019)
    size = len(one.tiny.read(path))
    one.tiny.origin.script(path, *[Behaviour(drip=(20, 0.05))] * 3)
    done = one.index("--stall-time", "900ms").expect(0, "warning", "only ", "asking again on another connection",
                                                     "3 retried")
    assert "no byte" not in done.err
    asked = one.tiny.origin.of(path)
    assert len({request.connection for request in asked}) == 4
    begins = [int(re.match(r"bytes=(\d+)-", request.headers["range"])[1]) for request in asked]
    assert begins[0] == 0 and begins == sorted(set(begins)) and all(request.sent < size / 4 for request in asked[:3])
    assert asked[-1].sent == size - begins[-1]
    one.check()


def test_05_a_drip_without_end_ends_a_mirror_that_can_be_gone_on_with(archive, mirror):
    files = {KEY: content(3 << 20, 1)}
    archive.dataset("d", files)
    archive.tiny.origin.script(PATH, None, None, None)  # HEAD and two parts
    archive.tiny.origin.always(PATH, Behaviour(drip=(20, 0.05)))
    impatient = ["--part-size", "1M", "--jobs", "1", "--stall-time", "300ms", "--retries", "3"]
    mirror("d", *impatient).expect(5, KEY, "(4 attempts)")
    assert tree(mirror.dest) == {} and len(partial(mirror.dest)) == 1
    came = sum(request.sent for request in archive.asked(KEY))
    archive.tiny.origin.clear()
    archive.tiny.origin.always(PATH, None)
    mirror("d").expect(0, "1 resumed")
    assert tree(mirror.dest) == files
    # What the origin had sent last may have met a closed connection.
    assert came > 2 << 20 and (3 << 20) - came <= sum(request.sent for request in archive.asked(KEY)) <= 1 << 20


def test_05_a_head_that_drips_is_ended(one):
    path = one.tiny.path("one", 2019)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        one.tiny.origin.script(path, Behaviour(status=302, body=b"", headers={
            "Location": f"http://127.0.0.1:{listener.getsockname()[1]}/x"}))
        process = one.program.start("index", one.bucket, *one.access, "--stall-time", "300ms", "--retries", "1")
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while process.poll() is None:
                        connection.sendall(b"X-More: 1\r\n")
                        time.sleep(0.05)
                except OSError:
                    pass  # it has gone
        out, err = process.communicate(timeout=30)
    one.program.finished(["index"], process.returncode, out, err).expect(5, "only ", "(2 attempts)")


# ---- certificates


@pytest.mark.parametrize("what", ["unknown", "expired", "of another name"])
@pytest.mark.parametrize("verb", ["index", "mirror"])
def test_06_no_second_attempt_with_a_certificate_that_is_wrong(heliodex, one, tmp_path, what, verb):
    names = ["elsewhere.example"] if what == "of another name" else ["127.0.0.1"]
    authority = make_authority(tmp_path, days=-1 if what == "expired" else 2, names=names)
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        options = [] if what == "unknown" else ["--ca-file", authority.ca]
        if verb == "mirror":
            (tmp_path / "list").write_text(f"{safe.url}/{TINY}/catalog.json\n")
            arguments = ["mirror", "--keys-from", tmp_path / "list", "--dest", tmp_path / "dest"]
        else:
            arguments = ["index", one.bucket, "--endpoint-url", safe.url]
        done = heliodex(*arguments, *options, "-vv")
        done.expect(4, "certificate", "--ca-file", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE")
        assert not DIGITS.search(done.err) and safe.connections == 1 and not safe.requests()


# ---- proxies


class Proxy:
    """tinyproxy on a free port."""

    def __init__(self, folder, more=""):
        self.port, self.folder = free_port(), folder
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "tinyproxy.conf").write_text(
            f"Port {self.port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 100\nLogFile \"{folder}/tinyproxy.log\"\n"
            f"LogLevel Connect\n{more}\n")

    def __enter__(self):
        self.process = subprocess.Popen([shutil.which("tinyproxy"), "-d", "-c", self.folder / "tinyproxy.conf"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.01)
        raise RuntimeError("tinyproxy does not start")

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(10)


needs_tinyproxy = pytest.mark.skipif(not shutil.which("tinyproxy"), reason="tinyproxy is not installed")


@pytest.fixture(params=["http", "https"])
def behind(request, one, tmp_path):
    """Arguments of an index run of an origin, to be asked through a proxy; the variable that names it."""
    authority = make_authority(tmp_path) if request.param == "https" else None
    with Origin(one.tiny.folder, tls=authority and authority.context()) as origin:
        one.access = ["--endpoint-url", origin.url, *(["--ca-file", authority.ca] if authority else [])]
        one.variable, one.origin = f"{request.param}_proxy", origin
        yield one


@needs_tinyproxy
def test_07_through_a_real_proxy(behind, tmp_path):
    with Proxy(tmp_path) as proxy:
        behind.index(env={behind.variable: proxy.url}).expect(0)
        assert behind.origin.requests() and f"127.0.0.1:{behind.origin.port}" in (tmp_path / "tinyproxy.log").read_text()
    behind.check()


@needs_tinyproxy
def test_07_a_real_proxy_that_wants_a_password(behind, tmp_path):
    """It is not asked again; with the password it does, which stands in no message."""
    with Proxy(tmp_path, "BasicAuth somebody hunter2hunter2") as proxy:
        done = behind.index("-vv", env={behind.variable: proxy.url})
        done.expect(4, "proxy", behind.variable, f"127.0.0.1:{proxy.port}", "407")
        assert not DIGITS.search(done.err) and behind.origin.requests() == []
        own = proxy.url.replace("//", "//somebody:hunter2hunter2@")
        done = behind.index("-vv", env={behind.variable: own}).expect(0)
        assert "hunter2hunter2" not in done.err
        wrong = proxy.url.replace("//", "//somebody:secret-secret@")
        done = behind.index("-vv", "--store", tmp_path / "other", env={behind.variable: wrong}).expect(4, "proxy")
        assert "secret-secret" not in done.err


def test_07_a_proxy_that_is_down_is_named(behind):
    down = f"http://somebody:hunter2hunter2@127.0.0.1:{free_port()}"
    done = behind.index("--retries", "1", env={behind.variable: down})
    done.expect(5, "proxy", behind.variable, down.rsplit("@", 1)[1], "(2 attempts)")
    assert "hunter2hunter2" not in done.err and behind.origin.requests() == []


# ---- throttles


def at_once(requests, at):
    """How many of the requests were under way at a moment."""
    return sum(request.begun <= at < request.ended for request in requests)


@pytest.mark.parametrize("status", [429, 503])
def test_15_p6_a_refusal_halves_how_many_are_asked_at_once(tiny, client, status):
    """Answers take a while, so that as many are under way as may be; the refusal comes in the middle of them."""
    years = range(1700, 2020)
    tiny.add("a", {year: 1 for year in years})
    for year in years:
        tiny.origin.always(tiny.path("a", year), Behaviour(delay=0.15))
    for year in range(1860, 1868):  # within one burst, which counts once
        tiny.origin.script(tiny.path("a", year), Behaviour(status=status))
    client.index("--max-connections-per-host", "32", "--discover", "probe").expect(0)
    requests = tiny.origin.requests()
    refused = [request for request in requests if request.status == status]
    assert len(refused) == 8
    before = max(at_once(requests, request.begun) for request in requests if request.begun < refused[0].begun)
    settled = max(request.ended for request in refused) + 0.4
    after = [at_once(requests, request.begun) for request in requests if request.begun > settled]
    assert before == 32 and len(after) > 50
    # Half of 32, one more in each round of answers, and what a busy origin has not yet noted as ended.
    assert max(after[:20]) <= 24 and max(after) < 32
    client.check()


def test_15_p6_a_token_bucket_gets_what_it_gives(archive, mirror):
    """Nothing is lost, and once it has found out, hardly anything is asked for that would be refused."""
    files = {f"data/{i:04}.cdf": content(200, i) for i in range(900)}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    archive.tiny.origin.throttle(rate=200, burst=50, below=f"/{TINY}/data/")
    mirror("d", "--retries", "30").expect(0, "900 fetched")
    assert tree(mirror.dest) == files
    asked = [request for request in archive.tiny.origin.requests() if request.path.startswith(f"/{TINY}/data/")]
    statuses = collections.Counter(request.status for request in asked)
    assert statuses[503] and statuses[206] + statuses[200] == 900
    assert asked[-1].ended - asked[0].begun >= (900 - 50) / 200 - 0.1
    late = [request for request in asked if request.begun > asked[0].begun + 2]
    assert len(late) > 200 and sum(request.status == 503 for request in late) <= len(late) / 10


def test_15_mirror_waits_as_long_as_it_is_asked_to(archive, mirror):
    archive.dataset("d", {KEY: content(1000, 1)})
    archive.tiny.origin.script(PATH, Behaviour(status=429, headers={"Retry-After": "1"}))
    mirror("d").expect(0)
    first, second = archive.asked(KEY)
    assert second.begun - first.ended >= 0.9


@pytest.mark.parametrize("verb", ["index", "mirror", "cat"])
def test_16_the_summary_says_how_often_was_retried(archive, mirror, cat, verb):
    archive.dataset("d", {KEY: content(1000, 1)})
    burst = [Behaviour(status=status) for status in (500, 502, 504, 503)]
    archive.tiny.origin.script(archive.tiny.path("d", 2020) if verb == "index" else PATH, *burst)
    if verb == "index":
        mirror.client.index().expect(0, "4 retried")
        mirror.client.check()
    else:
        (mirror if verb == "mirror" else cat)("d").expect(0, "4 retried")


def test_p6_mirrors_keep_to_the_connections_of_each_host(archive, mirror, tmp_path):
    """Of two hosts, each has its own."""
    files = {f"data/{i:02}.cdf": content(300_000, i) for i in range(24)}
    archive.dataset("d", files)
    with Origin() as other:
        listed = tmp_path / "list"
        for i, (key, data) in enumerate(files.items()):
            (archive.tiny.origin if i % 2 else other).put(f"/b/{i}", data)
        listed.write_text("".join(f"{(archive.tiny.origin if i % 2 else other).url}/b/{i}\n" for i in range(24)))
        for origin in (archive.tiny.origin, other):
            for i in range(24):
                origin.always(f"/b/{i}", Behaviour(delay=0.03))
        mirror("--keys-from", listed, "--max-connections-per-host", "3", "--part-size", "64K", bucket=[]).expect(0)
        assert sorted(tree(mirror.dest).values()) == sorted(files.values())
        for origin in (archive.tiny.origin, other):
            assert origin.connections_max <= 3 and origin.requests_max == 3 and origin.connections <= 6
