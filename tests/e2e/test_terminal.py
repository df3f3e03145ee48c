"""What others publish never steers a terminal: not in tables, rows of any format, messages or progress."""

import json
import os
import pty
import re
import select
import termios
import unicodedata

import pytest

from conftest import FAULTS, TINY
from origin import Behaviour

HOSTILE = ("\x1b]0;owned\x07", "\x1b[2J", "\x9b31m", "\x08\x08", "\x7f", "\u202e", "\u2066", "\u061c", "\u200b", "\ufeff",
           "\U000e0041", "\r")
TEXT = "title " + " ".join(HOSTILE)

# What the program itself sends to a terminal: bold and coloured words, and a live line that is written anew.
OWN = re.compile(r"\x1b\[(?:1|0|1;31|1;33)m|\r\x1b\[K|\r(?=[0-9a-z])|\x1b\[K")


def on_terminal(client, *arguments, env={}, columns=0):
    """Runs it with a terminal as output and error; what the terminal got. `columns`: 0: it does not know."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    process = client.program.start(*arguments, stdout=slave, stderr=slave, env={"TERM": "xterm", **env})
    os.close(slave)
    got = b""
    while select.select([master], [], [], 60)[0]:
        try:
            block = os.read(master, 65536)
        except OSError:  # how a terminal whose other side has gone ends
            break
        got += block
    os.close(master)
    process.wait(30)
    return got.decode("utf-8")  # nothing else than UTF-8 gets there


def assert_harmless(got):
    rest = OWN.sub("", got.replace("\r\n", "\n"))
    bad = {c for c in rest if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
    assert not bad, (sorted(map(hex, map(ord, bad))), got)


@pytest.fixture
def hostile(tiny, client):
    key = "data/" + "".join(HOSTILE).replace("\r", "") + "\udcff.cdf"
    row = f"2019-01-01Z,2019-01-02Z,s3://{TINY}/{key},1\n\x1b[31mred\x07\n"
    tiny.add("x", {2019: row.encode("utf-8", "surrogateescape")}, title=TEXT, collection=TEXT, description=TEXT)
    tiny.add("y\x1b[7m\u202e", {2019: "2019-01-01Z,2019-01-02Z,k,1\n"}, title="y")
    return client


@pytest.mark.parametrize("style", ["table", "csv", "tsv", "ndjson", "json", "keys"])
def test_38_rows_and_lists_of_any_format(hostile, style):
    form = ["--format", style, *hostile.access]
    for verb in (["datasets", hostile.bucket], ["query", hostile.bucket, "x"], ["info", hostile.bucket, "x"],
                 ["search", "title", "--registry", registry(hostile)], ["registry", "--registry", registry(hostile)],
                 ["validate", hostile.bucket, "--deep"]):
        got = on_terminal(hostile, *verb, *form)
        assert_harmless(got)
        if verb[0] in ("datasets", "query"):
            assert "\\x1b" in got or "\\u001b" in got, verb


def registry(client):
    path = client.program.home / "registry.json"
    entry = {"endpoint": f"s3://{TINY}/", "name": TEXT, "region": "us-east-1", "status": {"code": 1200, "message": TEXT}}
    path.write_text(json.dumps({"CloudMe": "1.0", "registry": [entry], "modificationDate": TEXT}))
    return f"file://{path}"


@pytest.mark.parametrize("style", ["urls", "s5cmd", "aria2", "rclone"])
def test_38_lists_for_other_tools(hostile, style):
    assert_harmless(on_terminal(hostile, "query", hostile.bucket, "x", *hostile.access, "--format", style))
    got = on_terminal(hostile, "query", hostile.bucket, "x", *hostile.access, "--format", style, "--url-style", "s3")
    assert_harmless(got)


@pytest.mark.parametrize("progress", ["auto", "plain", "json"])
def test_messages_progress_and_store(hostile, progress):
    client = hostile
    assert_harmless(on_terminal(client, "index", client.bucket, *client.access, "-vv", "--progress", progress))
    for verb in (["store", "list"], ["verify"], ["query", client.bucket, "y*", *client.access, "--summary"],
                 ["info", client.bucket, TEXT, *client.access], ["store", "list", f"s3://{TINY}/\x1b[2J", TEXT]):
        assert_harmless(on_terminal(client, *verb, "-vv", "--progress", progress))


@pytest.mark.parametrize("progress", ["auto", "json"])
def test_what_servers_say(hostile, progress):
    client, origin = hostile, hostile.tiny.origin
    words = f"<Error><Code>No\x1b[31m</Code><Message>{TEXT}</Message></Error>".replace("\x1b", "&#x1b;").encode()
    for behaviour in (Behaviour(status=403, body=words), Behaviour(status=403, body=TEXT.encode()),
                      Behaviour(status=302, headers={"Location": "http://h\u202e\x1b[2J/\x9b"}),
                      Behaviour(status=302, headers={"Location": "http://127.0.0.1:1/\x1b[2J?\x9b"}),
                      Behaviour(status=200, body=b"[" + TEXT.encode())):
        origin.script(client.tiny.catalog_path, behaviour)
        got = on_terminal(client, "datasets", client.bucket, *client.access, "--no-sign-request", "-vv", "--refresh",
                          "--retries", "0", "--progress", progress)
        assert_harmless(got)
        assert "heliodex" in got or '"error"' in got


def test_a_file_gets_the_bytes_as_they_were_published(hostile, tmp_path):
    """Only terminals need care: files and pipes get keys that can be used."""
    client = hostile
    done = client.program("query", client.bucket, "x", *client.access, "--format", "keys").expect(0)
    assert "\x1b]0;owned\x07\x1b[2J\x9b31m" in done.out and "\u202e" in done.out
    rows = client.program("query", client.bucket, "x", *client.access, "--format", "ndjson").expect(0)
    assert json.loads(rows.lines[0])["datakey"].startswith("s3://" + TINY + "/data/\x1b]0;owned\x07\x1b[2J\x9b31m")
    assert "\x9b" not in rows.out and "\u202e" not in rows.out  # JSON says the same without them
    titles = client.program("datasets", client.bucket, *client.access, "--format", "json").expect(0)
    assert {entry["title"] for entry in json.loads(titles.out)} >= {TEXT}


@pytest.mark.parametrize("fault, width", [("", 132), ("ioctl:1:EIO:on", 80)])
def test_a_table_is_as_wide_as_the_terminal_or_80_where_it_does_not_tell(client, tiny, fault, width):
    tiny.add("x", {2019: "2019-01-01Z,2019-01-02Z,k,1\n"}, title="long " * 40)
    preload = {"LD_PRELOAD": str(FAULTS), "HDX_FAULTS": fault, "HDX_FAULTS_BELOW": "/dev/pts",
               "ASAN_OPTIONS": client.program.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
    got = on_terminal(client, "datasets", client.bucket, *client.access, columns=132, env=preload)
    lines = OWN.sub("", got.replace("\r\n", "\n")).splitlines()
    assert max(map(len, lines)) == width, got
