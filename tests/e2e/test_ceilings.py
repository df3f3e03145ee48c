"""What a run takes at the most, whatever it is given: memory, file descriptors, threads, time. Scaled to seconds here;
scripts/ceilings measures the same in full size."""

import json
import os
import random
import resource

import pytest

import hostile
from answering import Speaker
from conftest import TINY, plain_build
from origin import Behaviour
from test_index_query import difference
from servers import Nginx
from usage import MIB, memory_max, run

LEAST = "16M"
DATASETS = 12  # of hostile rows
BUCKET = f"s3://{TINY}/"


@pytest.fixture
def heliodex(heliodex):
    """Without sanitizers, if there is such a build: they take several times the memory."""
    heliodex.path = (plain_build() or heliodex.path.parent) / "heliodex"
    return heliodex


@pytest.fixture
def site(tiny, tmp_path):
    """The tiny bucket's folder, served by nginx."""
    with Nginx(tiny.folder, tmp_path / "nginx", log=False) as server:
        yield server


@pytest.fixture
def distant(tiny, tmp_path):
    """The same, where each answer takes a while: so many requests are under way at once."""
    with Nginx(tiny.folder, tmp_path / "nginx", log=False, latency=0.03) as server:
        yield server


def bounded(heliodex, server, *arguments, memory=LEAST, code=0, told=(), **options):
    """Runs the program on a server and asserts that its memory stays within its bound."""
    done, used = run(heliodex, *arguments, "--endpoint-url", server.url, "--memory", memory, **options)
    done.expect(code, *told)
    most = memory_max(memory, heliodex.path)
    assert used.memory <= most, f"{used.memory / MIB:.0f} MiB of {most / MIB:.0f}\n{done}"
    return done, used


# ---- memory


def test_p4_25_hostile_index_files(heliodex, tiny, distant, tmp_path):
    """Many files under way at once, and a bad row for each twenty good ones: all counted, all told, memory bounded."""
    good = bad = 0
    for name in range(DATASETS):
        tiny.add(f"d{name}", {year: None for year in range(2010, 2020)})
    for year in range(2010, 2020):
        text, kept, lost = hostile.rows("d", year, 3_000, long=1_500)
        good, bad = good + kept * DATASETS, bad + lost * DATASETS
        tiny.write(tiny.path("d0", year), text)
        for name in range(1, DATASETS):
            os.link(tiny.folder / tiny.path("d0", year)[1:], tiny.folder / tiny.path(f"d{name}", year)[1:])
    report = tmp_path / "report.ndjson"
    done, _ = bounded(heliodex, distant, "index", BUCKET, "--report", report, "--quiet", "--threads", 8)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert sum(line.get("kind") == "bad row" for line in lines) == bad
    counted = heliodex("query", BUCKET, "--endpoint-url", distant.url, "--offline", "--summary", "--format", "ndjson").expect(0)
    assert sum(json.loads(line)["rows"] for line in counted.lines) == good


def test_p4_25_a_small_dataset_of_long_keys(heliodex, tiny, site):
    """So few rows would be sorted in memory as a whole, but for their texts."""
    count, key = 15_000, "k" * 12_000
    times = (f"2020-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z" for i in range(count))
    tiny.add("long", {2020: "".join(f"{time},{time},s3://{TINY}/{key}/{i},{i}\n" for i, time in enumerate(times))})
    bounded(heliodex, site, "index", BUCKET, "--threads", 1)
    counted = heliodex("query", BUCKET, "long", "--endpoint-url", site.url, "--offline", "--summary", "--format", "ndjson")
    assert json.loads(counted.expect(0).lines[0])["rows"] == count
    assert json.loads(counted.lines[0])["bytes"] == count * (count - 1) // 2


def test_p4_25_rows_fields_headers_of_ten_megabytes(heliodex, tiny, site, tmp_path):
    """A row that is too long is a bad row, with its line; the others are kept. A header is no better."""
    long, good = "x" * (10 << 20), "2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,s3://b/a.cdf,5\n"
    tiny.add("row", {2020: good + long + "\n" + good.replace("a.cdf", "b.cdf")})
    tiny.add("field", {2020: good + f'2020-01-01,2020-01-02,"{long}",1\n' + good.replace("a.cdf", "b.cdf")})
    tiny.add("header", {2020: "start,stop,datakey,filesize," + long + "\n" + good})
    report = tmp_path / "report.ndjson"
    bounded(heliodex, site, "index", BUCKET, "--report", report)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert {line["id"]: line["line"] for line in lines if line.get("kind") == "bad row"} == {"row": 2, "field": 2, "header": 1}
    held = heliodex("query", BUCKET, "*", "--endpoint-url", site.url, "--offline", "--format", "csv").expect(0).lines
    assert len(held) == 1 + 5


def test_p4_25_a_line_that_never_ends(heliodex, tiny, site):
    tiny.add("a", {2020: 3})
    with open(tiny.folder / tiny.path("a", 2020).lstrip("/"), "ab") as file:
        file.truncate(300 << 20)  # zeroes, without a newline
    done, _ = bounded(heliodex, site, "index", BUCKET)
    assert "a_2020.csv:4:" in done.err and "3 held" in done.err


@pytest.mark.parametrize("nested", ["[", '{"a":'])
def test_p4_24_json_nested_a_million_deep(heliodex, tiny, site, nested):
    tiny.add("a", {2020: 3})
    tiny.write(tiny.catalog_path, nested * 1_000_000)
    bounded(heliodex, site, "index", BUCKET, code=7, told=["catalog.json"])


def test_p4_24_a_catalog_of_a_hundred_megabytes(heliodex, tiny, site):
    """Refused while it comes; where the user allows it, it is read."""
    tiny.add("a", {2020: 3})
    text = tiny.read(tiny.catalog_path)
    tiny.write(tiny.catalog_path, text + b" " * (100 << 20))
    bounded(heliodex, site, "index", BUCKET, code=8, told=["catalog.json", str(12 << 20), "--memory"])
    bounded(heliodex, site, "index", BUCKET, memory="256M", code=8, told=["catalog.json", str(64 << 20)])
    done, _ = run(heliodex, "index", BUCKET, "--endpoint-url", site.url, "--max-catalog", "128M")
    done.expect(0, "3 held")


def test_p4_24_a_catalog_of_many_datasets(heliodex, tiny, site):
    """20,000 here, nearly as many as the memory is for: opened, listed, chosen from, indexed where there are files."""
    tiny.add("set_00007", {2020: 5})
    first = tiny.entries[0]
    tiny.entries += [{**first, "id": f"set_{i:05}", "title": f"Dataset number {i}, " + "described at length " * 20}
                     for i in range(100, 20_100)]
    tiny.publish()
    assert 10 << 20 < len(tiny.read(tiny.catalog_path)) < 12 << 20
    bounded(heliodex, site, "index", BUCKET, "--dry-run", told=["20,001"])
    done, _ = bounded(heliodex, site, "datasets", BUCKET, "--format", "keys")
    assert len(done.lines) == 20_001
    bounded(heliodex, site, "index", BUCKET, "set_0000?", told=["5 held"])
    bounded(heliodex, site, "validate", BUCKET)


@pytest.fixture
def shuffled(tiny):
    """Datasets whose files have rows in no order; the keys of all rows in theirs."""
    chance, rows = random.Random(4), []
    for name in (f"u{n:02}" for n in range(80)):
        own = [(chance.randrange(10_000_000), f"s3://b/{name}/{'long/' * 24}{i}_v{i % 3}.cdf") for i in range(9_000)]
        tiny.add(name, {2020: "".join(f"{seconds(start)},{seconds(start + 1)},{key},{len(key)}\n" for start, key in own)})
        rows += own
    return [key for _, key in sorted(rows)]


def seconds(count):
    """A time of 2020 as text."""
    return f"2020-{1 + count // 2_419_200:02}-{1 + count // 86_400 % 28:02}T{count // 3600 % 24:02}:{count // 60 % 60:02}:{count % 60:02}Z"


def as_lines(keys):
    return "".join(f"{key}\n" for key in keys)


def test_p4_p9_many_datasets_in_one_order(heliodex, site, shuffled):
    """A block of each would take many times the memory: forwards, backwards, and without older versions."""
    bounded(heliodex, site, "index", BUCKET)
    ask = ["query", BUCKET, "u*", "--offline", "--format", "keys"]
    done, _ = bounded(heliodex, site, *ask)
    assert not difference(done.out, as_lines(shuffled))
    done, _ = bounded(heliodex, site, *ask, "--reverse")
    assert not difference(done.out, as_lines(shuffled[::-1]))
    done, _ = bounded(heliodex, site, *ask, "--latest-version")
    assert not difference(done.out, as_lines(shuffled))
    done, _ = bounded(heliodex, site, "query", BUCKET, "u*", "--offline", "--summary", "--format", "ndjson")
    assert sum(json.loads(line)["rows"] for line in done.lines) == len(shuffled)


def test_p4_p9_a_large_file_in_no_order(heliodex, tiny, site):
    """All of its blocks overlap: they are not open at once."""
    chance, path = random.Random(5), "archive/" * 12
    rows = [(chance.randrange(10_000_000), f"s3://b/{path}{i}.cdf") for i in range(500_000)]
    tiny.add("large", {2020: "".join(f"{seconds(start)},{seconds(start + 1)},{key},1\n" for start, key in rows)})
    bounded(heliodex, site, "index", BUCKET)
    done, _ = bounded(heliodex, site, "query", BUCKET, "large", "--offline", "--format", "keys")
    assert not difference(done.out, as_lines(key for _, key in sorted(rows)))


def test_p4_p9_rows_of_one_instant_in_portions(heliodex, tiny, site):
    """More of them than are copied of a dataset at once: none is left out, none comes twice."""
    expected = []
    for name in "abcdef":
        days = [1] * 50 + [2] * 20_000 + [3] * 50
        keys = [f"s3://b/{name}/{day}/{'x' * 40}{i:06}.cdf" for i, day in enumerate(days)]
        tiny.add(name, {2020: "".join(f"2020-01-{day:02},2020-01-{day + 1:02},{key},1\n" for day, key in zip(days, keys))})
        expected += [(day, key) for day, key in zip(days, keys)]
    bounded(heliodex, site, "index", BUCKET)
    done, _ = bounded(heliodex, site, "query", BUCKET, "*", "--offline", "--format", "keys")
    assert not difference(done.out, as_lines(key for _, key in sorted(expected)))


def test_p4_p9_many_datasets_of_few_rows(heliodex, tiny, site):
    """All rows of each are copied, as it has so few: but not of all at once."""
    keys = [f"s3://b/{'path/' * 10}{i:04}.cdf" for i in range(1_000)]
    tiny.add("d000", {2020: "".join(f"{seconds(i)},{seconds(i + 1)},{key},1\n" for i, key in enumerate(keys))})
    first, count = tiny.entries[0], 900
    tiny.entries += [{**first, "id": f"d{i:03}"} for i in range(1, count)]
    tiny.publish()
    for i in range(1, count):
        os.link(tiny.folder / tiny.path("d000", 2020)[1:], tiny.folder / tiny.path(f"d{i:03}", 2020)[1:])
    bounded(heliodex, site, "index", BUCKET, "--quiet")
    ask = ["query", BUCKET, "*", "--offline", "--format", "keys"]
    done, _ = bounded(heliodex, site, *ask)
    assert not difference(done.out, as_lines(key for key in keys for _ in range(count)))
    done, _ = bounded(heliodex, site, *ask, "--reverse", "--limit", 90_000)
    assert not difference(done.out, as_lines(key for key in keys[:-101:-1] for _ in range(count)))


def test_p4_p9_many_columns(heliodex, tiny, site):
    """Rows so wide that those of blocks that touch take more than a query's cursors may: they are merged all the same."""
    names = [f"c{n:02}" for n in range(40)]
    values = ",".join(names)
    for name in "abc":
        lines = (f"{seconds(i // 7)},{seconds(i // 7 + 1)},s3://b/{name}{i:05},1,{values}\n" for i in range(20_000))
        tiny.add(name, {2020: f"# start, stop, datakey, filesize, {', '.join(names)}\n" + "".join(lines)})
    bounded(heliodex, site, "index", BUCKET)
    done, _ = bounded(heliodex, site, "query", BUCKET, "*", "--offline", "--format", "csv")
    expected = sorted((i // 7, f"s3://b/{name}{i:05}") for name in "abc" for i in range(20_000))
    assert [line.split(",")[3] for line in done.lines[1:]] == [key for _, key in expected]
    assert all(line.endswith(values) for line in done.lines[1:])
    bounded(heliodex, site, "verify", BUCKET, "--deep")


def test_p4_more_datasets_than_the_memory_is_for(heliodex, tiny, site):
    """Each takes some kilobytes, whatever is asked of it: too many are refused before any is read."""
    tiny.add("d00000", {2020: 3})
    first = tiny.entries[0]
    tiny.entries += [{**first, "id": f"d{i:05}"} for i in range(1, 2_500)]
    tiny.publish()
    for i in range(1, 2_500):
        os.link(tiny.folder / tiny.path("d00000", 2020)[1:], tiny.folder / tiny.path(f"d{i:05}", 2020)[1:])
    bounded(heliodex, site, "index", BUCKET, "--quiet")
    ask = ["query", BUCKET, "*", "--offline", "--format", "ndjson"]
    bounded(heliodex, site, *ask, "--summary", code=8, told=["2500 datasets", "fewer", "--memory 20M"])
    bounded(heliodex, site, *ask, memory="20M", code=8, told=["2500 datasets", "--memory 30M"])
    done, _ = bounded(heliodex, site, *ask, "--summary", memory="20M")
    assert sum(json.loads(line)["rows"] for line in done.lines) == 7_500
    done, _ = bounded(heliodex, site, *ask, memory="30M")
    assert len(done.lines) == 7_500


# ---- file descriptors, threads


@pytest.fixture
def many_files(tiny):
    """Datasets with many index files, whose answers take a moment: so as many as may be are under way."""
    for name in "abcd":
        tiny.add(name, {year: 3 for year in range(1970, 2020)})
        for year in range(1970, 2020):
            tiny.origin.always(tiny.path(name, year), Behaviour(delay=0.02))
    return tiny


@pytest.mark.parametrize("most", [64, 128, 256])
def test_32_few_file_descriptors(many_files, client, most):
    """Fewer connections, and a word about it."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    done = client.index(preexec_fn=limit).expect(0, "requests at once", f"only {most} files")
    assert "200 fetched" in done.err
    assert many_files.origin.connections_max <= most // 2
    client.check()


def test_32_file_descriptors_are_bounded(many_files, client):
    """Connections, what is under way, and a few."""
    done, used = run(client.program, "index", client.bucket, *client.access, "--jobs", 16, "--threads", 2)
    done.expect(0, "200 fetched")
    assert many_files.origin.connections_max <= 16
    assert used.files <= 16 + 2 * len("abcd") + 32, used


def test_32_file_descriptors_of_many_datasets(heliodex, tiny, site):
    """Snapshots that are complete wait for the disk with a descriptor each: there are not more and more of them."""
    jobs = 4
    tiny.add("d0000", {2020: 3})
    for i in range(1, 1000):
        tiny.entries.append({**tiny.entries[0], "id": f"d{i:04}"})
        tiny.write(tiny.path(f"d{i:04}", 2020), tiny.read(tiny.path("d0000", 2020)))
    tiny.publish()
    done, used = run(heliodex, "index", BUCKET, "--endpoint-url", site.url, "--jobs", jobs)
    done.expect(0, "1,000 fetched")
    assert used.files <= jobs + 2 * (2 * jobs + 64) + 32, used


def test_32_mirror_and_cat_with_few_file_descriptors(archive, mirror, heliodex):
    files = {f"data/{i:03}.cdf": b"%d" % i * 400 for i in range(200)}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    for path in files:
        archive.tiny.origin.always(f"/{TINY}/{path}", Behaviour(delay=0.02))

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    mirror("d", preexec_fn=limit).expect(0, "200 fetched", "only 64 files")
    done = heliodex("cat", mirror.client.bucket, "d", *mirror.client.access, preexec_fn=limit).expect(0)
    assert done.raw == b"".join(files.values())


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_are_bounded(many_files, client, threads):
    """Those that parse and encode, the loop's, and libuv's four that resolve names and open files."""
    done, used = run(client.program, "index", client.bucket, *client.access, "--threads", threads)
    done.expect(0)
    assert used.threads <= threads + 1 + 4, used


# ---- time


def say_nothing(connection, over):
    over.wait()


def drip_headers(connection, over):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.02):
        connection.sendall(b"X-More: more\r\n")


def drip_body(connection, over):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{")
    while not over.wait(0.02):
        connection.sendall(b" ")


def send_without_end(connection, over):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


@pytest.mark.parametrize("speak, code", [(say_nothing, 5), (drip_headers, 5), (drip_body, 5), (send_without_end, 8)])
def test_p4_a_server_without_end(heliodex, speak, code):
    """Ends by the stall time, the retry time, or the most that a catalog may have."""
    with Speaker(speak) as server:
        limits = ["--stall-time", "200ms", "--retry-max-time", "1s", "--retries", 2, "--max-catalog", "1M"]
        bounded(heliodex, server, "index", BUCKET, *limits, code=code, timeout=60)


# ---- retries


def test_p4_16_very_many_retries(tiny, client):
    """Each file fails four times before it comes: counted right, nothing lost, no flood of messages, memory bounded."""
    years = range(1970, 2020)
    for name in "abcdef":
        tiny.add(name, {year: 3 for year in years})
        for year in years:
            tiny.origin.script(tiny.path(name, year), *[Behaviour(status=500)] * 4)
    stats = client.program.home / "stats.json"
    done, used = run(client.program, "index", client.bucket, *client.access, "--stats", stats, "--memory", LEAST,
                     "--retries", 50)
    done.expect(0, "300 fetched", "1,200 retried")
    assert json.loads(stats.read_text())["retries"] == 1_200
    assert len(done.err.splitlines()) < 20
    assert used.memory <= memory_max(LEAST, client.program.path)
    client.check()
