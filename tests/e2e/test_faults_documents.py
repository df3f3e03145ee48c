"""What registries, catalogs, index files and data files may be in place of what they should be: huge, empty, odd, pages
of HTML, packed; and what of it index runs, searches, mirrors and cat take.
"""

import gzip
import io
import json
import zipfile

import pytest

from conftest import TINY
from mirror import content, partial, report, tree
from origin import Behaviour, etag_of
from reference import read_index

KEY = "data/a.cdf"
PATH = f"/{TINY}/{KEY}"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in, 2019, 1, 2</body></html>\n"


@pytest.fixture
def one(tiny, client):
    tiny.add("one", {2019: 40})
    tiny.add("two", {2019: 5})
    return client


# ---- answers that are not the object


@pytest.mark.parametrize("headers", [{"Content-Type": "text/html"}, {}])
@pytest.mark.parametrize("where", ["registry", "catalog", "index"])
def test_20_a_page_in_place_of_a_document(one, where, headers):
    """A portal answers everything with its page: it is no document, and nothing is held of it."""
    path = {"registry": "/registry.json", "catalog": one.tiny.catalog_path, "index": one.tiny.path("one", 2019)}[where]
    one.tiny.origin.always(path, Behaviour(body=PAGE, headers=headers))
    if where == "registry":
        one.program("registry", "--registry", one.tiny.origin.url + path).expect(7, "registry.json", "line 1")
    elif where == "catalog":
        one.index().expect(7, "catalog.json", "line 1")
        assert not list(one.program.store.rglob("*.hdx"))
    else:
        one.index().expect(1, "one_2019.csv", "HTML")
        assert one.query("one", "--offline").code in (3, 7)
        one.check("two")


@pytest.mark.parametrize("how", ["size", "size without a length", "checksum", "tag"])
def test_20_cat_hands_out_no_page(archive, cat, tmp_path, how):
    """Found by the size of the index, or, where the page is as long, by its checksum or the entity tag."""
    files = {KEY: content(1000 if "size" in how else len(PAGE), 1), "data/b.cdf": content(50, 2)}
    archive.dataset("d", files, algorithm="sha256" if how == "checksum" else None)
    tag = {"ETag": '"0cc175b9c0f1b6a831c399e269772661"' if how == "tag" else '"opaque"'}
    chunked = how == "size without a length"
    archive.tiny.origin.always(PATH, Behaviour(body=PAGE, headers=tag, chunked=chunked, ignore_range=chunked))
    done = cat("d", "--report", tmp_path / "r").expect(1, KEY)
    assert done.raw == files["data/b.cdf"]
    assert report(tmp_path / "r")[f"s3://{TINY}/{KEY}"]["exit"] == 7


@pytest.fixture(params=["mirror", "cat"])
def fetch(request, archive, mirror, cat, tmp_path):
    """Fetches files of which KEY has something wrong, by either verb; returns its line of the report, once the others
    are there and nothing of it is."""
    def run(files, *options):
        done = (mirror if request.param == "mirror" else cat)("d", *options, "--report", tmp_path / "r").expect(1, KEY)
        good = {key: data for key, data in files.items() if key != KEY}
        if request.param == "mirror":
            assert tree(mirror.dest) == good and partial(mirror.dest) == []
        else:
            assert done.raw == b"".join(good.values())
        return report(tmp_path / "r")[f"s3://{TINY}/{KEY}"]

    return run


@pytest.mark.parametrize("lie", [
    {"other_range": (5, 65541)}, {"other_range": (0, 65536)}, {"other_range": (0, 300_000)},
    {"headers": {"Content-Range": None}}, {"headers": {"Content-Range": "bytes 0-65535/17"}}])
def test_18_ranges_that_are_not_what_was_asked_for(archive, fetch, lie):
    """Refused, asked for again, and given up."""
    files = {KEY: content(300_000, 1), "data/b.cdf": content(50, 2)}
    archive.dataset("d", files)
    archive.tiny.origin.always(PATH, Behaviour(**lie))
    line = fetch(files, "--part-size", "64K", "--retries", "2", "--memory", "16M")
    assert (line["state"], line["exit"]) == ("failed", 7) and "Content-Range" in line["message"], line
    assert sum(request.status == 206 for request in archive.asked(KEY)) >= 3


def test_18_ranges_that_are_shorter_than_what_was_asked_for(archive, mirror, cat):
    """A server may send less, if it says so: the rest is asked for."""
    files = {KEY: content(300_000, 1), "data/b.cdf": content(50, 2)}
    archive.dataset("d", files)
    for path in (PATH, archive.tiny.path("d", 2020)):
        archive.tiny.origin.always(path, Behaviour(range_max=60 if "csv" in path else 30_000))
    assert cat("d", "--part-size", "64K").expect(0).raw == b"".join(files.values())
    mirror.client.check("d")
    mirror("d", "--part-size", "64K").expect(0)
    assert tree(mirror.dest) == files


@pytest.mark.parametrize("difference, code", [(-10, 7), (10, 5)])
def test_19_bodies_of_another_length_where_the_index_has_no_sizes(archive, fetch, difference, code):
    files = {KEY: content(1000, 1), "data/b.cdf": content(50, 2)}
    archive.dataset("d", files, sizes=dict.fromkeys(files))
    archive.tiny.origin.always(PATH, Behaviour(length=1000 + difference, ignore_range=True, ignore_conditions=True))
    line = fetch(files, "--retries", "2", "--stall-time", "300ms")
    assert (line["state"], line["exit"]) == ("failed", code), line


def test_19_more_bytes_than_the_range_that_they_are_said_to_be(tiny, client):
    """Its head is right, and the body goes on: what is too much is another range's."""
    tiny.add("one", {2019: 4200})
    path = tiny.path("one", 2019)
    data = tiny.read(path)
    more = Behaviour(status=206, body=data[:70_000], chunked=True, headers={
        "Content-Range": f"bytes 0-65535/{len(data)}", "ETag": etag_of(data)})
    tiny.origin.script(path, more)
    client.index("--part-size", "64K").expect(0, "1 retried")
    client.check()
    tiny.origin.script(path, more)
    client.index("--part-size", "64K", "--retries", "0", "--store", client.program.home / "other").expect(
        7, "one_2019.csv", "longer than promised")


@pytest.mark.parametrize("encoding", ["gzip", "br", "x-unheard-of"])
@pytest.mark.parametrize("packed", [True, False])
def test_22_bytes_of_data_files_stay_as_they_are(archive, mirror, cat, encoding, packed):
    """Whether or not they are what Content-Encoding says: the index's size is of the object."""
    data = gzip.compress(content(5000, 1)) if packed else content(5000, 1)
    archive.dataset("d", {KEY: data}, algorithm="md5")
    archive.tiny.origin.always(PATH, Behaviour(headers={"Content-Encoding": encoding}))
    mirror("d").expect(0, "1 md5")
    assert tree(mirror.dest) == {KEY: data}
    assert cat("d").expect(0).raw == data


# ---- registries


def registry(client, entries, **members):
    document = {"CloudCatalog": "1.0", "modificationDate": "2024-01-01T00:00Z", "registry": entries, **members}
    client.tiny.origin.put("/registry.json", json.dumps(document).encode())
    return ["--registry", f"{client.tiny.origin.url}/registry.json"]


def entry(name, endpoint):
    return {"name": name, "endpoint": endpoint, "region": "us-east-1"}


def test_23_endpoints_that_stand_twice_count_once(one):
    """With and without the last slash; the first entry counts, others are told with their place."""
    own = registry(one, [entry("Tiny", f"s3://{TINY}/"), entry("Other", "s3://other-bucket/"),
                         entry("Tiny again", f"s3://{TINY}"), entry("Tiny", f"s3://{TINY}/")])
    done = one.program("registry", *own, "--format", "csv").expect(0, "an earlier one has the endpoint")
    assert [line.split(",")[0] for line in done.lines[1:]] == ["Tiny", "Other"] and done.err.count("skipped") == 2
    found = one.program("search", "one", *own, *one.access, "--format", "csv", "--retries", "0")
    assert found.code == 1 and sum("one" in line for line in found.lines[1:]) == 1, found
    one.program("index", "--all", "one", *own, *one.access, "--retries", "0").expect(1, "other-bucket")
    one.check("one")


def test_23_an_empty_registry(one):
    own = registry(one, [])
    assert len(one.program("registry", *own, "--format", "csv").expect(0).lines) <= 1
    one.program("registry", "endpoint", "Tiny", *own).expect(3, "Tiny")
    one.program("query", "The Tiny Archive", "one", *own).expect(3)
    one.index().expect(0)  # a bucket by its own name needs none


def test_23_a_registry_without_end(one):
    """It is not read further than a catalog may be; nor is one whose length is told."""
    path = "/registry.json"
    own = ["--registry", one.tiny.origin.url + path, "--max-catalog", "1M"]
    one.tiny.origin.always(path, Behaviour(body=b'{"registry": [' + b" " * (30 << 20), chunked=True, ignore_range=True))
    one.program("registry", *own).expect(8, "registry.json", "1048576")
    assert one.tiny.origin.of(path)[0].sent < 20 << 20
    one.tiny.origin.clear()
    one.tiny.origin.always(path, Behaviour(body=b" " * (30 << 20), ignore_range=True))
    one.program("registry", *own).expect(8, "registry.json", "1048576")
    assert one.tiny.origin.of(path)[0].sent < 20 << 20


@pytest.mark.parametrize("text, place", [
    ('{"registry": [\n {"name": "a",\n  "endpoint": "s3://b/" "region": "c"}]}', "line 3"),
    ('{"registry": [\n {"name": "a"},\n', "line 3"), ('{"registry": ["\\ud800"', "line 1"), ("\0", "line 1"),
    ('{"registry": [' * 100_000, "line 1")])
def test_23_other_buckets_go_on_without_the_registry(one, text, place):
    """The place of the fault is told; what needs no registry is done."""
    one.tiny.origin.put("/registry.json", text.encode())
    own = ["--registry", f"{one.tiny.origin.url}/registry.json"]
    one.program("registry", *own).expect(7, "registry.json", place)
    one.program("search", "one", *own).expect(7, "registry.json")
    one.index(*own).expect(0)
    one.check()


# ---- catalogs


@pytest.mark.parametrize("told", [True, False])
def test_24_a_catalog_of_100_megabytes(tiny, client, told):
    """Beyond the limit of 64 MiB: refused by its length, or else once as much has come; held is what was."""
    tiny.add("one", {2019: 3})
    client.index().expect(0)
    body = tiny.read(tiny.catalog_path).rstrip().removesuffix(b"}") + b', "x": "' + b"x" * (100 << 20) + b'"}'
    tiny.origin.always(tiny.catalog_path, Behaviour(body=body, ignore_range=True, chunked=not told))
    client.index().expect(8, "catalog.json", "67108864")
    request, = [each for each in tiny.origin.of(tiny.catalog_path) if each.sent > 10_000]
    assert request.sent < (20 << 20 if told else 90 << 20)
    client.check()


def test_24_the_sample_of_the_specification(client):
    """It lacks commas: line and column are told, and it is not mended."""
    lines = ["{", '"Cloudy": "0.2",', '"status": {', '"code": 1200,', '"message": "OK"', "},", '"catalog": [', "{",
             '"id": "euvml"', f'"index": "s3://{TINY}/i/",', '"title": "x"', "}]}"]
    client.tiny.write(client.tiny.catalog_path, "\n".join(lines))
    client.index().expect(7, "catalog.json", "line 10", "column")


# ---- index files, each odd in one way, against Python's csv


GOOD = "2019-01-{0:02}T00:00:00Z,2019-01-{0:02}T12:00:00Z,s3://b/{0},{0}\n"
ODD = {
    "double quotes": "".join('"{}"\n'.format(GOOD.format(i).strip().replace(",", '","')) for i in range(1, 9)),
    "single quotes": "".join("'{}'\n".format(GOOD.format(i).strip().replace(",", "','")) for i in range(1, 9)),
    "doubled quotes": "".join(GOOD.format(i).replace("s3://b/", '"s3://b/""q""') .replace(f",{i}\n", f'",{i}\n')
                              for i in range(1, 9)),
    "quote that never ends": GOOD.format(1) + GOOD.format(2).replace("s3", '"s3') + GOOD.format(3),
    "line ends of Windows": "".join(GOOD.format(i) for i in range(1, 9)).replace("\n", "\r\n"),
    "mark": "\ufeff" + "".join(GOOD.format(i) for i in range(1, 9)),
    "mark and header": "\ufeffstart,stop,datakey,filesize\n" + "".join(GOOD.format(i) for i in range(1, 9)),
    "NUL": GOOD.format(1) + GOOD.format(2).replace("s3://b", "s3://b\0") + GOOD.format(3),
    "short": GOOD.format(1) + "2019-01-02T00:00:00Z\n" + GOOD.format(3),
    "long": GOOD.format(1) + GOOD.format(2).strip() + ",x,y\n" + GOOD.format(3),
    "no final newline": "".join(GOOD.format(i) for i in range(1, 9)).rstrip("\n"),
    "unsorted": "".join(GOOD.format(i) for i in (5, 3, 8, 1)),
    "copies": GOOD.format(1) * 3 + GOOD.format(2),
    "day of the year": "2019-032,2019-033,s3://b/k,1\n2019-034T01:00:00Z,2019-034T02:00:00Z,s3://b/l,2\n",
    "dot for colon": "2019-01-01T01:00.00Z,2019-01-01T02:00:00Z,s3://b/k,1\n",
    "leap second": "2016-12-31T23:59:60Z,2017-01-01T00:00:00Z,s3://b/k,1\n",
    "hour 24": "2019-01-01T24:00:00Z,2019-01-02T24:00:00Z,s3://b/k,1\n",
    "hour 25": GOOD.format(1) + "2019-01-01T25:00:00Z,2019-01-02T00:00:00Z,s3://b/k,1\n",
    "year 9999": "2019-01-01T00:00:00Z,9999-12-31T23:59:59Z,s3://b/k,1\n",
    "start in 9999": GOOD.format(1) + "9999-01-01T00:00:00Z,9999-12-31T23:59:59Z,s3://b/k,1\n",
    "30 February": GOOD.format(1) + "2019-02-30T00:00:00Z,2019-03-01T00:00:00Z,s3://b/k,1\n",
}


def test_25_26_each_oddity_as_the_reference_has_it(tiny, client, tmp_path):
    """Rows, bad rows by line, and mended ones; a file that is odd changes nothing of the others."""
    for number, text in enumerate(ODD.values()):
        tiny.add(f"odd{number:02}", {2019: text})
    client.index("--report", tmp_path / "r").expect(0)
    lines = [json.loads(line) for line in (tmp_path / "r").read_text().splitlines()]
    for number, (what, text) in enumerate(ODD.items()):
        name = f"odd{number:02}"
        _, bad = read_index(text.encode())
        told = [line["line"] for line in lines if line.get("kind") == "bad row" and line["id"] == name]
        assert len(told) == len(bad), (what, told, bad)
        assert all(line["column"] and line["url"].endswith(f"{name}_2019.csv") for line in lines
                   if line.get("kind") == "bad row" and line["id"] == name), what
        client.check(name)


# ---- packed


def test_27_zip_files_in_one_run_with_good_ones(tiny, client, tmp_path):
    """A bomb of a gigabyte within a megabyte, cut off at each tenth of its length, and good ones beside."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb.csv", "w") as member:
            for _ in range(64):
                member.write(b"\n" * (1 << 20))
    good = io.BytesIO()
    with zipfile.ZipFile(good, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.csv", "".join(GOOD.format(i) for i in range(1, 29)))
    good = good.getvalue()
    contents = {"bomb": packed.getvalue(), "good": good}
    contents |= {f"cut{tenth}": good[:len(good) * tenth // 10] for tenth in range(1, 10)}
    for name, data in contents.items():
        tiny.add(name, {2019: None}, indextype="csv-zip")
        tiny.write(f"/{TINY}/i/{name}_2019.csv.zip", data)
    client.index("--report", tmp_path / "r", "--retries", "1").expect(1, "1 fetched", "10 failed")
    lines = {line["id"]: line for line in map(json.loads, (tmp_path / "r").read_text().splitlines())}
    assert {name for name, line in lines.items() if line["exit"] == 7} == set(contents) - {"good"}
    assert "200 times" in lines["bomb"]["message"]
    client.check("good")
