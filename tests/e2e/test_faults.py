"""What may happen on the way from a server: each fault ends in the right rows, or in a clean failure that is told.

Every test compares what is held afterwards with the reference, so that no fault leads to a wrong row.
"""

import email.utils
import json
import os
import re
import socket
import time

import pytest

from conftest import TINY
from origin import Behaviour, Origin
from servers import make_authority

ONE = f"/{TINY}/i/one_2019.csv"
FAST = ["--retries", "3"]


@pytest.fixture
def one(tiny, client):
    """A bucket with one dataset of one year; the client for it."""
    tiny.add("one", {2019: 40})
    return client


@pytest.fixture
def large(tiny, client):
    """One index file of six parts."""
    tiny.add("one", {2019: 4200})
    assert 5 * 65536 < len(tiny.read(ONE)) < 6 * 65536
    client.access += ["--part-size", "64K"]
    return client


def statuses(client, path=ONE):
    return [request.status for request in client.tiny.origin.of(path)]


# ---- retries


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_16_passing_errors_are_retried(one, tmp_path, status):
    one.tiny.origin.script(ONE, Behaviour(status=status), Behaviour(status=status))
    one.index("--stats", tmp_path / "stats").expect(0)
    assert statuses(one)[:2] == [status] * 2 and statuses(one)[2] in (200, 206)
    assert json.loads((tmp_path / "stats").read_text())["retries"] == 2
    one.check()


@pytest.mark.parametrize("status", [429, 503])
def test_15_retry_after_is_respected(one, status):
    one.tiny.origin.script(ONE, Behaviour(status=status, headers={"Retry-After": "2"}))
    one.index().expect(0)
    first, second = one.tiny.origin.of(ONE)
    assert second.begun - first.ended >= 1.9
    one.check()


def test_15_retry_after_may_be_a_date(one):
    until, clock = int(time.time()) + 4, time.time() - time.monotonic()
    one.tiny.origin.script(ONE, Behaviour(status=503, headers={"Retry-After": email.utils.formatdate(until, usegmt=True)}))
    one.index().expect(0)
    _, second = one.tiny.origin.of(ONE)
    assert clock + second.begun >= until - 0.1
    one.check()


@pytest.mark.parametrize("after, options, told", [
    (301, [], "(1 attempt; the server asks to wait 301 s, and no more than 300 s are waited)"),
    (20, ["--retry-max-time", "10s"], "(1 attempt; the server asks to wait 20 s, longer than --retry-max-time allows)"),
    (2, ["--retries", "0"], "(1 attempt)"),
])
def test_15_a_wait_that_is_too_long_is_told(one, after, options, told):
    one.tiny.origin.always(ONE, Behaviour(status=503, headers={"Retry-After": str(after)}))
    one.index(*options).expect(5, "one_2019.csv", told)
    assert statuses(one) == [503]


def test_16_attempts_that_end_for_lack_of_time_say_so(one):
    one.tiny.origin.always(ONE, Behaviour(status=500))
    one.index("--retry-max-time", "1s", "--retries", "1000").expect(5, "attempts; --retry-max-time is over)")
    assert len(statuses(one)) > 1


def test_a_proxy_that_asks_for_a_password_is_told(one):
    one.tiny.origin.always(ONE, Behaviour(status=407, body=b"<html>please log in</html>"))
    done = one.index()
    assert done.code not in (0, 70), done
    assert "407" in done.err and "the proxy asks for a user and password" in done.err, done


def test_18_ranges_of_an_object_without_a_size_are_not_put_together(large):
    size = len(large.tiny.read(ONE))
    large.tiny.origin.script(ONE, Behaviour(headers={"Content-Range": "bytes 0-65535/*"}))
    large.index().expect(0)
    assert statuses(large)[:2] == [206, 200] and large.tiny.origin.of(ONE)[-1].sent == size
    large.check()


@pytest.mark.parametrize("size", [100, 70_000, 2 << 20])
def test_16_retries_are_bounded(one, size):
    """However long the page is that a server makes of its error: it is no part of the object."""
    one.tiny.origin.always(ONE, Behaviour(status=503, body=b"x" * size))
    one.index(*FAST).expect(5, "one_2019.csv", "503")
    assert statuses(one) == [503] * 4


def test_what_is_no_passing_error_is_not_retried(one):
    one.tiny.origin.always(ONE, Behaviour(status=400))
    one.index(*FAST).expect(7, "400")
    assert statuses(one) == [400]


def test_02_reset_before_the_headers(one):
    one.tiny.origin.script(ONE, Behaviour(cut=-1), Behaviour(cut=-1, cut_by="fin"), Behaviour(cut=-1))
    one.index().expect(0)
    assert len(statuses(one)) == 4
    one.check()


def test_02_reset_for_ever_is_told_with_a_count(one):
    one.tiny.origin.always(ONE, Behaviour(cut=-1))
    one.index(*FAST).expect(5, "one_2019.csv", "(4 attempts)")
    # libcurl asks once more by itself where a connection that was kept alive turns out to be dead.
    assert len(statuses(one)) in (4, 5)


def test_02_refused(heliodex):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    heliodex("index", f"http://127.0.0.1:{port}/b/", "--retries", "1").expect(5, f"127.0.0.1:{port}", "(2 attempts)")


def test_01_name_that_does_not_resolve(heliodex):
    done = heliodex("index", "http://nowhere.invalid/b/", "--retries", "0")
    done.expect(5, "nowhere.invalid", "is the name right, and is there a network?")


# ---- bodies that are cut, stall or drip


def test_03_cut_body_goes_on_where_it_stopped(tiny, client):
    """Every k of a small file: as many years, each with its own k."""
    content = {year: 2 for year in range(1960, 2020)}
    for name in ("a", "b", "c"):
        tiny.add(name, content)
    paths = [tiny.path(name, year) for name in ("a", "b", "c") for year in content]
    size = len(tiny.read(paths[0]))
    assert len(paths) > size
    for k, path in enumerate(paths[:size]):
        tiny.origin.script(path, Behaviour(cut=k, cut_by="rst" if k % 2 else "fin"))
    client.index().expect(0)
    for k, path in enumerate(paths[1:size], 1):
        first, second = tiny.origin.of(path)
        begin = int(re.match(r"bytes=(\d+)-", second.headers["range"])[1])
        assert first.sent == k and second.status == 206 and second.sent == size - begin
        # A reset may overtake the last bytes before it.
        assert begin == k or (k % 2 and begin < k)
        assert "if-match" in second.headers or begin == 0
    client.check()


def test_03_cut_again_and_again(large):
    large.tiny.origin.script(ONE, *[Behaviour(cut=k, cut_by="fin") for k in (1000, 30000, 65535, 7, 1, 20000)])
    large.index().expect(0)
    size = len(large.tiny.read(ONE))
    assert sum(request.sent for request in large.tiny.origin.of(ONE)) == size  # no byte twice
    large.check()


@pytest.mark.parametrize("k", [-1, 0, 100])
def test_04_stall_ends_the_attempt(one, k):
    one.tiny.origin.script(ONE, Behaviour(stall=k))
    one.index("--stall-time", "900ms").expect(0, "warning", "one_2019.csv: ",
                                               "came for 0.9 s: asking again on another connection")
    first, second = one.tiny.origin.of(ONE)
    assert first.connection != second.connection
    if k > 0:
        assert second.headers["range"].startswith(f"bytes={k}-")
    one.check()


def test_04_stall_for_ever(one):
    one.tiny.origin.always(ONE, Behaviour(stall=0))
    one.index("--stall-time", "200ms", "--retries", "2").expect(5, "one_2019.csv")
    assert len(statuses(one)) == 3


def test_05_slow_drip_is_not_a_stall(tiny, client):
    """It takes longer than the stall time; a single drip within that is enough."""
    tiny.add("one", {2019: 400})
    tiny.origin.script(ONE, Behaviour(drip=(len(tiny.read(ONE)) // 30, 0.05)))
    client.index("--stall-time", "1s").expect(0)
    assert len(statuses(client)) == 1
    client.check()


# ---- objects that change, answers that lie


def parts_of(large):
    """The requests for further parts of the large file."""
    return [r for r in large.tiny.origin.of(ONE) if not r.headers.get("range", "bytes=0-").startswith("bytes=0-")]


def test_large_file_comes_in_guarded_parts(large):
    large.index().expect(0)
    assert statuses(large) == [206] * 6
    assert len(parts_of(large)) == 5 and all("if-match" in r.headers for r in parts_of(large))
    large.check()


def changed(tiny):
    lines = tiny.read(ONE).decode().splitlines(keepends=True)
    return "".join(lines[:1000] + ["2019-06-01T12:00:00Z,2019-06-01T12:00:01Z,new,1\n"] + lines[1000:]).encode()


def test_14_object_changes_between_parts(large):
    """412, then the whole file anew."""
    new = changed(large.tiny)
    large.tiny.origin.script(ONE, None, None, Behaviour(replace=new))
    large.index().expect(0)
    assert 412 in statuses(large)
    large.tiny.write(ONE, new)
    large.check()


def test_14_other_etag_in_a_part(large):
    """A server that does not know If-Match."""
    new = changed(large.tiny)
    large.tiny.origin.script(ONE, None, Behaviour(replace=new, ignore_conditions=True),
                             *[Behaviour(ignore_conditions=True)] * 4)
    large.index().expect(0)
    large.tiny.write(ONE, new)
    large.check()


def test_13_object_shrinks_between_parts(large):
    short = b"".join(large.tiny.read(ONE).splitlines(keepends=True)[:100])
    large.tiny.origin.script(ONE, None, Behaviour(replace=short, ignore_conditions=True),
                             *[Behaviour(ignore_conditions=True)] * 4)
    large.index().expect(0)
    assert 416 in statuses(large)
    large.tiny.write(ONE, short)
    large.check()


def test_13_object_that_goes_on_shrinking(large):
    """It is long at the beginning of an attempt, and short afterwards."""
    long = large.tiny.read(ONE)
    short = b"".join(long.splitlines(keepends=True)[:100])
    turns = [Behaviour(replace=content, ignore_conditions=True) for content in (long, short)]
    large.tiny.origin.script(ONE, *turns * 10)
    large.index(*FAST, "--jobs", "1").expect(7, "one_2019.csv", "changed while it was fetched (status 416)")
    assert statuses(large) == [206, 416] * 2  # anew once


def test_14_object_that_never_holds_still(large):
    contents = [changed(large.tiny) + b"2019-12-31T12:00:00Z,2019-12-31T12:00:01Z,end,%d\n" % i for i in range(200)]
    large.tiny.origin.script(ONE, *[Behaviour(replace=content) for content in contents])
    large.index(*FAST).expect(7, "one_2019.csv", "changed")
    assert len(statuses(large)) < 60
    assert sum(r.headers["range"].startswith("bytes=0-") for r in large.tiny.origin.of(ONE)) == 2  # anew once


def test_14_object_that_changes_while_cut(one):
    """What came of the old object is not mixed with the new."""
    new = one.tiny.read(ONE).replace(b",1000\n", b",1001\n")
    one.tiny.origin.script(ONE, Behaviour(cut=700), Behaviour(replace=new))
    one.index().expect(0)
    one.tiny.write(ONE, new)
    one.check()


def test_17_ranges_that_are_ignored(large):
    large.tiny.origin.always(ONE, Behaviour(ignore_range=True))
    large.index().expect(0)
    assert statuses(large) == [200]
    large.check()


def test_17_whole_object_in_place_of_a_later_part(large):
    large.tiny.origin.script(ONE, None, Behaviour(ignore_range=True), None, Behaviour(ignore_range=True))
    large.index().expect(0)
    large.check()


def test_17_cut_where_ranges_are_ignored(one):
    """Nothing can be resumed: the file is fetched anew."""
    one.tiny.origin.script(ONE, Behaviour(cut=500, ignore_range=True), Behaviour(ignore_range=True))
    one.index().expect(0)
    one.check()


def test_17_cut_for_ever_where_ranges_are_ignored(large):
    """What cannot be gone on with is no progress, however much came."""
    large.tiny.origin.always(ONE, Behaviour(cut=100_000, ignore_range=True))
    large.index(*FAST).expect(5, "one_2019.csv", "4 attempts")
    assert len(statuses(large)) < 12


LIES = {
    "wrong place": {"Content-Range": "bytes 7-65542/346754"},
    "wrong total": {"Content-Range": "bytes 0-65535/999"},
    "other unit": {"Content-Range": "lines 0-65535/999"},
    "no numbers": {"Content-Range": "bytes a-b/c"},
    "missing": {"Content-Range": None},
    "absurd": {"Content-Range": "bytes 0-65535/99999999999999999999999"},
}


@pytest.mark.parametrize("lie", LIES)
def test_18_wrong_content_range(large, lie):
    large.tiny.origin.script(ONE, Behaviour(headers=LIES[lie]))
    large.index().expect(0)
    large.check()
    large.tiny.origin.clear()
    large.tiny.origin.always(ONE, Behaviour(headers=LIES[lie], ignore_conditions=True))
    large.program.store = large.program.home / "other"
    large.index(*FAST, "--store", large.program.store).expect(7, "one_2019.csv", "range")
    assert not list(large.program.store.rglob("*.hdx")) or large.query("one", "--offline", "--store", large.program.store).code


@pytest.mark.parametrize("difference", [10, -10])
def test_18_19_length_that_lies(one, difference):
    size = len(one.tiny.read(ONE))
    lie = Behaviour(length=size + difference)
    one.tiny.origin.script(ONE, lie)
    one.index().expect(0)
    one.check()
    one.tiny.origin.always(ONE, Behaviour(length=size + difference, ignore_conditions=True))
    store = one.program.home / "other"
    one.index(*FAST, "--store", store).expect(7, "one_2019.csv", "Content-Length and Content-Range differ")
    assert one.query("one", "--offline", "--store", store).code != 0


def test_18_no_length_at_all(one):
    one.tiny.origin.always(ONE, Behaviour(headers={"Content-Length": None}, close=True, ignore_range=True))
    one.index().expect(0)
    one.check()


def test_18_chunked(one):
    one.tiny.origin.always(ONE, Behaviour(chunked=True, ignore_range=True))
    one.index().expect(0)
    one.check()


def test_22_encoding_that_nobody_asked_for(one):
    one.tiny.origin.always(ONE, Behaviour(headers={"Content-Encoding": "gzip"}))
    one.index().expect(0)
    assert all("accept-encoding" not in request.headers for request in one.tiny.origin.requests())
    one.check()


@pytest.mark.parametrize("page", [b"<!DOCTYPE html>\n<html><body>Please log in, now, here, 5</body></html>\n",
                                  b"<?xml version='1.0'?><Error/>", b"PAR1\0\0\0\0", b"PK\3\4"])
def test_20_page_in_place_of_an_index_file(one, page):
    one.tiny.origin.always(ONE, Behaviour(body=page))
    one.index(*FAST).expect(7, "one_2019.csv")
    assert len(statuses(one)) == 1


# ---- servers that say little of their objects

VALIDATORS = {
    "weak tag": {"ETag": 'W/"x"'},
    "weak tag alone": {"ETag": 'W/"x"', "Last-Modified": None},
    "date alone": {"ETag": None},
    "neither": {"ETag": None, "Last-Modified": None},
}


@pytest.mark.parametrize("what", VALIDATORS)
def test_any_validators(large, what):
    """Ranges, a cut and a second run; what cannot be asked conditionally is fetched again. Ranges of what has neither
    tag nor date could be of several versions: it comes whole."""
    headers = VALIDATORS[what]
    large.tiny.origin.script(ONE, Behaviour(headers=headers), Behaviour(headers=headers, cut=500))
    large.tiny.origin.always(ONE, Behaviour(headers=headers))
    large.index().expect(0)
    large.check()
    large.tiny.origin.clear()
    large.index().expect(0)
    assert set(statuses(large)) == ({200, 206} if what == "neither" else {304})  # of no version: as a whole
    large.check()


def test_date_alone_notices_a_change(large):
    new = changed(large.tiny)
    large.tiny.origin.always(ONE, Behaviour(headers={"ETag": None}))
    os.utime(large.tiny.folder / ONE.lstrip("/"), (0, 0))
    large.index().expect(0)
    large.tiny.write(ONE, new)
    large.index().expect(0)
    large.check()


# ---- proxies


def test_07_proxy(tiny, client):
    """Proxies are taken from the usual variables."""
    tiny.add("one", {2019: 40})
    remote = "http://data.example.invalid"
    for path in (tiny.catalog_path, ONE):
        tiny.origin.put(remote + path, tiny.read(path))  # a proxy is asked for whole addresses
    client.program("index", client.bucket, "--endpoint-url", remote, env={"http_proxy": tiny.origin.url}).expect(0)
    assert {request.target for request in tiny.origin.requests()} == {remote + tiny.catalog_path, remote + ONE}


def test_07_proxy_that_is_down(heliodex):
    env = {"http_proxy": "http://127.0.0.1:1"}
    heliodex("index", "http://data.example.invalid/b/", "--retries", "0", env=env).expect(5, "127.0.0.1", "proxy")


@pytest.mark.parametrize("proxy", [
    "http://me:secret@127.0.0.1:1",
    "me:secret@127.0.0.1:1",  # libcurl takes one without a scheme
    "htt://me:secret@127.0.0.1:1",  # these it cannot make out, and quotes
    "http://me:secret@127.0.0.1:99999",
    "http://me:sec/secret@127.0.0.1:1",
])
def test_p10_07_what_a_proxy_wants_is_not_shown(heliodex, proxy):
    done = heliodex("index", "http://data.example.invalid/b/", "--retries", "1", "-vv", env={"http_proxy": proxy})
    done.expect(5, "127.0.0.1", "proxy")
    assert "secret" not in done.out + done.err and "me:" not in done.err


def test_07_proxy_that_wants_a_password(tiny, heliodex):
    tiny.origin.always("http://data.example.invalid/b/catalog.json", Behaviour(status=407))
    heliodex("index", "http://data.example.invalid/b/", env={"http_proxy": tiny.origin.url}).expect(4, "proxy")
    assert len(tiny.origin.requests()) == 1


# ---- too much


def test_limit_of_the_rate(large):
    begun = time.monotonic()
    large.index("--limit-rate", "200K").expect(0)
    assert time.monotonic() - begun >= 0.6  # 365 KiB, of which a second's worth may come at once
    large.check()


def test_24_endless_catalog(tiny, client):
    tiny.add("one", {2019: 3})
    tiny.origin.always(tiny.catalog_path, Behaviour(body=b" " * (30 << 20), chunked=True, ignore_range=True))
    client.index("--max-catalog", "1M").expect(8, "catalog.json", "1048576")
    assert tiny.origin.of(tiny.catalog_path)[0].sent < 20 << 20


def test_p4_more_files_at_once_than_memory_has_blocks(tiny, client):
    """None waits for a block that another keeps without using it."""
    years = range(1880, 2020)
    tiny.add("one", {year: 3200 for year in years})
    assert len(tiny.read(ONE)) > 256 << 10
    for year in years:
        tiny.origin.always(tiny.path("one", year), Behaviour(delay=0.03, drip=(16000, 0.02)))
    client.index("--memory", "32M").expect(0, f"{len(years) * 3200:,} held")
    assert tiny.origin.requests_max > 48


def test_15_p6_throttle(tiny, client):
    """A token bucket: nothing is lost, and the refusals stay few because the program backs off."""
    for name in ("a", "b", "c", "d"):
        tiny.add(name, {year: 3 for year in range(1980, 2020)})
    tiny.origin.throttle(rate=60, burst=20)
    client.index("--retries", "50").expect(0)
    refused = [r for r in tiny.origin.requests() if r.status == 503]
    assert refused and len(refused) < 4 * 160
    client.check()


@pytest.mark.parametrize("option", ["--max-connections-per-host", "--jobs"])
def test_p6_connections_are_bounded(tiny, client, option):
    tiny.add("a", {year: 3 for year in range(1960, 2020)})
    for year in range(1960, 2020):
        tiny.origin.script(tiny.path("a", year), Behaviour(delay=0.02))
    client.index(option, 4).expect(0)
    assert tiny.origin.connections_max <= 4 and 1 < tiny.origin.requests_max <= 4
    assert tiny.origin.connections <= 8  # kept alive
    client.check()


def test_many_requests_are_in_flight(tiny, client):
    tiny.add("a", {year: 3 for year in range(1960, 2020)})
    for year in range(1960, 2020):
        tiny.origin.script(tiny.path("a", year), Behaviour(delay=0.5))
    client.index().expect(0)
    assert tiny.origin.requests_max >= 30


# ---- redirects


def test_41_redirect_is_followed(one):
    one.tiny.origin.put("/elsewhere", one.tiny.read(ONE))
    one.tiny.origin.always(ONE, Behaviour(status=302, headers={"Location": "/elsewhere"}))
    one.index().expect(0)
    assert len(one.tiny.origin.of("/elsewhere")) == 1
    one.check()


def test_41_p10_redirect_of_a_later_part(large):
    """The query of the place, which may be a signature, is not shown."""
    with Origin(large.tiny.folder) as other:
        place = other.url + ONE
        large.tiny.origin.script(ONE, None, Behaviour(status=307, headers={"Location": place + "?sign=hunter2"}))
        other.script(ONE, Behaviour(status=503))
        done = large.index("-vv").expect(0, f"redirected to {place})")
        assert other.of(ONE) and "hunter2" not in done.err
    large.check()


@pytest.mark.parametrize("count, code", [(5, 0), (6, 7)])
def test_41_five_redirects_and_no_more(one, count, code):
    one.tiny.origin.put(f"/hop{count}", one.tiny.read(ONE))
    for i in range(count):
        one.tiny.origin.always(f"/hop{i}", Behaviour(status=307, headers={"Location": f"/hop{i + 1}"}))
    one.tiny.origin.always(ONE, Behaviour(status=301, headers={"Location": "/hop1"}))
    one.index("--retries", "0").expect(code, *["more than five redirects"] if code else [])
    if code == 0:
        one.check()
    else:
        assert not one.tiny.origin.of("/hop6")


@pytest.mark.parametrize("target, told", [
    ("file:///etc/hunter2", " to file://"), ("http://169.254.169.254/hunter2?hunter2", " to http://169.254.169.254"),
    ("http://[fe80::1]:81/hunter2", " to http://[fe80::1]:81"), ("ftp://hunter2:hunter2@127.0.0.1/x", ""),
    ("gopher://127.0.0.1/hunter2", ""), ("http://hunter2@127.0.0.1/", "")])
def test_41_p10_redirects_that_are_refused(one, target, told):
    """Where one led is told as far as the host: what is behind it may be a secret."""
    one.tiny.origin.always(ONE, Behaviour(status=302, headers={"Location": target}))
    done = one.index("--retries", "0", "--connect-timeout", "2s", "-vv")
    done.expect(4, f"one_2019.csv: a redirect{told} that is not allowed (from https")
    assert "hunter2" not in done.err


def test_41_never_from_https_to_http(heliodex, tmp_path, one):
    authority = make_authority(tmp_path)
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        safe.always(ONE, Behaviour(status=302, headers={"Location": one.tiny.origin.url + ONE}))
        one.tiny.origin.clear()
        done = heliodex("index", one.bucket, "--endpoint-url", safe.url, "--ca-file", authority.ca, "--retries", "0")
        done.expect(4, f"a redirect to {one.tiny.origin.url} that is not allowed")
        assert not one.tiny.origin.requests()


def test_41_from_http_to_https(heliodex, tmp_path, one):
    authority = make_authority(tmp_path)
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        one.tiny.origin.always(ONE, Behaviour(status=302, headers={"Location": safe.url + ONE}))
        one.index("--ca-file", authority.ca).expect(0)
        assert len(safe.of(ONE)) == 1
    one.check()


# ---- certificates


def test_06_certificates(heliodex, tmp_path, one):
    authority = make_authority(tmp_path)
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        access = ["index", one.bucket, "--endpoint-url", safe.url]
        heliodex(*access).expect(4, "certificate", "--ca-file")
        assert not safe.requests()
        heliodex(*access, "--ca-file", authority.ca).expect(0)
        heliodex(*access, env={"SSL_CERT_FILE": authority.ca}).expect(0)
        heliodex(*access, env={"CURL_CA_BUNDLE": authority.ca}).expect(0)
        heliodex(*access, "--ca-file", tmp_path / "none.pem").expect(6, "none.pem")


@pytest.mark.parametrize("name, told", [("none.pem", "No such file"), ("", "Is a directory")])
def test_06_authorities_that_cannot_be_read_are_told_first(one, tmp_path, name, told):
    """Before a server is asked, or where none is: those of the command line. Variables count where they are needed."""
    one.index().expect(0)
    one.tiny.origin.clear()
    for command in one.index, lambda *options: one.query("one", "--offline", *options):
        done = command("--ca-file", tmp_path / name).expect(6, f"{tmp_path / name}: the certificates cannot be read", told)
        assert not done.out and not one.tiny.origin.requests()
    one.program("index", one.bucket, *one.access, env={"AWS_CA_BUNDLE": str(tmp_path / "none.pem")}).expect(0)


def test_06_expired_certificate(heliodex, tmp_path, one):
    authority = make_authority(tmp_path, days=-1)
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        heliodex("index", one.bucket, "--endpoint-url", safe.url, "--ca-file", authority.ca).expect(4, "expired")
        assert safe.connections == 1 and not safe.requests()  # it is not retried


# ---- secrets


def test_41_p10_password_in_a_url_is_never_shown(heliodex):
    for arguments in (["index", "http://user:hunter2@127.0.0.1:1/b/"],
                      ["index", "s3://some-bucket/", "--endpoint-url", "http://user:hunter2@127.0.0.1:1"]):
        done = heliodex(*arguments, "--retries", "0", "-vv").expect(2, "password")
        assert "hunter2" not in done.err + done.out
        assert "hunter2" not in "".join(str(p) for p in heliodex.store.rglob("*"))
