"""What queries are asked that is too much or can be answered in part alone, and what ends them early; index runs whose
bad rows or kept files fail them; streams with little memory."""

import json
import os
import signal

import pytest

from conftest import FAULTS, TINY
from mirror import content
from origin import Behaviour
from session import Session

MB = 1 << 20


def line(day, key, *extras):
    return ",".join([f"2020-01-{day:02}T00:00:00Z", f"2020-01-{day:02}T00:00:00Z", key, "1", *extras]) + "\n"


# ---- damage


@pytest.mark.parametrize("at", [3, 60, -3])
def test_37_what_mends_a_damaged_snapshot_is_told(tiny, client, at):
    tiny.add("d", {2020: line(1, "a") + line(2, "b")})
    client.index().expect(0)
    rows = client.query("d", "--offline").expect(0).raw
    snapshot = next(client.program.store.rglob("*.hdx"))
    damaged = bytearray(snapshot.read_bytes())
    damaged[at] ^= 1
    snapshot.write_bytes(damaged)
    hint = "'heliodex index BUCKET ID' fetches a damaged snapshot anew"
    for verb in ["query"], ["cat"], ["mirror", "--dest", "dest"]:
        client.program(verb[0], client.bucket, "d", *client.access, *verb[1:]).expect(7, "d.hdx: ", hint)
    client.index("d").expect(0)
    assert client.query("d", "--offline").expect(0).raw == rows
    tiny.origin.put(tiny.catalog_path, b"{")
    assert hint not in client.query("d", "--refresh").expect(7, "catalog.json").err


# ---- too much


def test_more_columns_than_rows_have_room_for(tiny, client):
    """Each dataset alone is answered."""
    for number in range(5):
        names = [f"c{number}_{i}" for i in range(210)]
        tiny.add(f"d{number}", {2020: "start,stop,datakey,filesize," + ",".join(names) + "\n"
                                + line(1, f"s3://a/{number}", *["x"] * 210)})
    client.index().expect(0)
    client.query("*", "--offline").expect(8, "more than 1000 different extra columns")
    done = client.program("query", client.bucket, "d0", "d1", *client.access, "--offline", "--format", "csv").expect(0)
    assert len(done.lines[0].split(",")) == 5 + 420
    sums = [client.query("*", "--offline", *options).expect(0).lines[1:] for options in (
        ["--summary"], ["--count-by", "year"], ["--summary", "--where", "c3_7=x"], ["--summary", "--latest-version"])]
    assert [[line.split(",")[0] for line in lines] for lines in sums] == [[f"d{i}" for i in range(5)]] * 4
    assert [line.split(",")[1] for line in sums[2]] == ["0", "0", "0", "1", "0"]
    client.query("*", "--offline", "--summary", "--where", "other=x").expect(2, "there is no extra column other")


def test_keys_that_are_longer_as_urls(tiny, client):
    """The key is short enough, what it is as a URL is not: it alone is left out."""
    tiny.add("d", {2020: line(1, f"s3://{TINY}/" + "é" * 2000) + line(2, f"s3://{TINY}/good")})
    client.index().expect(0)
    done = client.program("query", client.bucket, "d", *client.access, "--format", "urls").expect(1, "too long")
    assert [each.rsplit("/", 1)[1] for each in done.lines] == ["good"]


def test_41_keys_on_this_machine_are_not_presigned(tiny, client):
    """Nor listed: the catalog is one of the network."""
    tiny.add("d", {2020: line(1, "file:///etc/passwd") + line(2, f"s3://{TINY}/good")})
    client.index().expect(0)
    keys = {"AWS_ACCESS_KEY_ID": "AKIATEST000000000001", "AWS_SECRET_ACCESS_KEY": "s"}
    for style in "https", "presigned":
        done = client.program("query", client.bucket, "d", *client.access, "--format", "urls", "--url-style", style, env=keys)
        assert done.code in (1, 2) and "passwd" in done.err and "passwd" not in done.out, done


def test_versions_of_keys_of_any_length(tiny, client):
    long = "k" * 700
    tiny.add("d", {2020: "".join(line(1, f"s3://{TINY}/{name}_v{version}.cdf") for name in ("short", long, long + "x")
                                 for version in (1, 10, 9))})
    client.index().expect(0)
    done = client.query("d", "--offline", "--latest-version").expect(0)
    assert [each.split(",")[2].removeprefix(f"s3://{TINY}/") for each in done.lines[1:]] == [
        f"{name}_v10.cdf" for name in (long, long + "x", "short")]


# ---- in part


def test_the_gravest_of_several_failures(tiny, client):
    """Where none of them can be answered."""
    for name in "abc":
        tiny.add(name, {2020: 3})
    client.index("b", "c").expect(0)
    for name in "bc":
        next(client.program.store.rglob(f"{name}.hdx")).write_bytes(b"damaged")
    done = client.program("query", client.bucket, "a", "b", "c", *client.access, "--offline")
    assert done.code == 7 and all(f"{name}" in done.err for name in "abc") and done.out == "", done


def test_years_that_cannot_be_had_are_told_with_their_reason(tiny, client):
    tiny.add("d", {2018: 3, 2019: 4, 2020: 5})
    tiny.origin.always(tiny.path("d", 2019), Behaviour(status=400))
    client.query("d").expect(7, "d_2019.csv", "status 400")
    done = client.query("d", "--allow-partial").expect(1, "d_2019.csv", "status 400")
    assert len(done.lines) == 1 + 3 + 5


@pytest.mark.parametrize("options", [[], ["--summary"], ["--reverse"]])
def test_35_an_interruption_while_nobody_reads(tiny, client, options):
    """It ends with the next rows, and not with all of them."""
    names = [f"d{i}" for i in range(3)] if not options else ["d0"]
    for name in names:
        tiny.add(name, {2020: 60000})
    client.index().expect(0)
    process = client.program.start("query", client.bucket, *names, *client.access, "--offline", "--format", "csv", *options)
    first = os.read(process.stdout.fileno(), 10)
    process.send_signal(signal.SIGTERM)
    rest, err = process.communicate(timeout=60)
    lines = (first + rest).count(b"\n")
    if options == ["--summary"]:
        assert process.returncode in (0, 143)
    else:
        assert process.returncode == 143 and lines < 60000 * len(names) and b"SIGTERM" in err, (lines, err)


# ---- index runs


@pytest.mark.parametrize("fault, told, code", [("pwrite:5:ENOSPC", "No space left", 1),
                                               ("pread:1:EIO", "not all of its bad rows are told", 1)])
def test_28_30_bad_rows_that_find_no_room(tiny, client, failing, fault, told, code):
    """There are more of them than are kept in memory: they are kept in the store, where the disk is full or fails."""
    bad = "".join(line(1, "s3://a/" + "k" * 50, "x").replace("2020-01-01T", f"yesterday{i}") for i in range(20000))
    tiny.add("d", {2020: "# start, stop, datakey, filesize, quality\n" + bad + line(1, "s3://a/good", "x")})
    tiny.add("e", {2020: 3})
    report = client.program.home / "report"
    done = failing(fault, "index", client.bucket, *client.access, "--threads", "1", "--report", report,
                   env={"HDX_FAULTS_BELOW": str(client.program.store)})
    done.expect(code, told)
    client.program("store", "remove")
    client.index("--report", report).expect(0)
    lines = [json.loads(each) for each in report.read_text().splitlines()]
    assert sum(each.get("kind") == "bad row" for each in lines) == 20000
    client.check("d", "e")


@pytest.mark.skipif(not FAULTS.exists(), reason="the shim was not built")
@pytest.mark.parametrize("offline", [False, True])
def test_an_index_file_that_goes_from_the_cache(heliodex, tiny, client, tmp_path, offline):
    """Between the look at it and the reading of it: it is asked for, or said to be gone."""
    tiny.add("d", {2019: 4, 2020: 3})
    cache = tmp_path / "cache"
    client.index("--keep-index", cache).expect(0)
    kept = cache / "d" / "d_2020.csv"
    assert kept.exists()
    for path in heliodex.store.rglob("d.hdx"):
        path.unlink()
    tiny.origin.clear()
    fault = {"LD_PRELOAD": str(FAULTS), "HDX_FAULTS": "open:1:ENOENT", "HDX_FAULTS_BELOW": str(kept),
             "ASAN_OPTIONS": heliodex.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
    settings = ["offline"] if offline else []
    with Session(heliodex, tiny.origin.url, f"cache={cache}", *settings, env=fault) as session:
        answer = session("query", client.bucket, "d")
    asked = tiny.asked()
    if offline:
        assert answer.status != "OK" and "gone, and offline" in answer.message and asked == [], answer
    else:
        assert answer.status == "OK" and asked == [tiny.path("d", 2020)], (answer, asked)


# ---- streams with little memory


def test_many_files_whose_sizes_nobody_knows(archive, cat):
    """Each is fetched ahead only as long as there is room."""
    files = {f"data/{i}.cdf": content(5 * MB, i) for i in range(8)}
    archive.dataset("d", files, sizes=dict.fromkeys(files))
    for key in files:
        archive.tiny.origin.always(f"/{TINY}/{key}", Behaviour(chunked=True, ignore_range=True))
    assert cat("d", "--memory", "16M", "-j", "8").expect(0).raw == b"".join(files.values())


def test_13_an_object_that_shrinks_behind_what_was_handed_out(archive, cat):
    """Its first bytes have gone to the reader: they cannot be taken back."""
    files = {"data/a.cdf": content(24 * MB, "a"), "data/b.cdf": b"b"}
    archive.dataset("d", files, sizes=dict.fromkeys(files))
    plain = {"headers": {"ETag": None, "Last-Modified": None}, "ignore_range": True, "chunked": True}
    archive.tiny.origin.script(f"/{TINY}/data/a.cdf", Behaviour(**plain, cut=20 * MB),
                               *[Behaviour(**plain, body=files["data/a.cdf"][:4 * MB])] * 20)
    done = cat("d", "--memory", "16M", "--retries", "2")
    assert done.code == 7 and "data/a.cdf" in done.err, done
    assert not done.raw.startswith(files["data/a.cdf"])
