"""The scripted origin itself: what the tests of faults rely on, seen with Python's own HTTP client."""

import http.client
import socket
import ssl
import threading
import time

import pytest

from origin import Behaviour, Origin, etag_of, redirect
from servers import make_authority

BODY = bytes(range(256)) * 40


@pytest.fixture
def origin():
    with Origin() as it:
        it.put("/b/x", BODY)
        yield it


def ask(origin, path="/b/x", headers={}, method="GET", connection=None):
    """(status, headers, body) of one request."""
    own = connection or http.client.HTTPConnection("127.0.0.1", origin.port, timeout=10)
    try:
        own.request(method, path, headers=headers)
        answer = own.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        if not connection:
            own.close()


def settled(origin, count):
    """The log is written when an answer has ended, which the client may see a little earlier."""
    assert origin.wait_for(lambda: len(origin.requests()) == count)
    return origin.requests()


def test_whole_object(origin):
    status, headers, body = ask(origin)
    assert (status, body) == (200, BODY)
    assert headers["ETag"] == etag_of(BODY) and headers["Content-Length"] == str(len(BODY))
    status, headers, body = ask(origin, method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(BODY)))
    assert ask(origin, "/b/none")[0] == 404
    first, second, third = settled(origin, 3)
    assert (first.method, first.path, first.status, first.sent, first.whole) == ("GET", "/b/x", 200, len(BODY), True)
    assert second.method == "HEAD" and third.status == 404
    assert first.connection != second.connection


@pytest.mark.parametrize("wanted, begin, end", [("bytes=0-9", 0, 10), ("bytes=10239-", 10239, 10240),
                                                ("bytes=-5", 10235, 10240), ("bytes=100-99999", 100, 10240)])
def test_ranges(origin, wanted, begin, end):
    status, headers, body = ask(origin, headers={"Range": wanted})
    assert (status, body) == (206, BODY[begin:end])
    assert headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(BODY)}"


def test_range_behind_the_end(origin):
    status, headers, _ = ask(origin, headers={"Range": "bytes=10240-"})
    assert (status, headers["Content-Range"]) == (416, "bytes */10240")


def test_conditions(origin):
    tag = etag_of(BODY)
    assert ask(origin, headers={"If-None-Match": tag})[0] == 304
    assert ask(origin, headers={"If-None-Match": '"other"'})[0] == 200
    assert ask(origin, headers={"If-Match": tag, "Range": "bytes=0-0"})[0] == 206
    assert ask(origin, headers={"If-Match": '"other"'})[0] == 412
    assert ask(origin, headers={"If-Range": '"other"', "Range": "bytes=0-0"})[0] == 200
    changed = ask(origin)[1]["Last-Modified"]
    assert ask(origin, headers={"If-Modified-Since": changed})[0] == 304
    assert ask(origin, headers={"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"})[0] == 200
    assert ask(origin, headers={"If-Unmodified-Since": changed})[0] == 200
    assert ask(origin, headers={"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"})[0] == 412


def test_script_is_consumed_then_good_again(origin):
    origin.script("/b/x", Behaviour(status=503, headers={"Retry-After": "7"}), None, Behaviour(status=403))
    answers = [ask(origin) for _ in range(4)]
    assert [a[0] for a in answers] == [503, 200, 403, 200]
    assert answers[0][1]["Retry-After"] == "7" and b"SlowDown" in answers[0][2]
    origin.always("/b/x", Behaviour(status=500))
    assert [ask(origin)[0] for _ in range(2)] == [500, 500]


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("k", [0, 1, 5000, len(BODY) - 1])
def test_cut_lets_exactly_k_bytes_through(origin, how, k):
    origin.script("/b/x", Behaviour(cut=k, cut_by=how))
    with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as client:
        client.sendall(b"GET /b/x HTTP/1.1\r\nHost: x\r\n\r\n")
        got, reset = b"", False
        try:
            while part := client.recv(65536):
                got += part
        except ConnectionResetError:
            reset = True
    assert reset == (how == "rst")
    assert got.split(b"\r\n\r\n", 1)[1] == BODY[:k]
    request, = settled(origin, 1)
    assert (request.sent, request.whole) == (k, False)


def test_cut_before_the_headers(origin):
    origin.script("/b/x", Behaviour(cut=-1))
    with pytest.raises(ConnectionError):
        ask(origin)
    assert settled(origin, 1)[0].status == 0


def test_stall_ends_with_the_client(origin):
    origin.script("/b/x", Behaviour(stall=100))
    with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as client:
        client.sendall(b"GET /b/x HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        while not got.endswith(BODY[:100]):
            got += client.recv(65536)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
    request, = settled(origin, 1)
    assert (request.sent, request.whole) == (100, False)


def test_drip_and_delay_take_their_time(origin):
    origin.script("/b/x", Behaviour(drip=(len(BODY) // 4, 0.05)), Behaviour(delay=0.2))
    for _ in range(2):
        begun = time.monotonic()
        assert ask(origin)[2] == BODY
        assert time.monotonic() - begun >= 3 * 0.05


def test_until_waits_for_the_event(origin):
    gate = threading.Event()
    origin.script("/b/x", Behaviour(until=gate))
    done = []
    thread = threading.Thread(target=lambda: done.append(ask(origin)[0]))
    thread.start()
    assert origin.wait_for(lambda: origin.requests_now == 1)
    assert not done
    gate.set()
    thread.join(10)
    assert done == [200]


def test_lies_about_content(origin):
    origin.script("/b/x", Behaviour(ignore_range=True), Behaviour(headers={"Content-Range": "bytes 5-14/20"}),
                  Behaviour(flip=3), Behaviour(body=b"<html>"), Behaviour(chunked=True),
                  Behaviour(headers={"ETag": '"x"', "Content-Length": None}, close=True))
    part = {"Range": "bytes=0-9"}
    status, headers, body = ask(origin, headers=part)
    assert (status, body) == (200, BODY) and "Content-Range" not in headers
    assert ask(origin, headers=part)[1]["Content-Range"] == "bytes 5-14/20"
    assert ask(origin, headers=part)[2] == bytes([0, 1, 2, 3 ^ 1, 4, 5, 6, 7, 8, 9])
    assert ask(origin)[2] == b"<html>"
    status, headers, body = ask(origin)
    assert headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in headers and body == BODY
    status, headers, body = ask(origin)
    assert headers["ETag"] == '"x"' and "Content-Length" not in headers and body == BODY


def test_length_that_lies(origin):
    origin.script("/b/x", Behaviour(length=len(BODY) + 10), Behaviour(length=10))
    with pytest.raises(http.client.IncompleteRead):
        ask(origin)
    assert ask(origin)[2] == BODY[:10]


def test_replace_and_remove(origin):
    origin.script("/b/x", None, Behaviour(replace=b"new"))
    assert [ask(origin)[2] for _ in range(3)] == [BODY, b"new", b"new"]
    origin.remove("/b/x")
    assert ask(origin)[0] == 404


def test_change_after_some_requests(origin):
    origin.change("/b/x", b"new", after=2)
    tag = etag_of(BODY)
    answers = [ask(origin, headers={"If-Match": tag}) for _ in range(4)]
    assert [answer[0] for answer in answers] == [200, 200, 412, 412]
    status, headers, body = ask(origin)
    assert (body, headers["ETag"]) == (b"new", etag_of(b"new"))


def test_redirect(origin):
    origin.script("/b/x", redirect("/b/y"), redirect("http://elsewhere.example/z?a=b", 307))
    for status, place in [(302, "/b/y"), (307, "http://elsewhere.example/z?a=b")]:
        told, headers, body = ask(origin)
        assert (told, headers["Location"], body, headers["Content-Length"]) == (status, place, b"", "0")
    assert ask(origin)[0] == 200


def test_another_range_than_was_asked_for(origin):
    origin.script("/b/x", Behaviour(other_range=(5, 8)), Behaviour(other_range=(0, 20)))
    status, headers, body = ask(origin, headers={"Range": "bytes=0-9"})
    assert (status, headers["Content-Range"], body) == (206, f"bytes 5-7/{len(BODY)}", BODY[5:8])
    status, headers, body = ask(origin, headers={"Range": "bytes=0-9"})
    assert (headers["Content-Length"], body) == ("20", BODY[:20])


def test_less_than_the_range_that_was_asked_for(origin):
    origin.always("/b/x", Behaviour(range_max=10))
    for wanted, begin, end in [("bytes=100-199", 100, 110), ("bytes=5-7", 5, 8), ("bytes=-3", 10237, 10240)]:
        status, headers, body = ask(origin, headers={"Range": wanted})
        assert (status, headers["Content-Range"], body) == (206, f"bytes {begin}-{end - 1}/{len(BODY)}", BODY[begin:end])
    assert ask(origin)[2] == BODY


def test_raw_bytes_in_place_of_an_answer(origin):
    origin.script("/b/x", Behaviour(raw=b"SSH-2.0-OpenSSH\r\n"))
    with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as client:
        client.sendall(b"GET /b/x HTTP/1.1\r\nHost: x\r\n\r\n")
        with client.makefile("rb") as reader:
            assert reader.read() == b"SSH-2.0-OpenSSH\r\n"
    assert settled(origin, 1)[0].status == 0


@pytest.mark.parametrize("tls", [False, True])
def test_refused_connections(tmp_path, tls):
    with Origin(tls=make_authority(tmp_path).context() if tls else None) as origin:
        origin.put("/b/x", BODY)
        origin.refuse(2)
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as client:
                    client.recv(1)
        assert origin.wait_for(lambda: origin.connections_now == 0) and origin.connections == 2
        with socket.create_connection(("127.0.0.1", origin.port), timeout=10) as client:
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):  # it waits for us to begin
                client.recv(1)


def test_folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a b+ü").write_bytes(b"1")
    (tmp_path.parent / "secret").write_bytes(b"2")
    with Origin(tmp_path) as origin:
        assert ask(origin, "/b/a%20b+%C3%BC")[2] == b"1"
        assert ask(origin, "/../secret")[0] == 404
        origin.put("/b/a b+ü", b"3")
        assert ask(origin, "/b/a%20b+%C3%BC")[2] == b"3"
        origin.restore("/b/a b+ü")
        assert ask(origin, "/b/a%20b+%C3%BC")[2] == b"1"


def test_throttle_is_a_token_bucket(origin):
    origin.throttle(rate=20, burst=3, retry_after=1)
    begun = time.monotonic()
    answers = [ask(origin) for _ in range(6)]
    while [a[0] for a in answers].count(200) < 6:
        answers.append(ask(origin))
    assert [a[0] for a in answers[:3]] == [200] * 3
    assert time.monotonic() - begun >= 3 / 20 - 0.01
    refused = [a for a in answers if a[0] == 503]
    assert refused and all(a[1]["Retry-After"] == "1" for a in refused)


def test_throttle_of_some_paths(origin):
    origin.throttle(rate=0.001, burst=1, status=429, below="/b/")
    assert [ask(origin)[0] for _ in range(3)] == [200, 429, 429]
    origin.put("/c/x", BODY)
    origin.script("/b/x", Behaviour(status=500))
    assert [ask(origin, "/c/x")[0], ask(origin)[0], ask(origin)[0]] == [200, 500, 429]


def test_counters_and_keep_alive(origin):
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=10)
    for _ in range(3):
        assert ask(origin, connection=connection)[0] == 200
    assert {request.connection for request in settled(origin, 3)} == {1}
    connection.close()
    assert origin.wait_for(lambda: origin.connections_now == 0)
    origin.clear()
    gate = threading.Event()
    origin.script("/b/x", *[Behaviour(until=gate)] * 8)
    threads = [threading.Thread(target=ask, args=(origin,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert origin.wait_for(lambda: origin.requests_now == 8)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert (origin.connections, origin.connections_max, origin.requests_max) == (8, 8, 8)


def test_tls(tmp_path):
    authority = make_authority(tmp_path)
    with Origin(tls=authority.context()) as origin:
        origin.put("/b/x", BODY)
        client = ssl.create_default_context(cafile=authority.ca)
        own = http.client.HTTPSConnection("127.0.0.1", origin.port, timeout=10, context=client)
        assert ask(origin, connection=own)[2] == BODY
        own.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("127.0.0.1", origin.port, timeout=10).connect()
