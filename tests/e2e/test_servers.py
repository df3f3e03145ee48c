"""nginx as the tests use it: each variant does what it is for."""

import subprocess
import time
import urllib.error
import urllib.request

import pytest

from servers import Nginx, make_authority

BODY = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "root" / "b"
    place.mkdir(parents=True)
    (place / "x").write_bytes(BODY)
    return place.parent


def get(url, headers={}):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.status, answer.headers, answer.read()


def test_plain(folder, tmp_path):
    with Nginx(folder, tmp_path / "work") as server:
        status, headers, body = get(server.url + "/b/x")
        assert (status, body) == (200, BODY)
        assert get(server.url + "/b/x", {"Range": "bytes=5-9"})[2] == BODY[5:10]
        with pytest.raises(urllib.error.HTTPError, match="304"):
            get(server.url + "/b/x", {"If-None-Match": headers["ETag"]})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server.url + "/b/none")
        assert [(r[0], r[1], r[2]) for r in server.requests(4)] == [
            ("GET", "/b/x", 200), ("GET", "/b/x", 206), ("GET", "/b/x", 304), ("GET", "/b/none", 404)]
        process = server.process
    assert process.poll() is not None


def test_without_ranges(folder, tmp_path):
    with Nginx(folder, tmp_path / "work", ranges=False) as server:
        assert get(server.url + "/b/x", {"Range": "bytes=5-9"})[0] == 200


def test_latency(folder, tmp_path):
    with Nginx(folder, tmp_path / "work", latency=0.05) as server:
        begun = time.monotonic()
        assert get(server.url + "/b/x", {"Range": "bytes=5-9"})[2] == BODY[5:10]
        assert time.monotonic() - begun >= 0.1


def test_tls_speaks_http2(folder, tmp_path):
    authority = make_authority(tmp_path)
    with Nginx(folder, tmp_path / "work", tls=authority) as server:
        done = subprocess.run(["curl", "-sS", "--cacert", authority.ca, "-w", "%{http_version}", "-o", tmp_path / "out",
                               server.url + "/b/x"], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "2", "")
        assert (tmp_path / "out").read_bytes() == BODY
