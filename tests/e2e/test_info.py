"""What info tells of a dataset: its entry, its index files as the servers have them, its first row, what is held."""

import csv
import gzip
import io
import json
import os
import threading
import zipfile

import pytest

from conftest import TINY, rows
from gateway import missing
from origin import Behaviour, etag_of
from s3_bucket import Shelf, User
from servers import Nginx

YEARS = {2018: 3, 2019: None, 2020: 2}
HEAD = 64 << 10


def show(client, identifier, *arguments, code=0, told=()):
    done = client.program("info", client.bucket, identifier, *client.access, "--retries", "0", "--json", *arguments)
    return json.loads(done.expect(code, *told).out)


def states(shown):
    return {file["year"]: file["state"] for file in shown["probe"]["index_files"]}


def first_row(content):
    start, stop, key, size = content.splitlines()[0].split(",")
    return {"start": start, "stop": stop, "datakey": key, "filesize": int(size)}


def fields(done):
    return list(csv.reader(io.StringIO(done.out)))[1:]


# ---- the entry


def test_all_members_of_the_entry(client):
    client.tiny.extra = {"Cloudy": "0.2", "status": "1200/OK", "contact": "Someone", "egress": "no-egress,public"}
    odd = {"x_mission": "Caf\u00e9 \"1\"", "grid": {"rows": [1, 2.50], "note": "a  \\ \"b\""}, "startdate": "1999"}
    client.tiny.add("set", {2020: 1}, **odd, tags=["a b", "c"])
    shown = show(client, "set")
    assert shown["entry"] == client.tiny.entries[0] | odd
    assert (shown["catalog_version"], shown["catalog_status"]) == ("0.2", "1200 OK")
    told = fields(client.program("info", client.bucket, "set", *client.access).expect(0))
    assert ["x_mission", "Caf\u00e9 \"1\""] in told
    assert ["startdate", "1999"] in told and ["start", "2020-01-01T00:00:00Z"] in told  # the one of two that is not used
    assert ["grid", '{"rows":[1,2.5],"note":"a  \\\\ \\"b\\""}'] in told
    assert ["tags", '["a b","c"]'] in told
    assert ["catalog version", "0.2"] in told and ["catalog status", "1200 OK"] in told
    assert ["catalog contact", "Someone"] in told and ["catalog egress", "no-egress,public"] in told


# ---- by asking for each


def test_which_files_exist_and_the_first_row(client):
    client.tiny.add("set", YEARS)
    shown = show(client, "set")["probe"]
    content = {year: rows("set", year, count) for year, count in YEARS.items() if count}
    assert [(file["year"], file["state"], file["bytes"], file["etag"], file["url"]) for file in shown["index_files"]] == [
        (2018, "present", len(content[2018]), etag_of(content[2018].encode()), f"s3://{TINY}/i/set_2018.csv"),
        (2019, "gap", None, None, f"s3://{TINY}/i/set_2019.csv"),
        (2020, "present", len(content[2020]), etag_of(content[2020].encode()), f"s3://{TINY}/i/set_2020.csv")]
    assert shown["first_row"] == first_row(content[2018])
    assert shown["form"] == "csv"


def test_little_of_large_files_is_asked_for(client):
    client.tiny.add("set", {year: 40000 for year in range(2016, 2020)})
    show(client, "set")
    ranges = sorted((r.path, r.headers.get("range"), r.sent) for r in client.tiny.origin.requests() if r.path.endswith(".csv"))
    assert ranges == sorted([(f"/{TINY}/i/set_{year}.csv", "bytes=0-0", 1) for year in range(2016, 2020)]
                            + [(f"/{TINY}/i/set_2016.csv", f"bytes=0-{HEAD - 1}", HEAD)])


def test_all_years_are_asked_for_at_once(client):
    client.tiny.add("set", {year: 1 for year in range(2016, 2021)})
    together = threading.Event()
    for year in range(2016, 2021):
        client.tiny.origin.script(client.tiny.path("set", year), Behaviour(until=together))
    process = client.program.start("info", client.bucket, "set", *client.access, "--json")
    at_once = client.tiny.origin.wait_for(lambda: client.tiny.origin.requests_now == 5)
    together.set()
    out, err = process.communicate(timeout=60)
    assert at_once, err
    assert set(states(json.loads(out)).values()) == {"present"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_server_without_ranges_is_not_read_to_the_end(client, chunked):
    """Such a server begins to send the whole file: the connection is closed when enough has come."""
    large = rows("set", 2018, 200000)
    client.tiny.add("set", {2018: large, 2019: 1, 2020: None})
    for year in (2018, 2019):
        client.tiny.origin.always(client.tiny.path("set", year), Behaviour(ignore_range=True, chunked=chunked))
    shown = show(client, "set")
    assert states(shown) == {2018: "present", 2019: "present", 2020: "gap"}
    assert shown["probe"]["first_row"] == first_row(large)
    assert shown["probe"]["index_files"][0]["bytes"] == (None if chunked else len(large))
    requests = client.tiny.origin.of(client.tiny.path("set", 2018))
    assert len(requests) == 2 and all(r.sent < len(large) for r in requests) and len(large) > 15 << 20


def test_a_server_without_ranges_and_a_limit_of_the_rate(client):
    """Enough has come just when a paused answer goes on."""
    large = rows("set", 2018, 20000)
    client.tiny.add("set", {2018: large, 2019: 1})
    for year in (2018, 2019):
        client.tiny.origin.always(client.tiny.path("set", year), Behaviour(ignore_range=True))
    shown = show(client, "set", "--limit-rate", "100K")
    assert states(shown) == {2018: "present", 2019: "present"}
    assert shown["probe"]["first_row"] == first_row(large)
    assert len(client.tiny.origin.of(client.tiny.path("set", 2018))) == 2


@pytest.mark.parametrize("size", [0, 1, HEAD - 1, HEAD, HEAD + 1])
@pytest.mark.parametrize("behaviour", [None, Behaviour(ignore_range=True), Behaviour(ignore_range=True, chunked=True)])
def test_files_of_any_size(client, size, behaviour):
    line = "2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,s3://tiny-bucket/a,7\n"
    content = (line * (size // len(line) + 1))[:size]
    client.tiny.add("set", {2020: content})
    client.tiny.origin.always(client.tiny.path("set", 2020), behaviour)
    shown = show(client, "set")["probe"]
    assert [file["state"] for file in shown["index_files"]] == ["present"]
    if size > 1:
        assert shown["first_row"]["filesize"] == 7 and shown["reason"] is None
    else:
        assert shown["first_row"] is None and shown["reason"]


@pytest.mark.parametrize("headers,reason", [
    ({"Content-Range": "bytes 5-5/100"}, "not the range"),
    ({"Content-Range": "bytes 0-99/100"}, "not the range"),
    ({"Content-Range": "bytes 0-0/99999999999999999999999"}, "not the range"),
])
def test_18_ranges_that_lie(client, headers, reason):
    client.tiny.add("set", {2019: 2, 2020: 2})
    client.tiny.origin.always(client.tiny.path("set", 2020), Behaviour(headers=headers))
    shown = show(client, "set", code=1, told=["1 of 2 index files", reason])
    assert states(shown) == {2019: "present", 2020: "failed"}


def test_a_failure_is_no_gap(client):
    client.tiny.add("set", {year: 1 for year in range(2017, 2021)})
    client.tiny.origin.always(client.tiny.path("set", 2018), Behaviour(status=503))
    client.tiny.origin.always(client.tiny.path("set", 2019), Behaviour(cut=-1))
    shown = show(client, "set", code=1, told=["2 of 4 index files"])
    assert states(shown) == {2017: "present", 2018: "failed", 2019: "failed", 2020: "present"}
    reasons = {file["year"]: file["reason"] for file in shown["probe"]["index_files"]}
    assert "503" in reasons[2018] and reasons[2019] and reasons[2017] is None


@pytest.mark.parametrize("readable", [True, False])
def test_12_403_is_a_gap_where_another_file_can_be_read(client, readable):
    client.tiny.add("set", {year: 1 for year in range(2018, 2021)})
    for year in (2018, 2019, 2020)[readable:]:
        client.tiny.origin.always(client.tiny.path("set", year), Behaviour(status=403))
        client.tiny.origin.always(client.tiny.path("set", year) + ".gz", Behaviour(status=403))
    shown = show(client, "set", code=0 if readable else 1)
    assert states(shown) == ({2018: "present", 2019: "gap", 2020: "gap"} if readable else dict.fromkeys(range(2018, 2021), "failed"))


def test_one_name_refused_and_the_other_missing_is_no_gap(client):
    client.tiny.add("set", {2019: None, 2020: None})
    client.tiny.origin.always(client.tiny.path("set", 2019), Behaviour(status=403))
    assert states(show(client, "set", code=1)) == {2019: "failed", 2020: "gap"}


# ---- forms


def packed(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set_2020.csv", content)
    return out.getvalue()


@pytest.mark.parametrize("kind,ending,pack", [("csv", "csv", str.encode), ("csv", "csv", lambda text: gzip.compress(text.encode())),
                                              ("csv", "csv.gz", lambda text: gzip.compress(text.encode())),
                                              ("CSV-ZIP", "csv.zip", packed)])
def test_packed_files(client, kind, ending, pack):
    content = rows("set", 2020, 30000)
    client.tiny.add("set", {2019: None, 2020: None}, indextype=kind)
    client.tiny.write(f"/{TINY}/i/set_2020.{ending}", pack("# start, stop, datakey, filesize\n" + content))
    shown = show(client, "set")["probe"]
    assert [(file["state"], file["url"].rsplit(".", 1)[-1]) for file in shown["index_files"]] == [
        ("gap", kind.lower().rsplit("-", 1)[-1]), ("present", ending.rsplit(".", 1)[-1])]
    assert shown["first_row"] == first_row(content)
    assert shown["form"].startswith("csv, header") and (pack is str.encode) == ("zip" not in shown["form"])


@pytest.mark.parametrize("content,reason", [
    ("nonsense,2020,x,1\n", "line 1"), ("# nothing yet\n", "no row"), (b"PAR1\x15\x04\x15", "parquet"),
    ("<!DOCTYPE html><html>", "html"), (b"PK\x03\x04 but no archive", "zip"), ("#" * 200000, "no row in its first 65536 bytes"),
])
def test_why_there_is_no_first_row(client, content, reason):
    client.tiny.add("set", {2020: None})
    client.tiny.write(client.tiny.path("set", 2020), content)
    shown = show(client, "set")["probe"]
    assert shown["first_row"] is None and reason in shown["reason"].lower(), shown
    told = dict(fields(client.program("info", client.bucket, "set", *client.access).expect(0)))
    assert told["first row"] == f"none: {shown['reason']}"


def test_no_stop_and_no_size(client):
    client.tiny.add("set", {2020: "2020-05-06T07:08:09.5Z,s3://tiny-bucket/a,\n2020-05-07T00:00:00Z,s3://tiny-bucket/b,5\n"})
    shown = show(client, "set")["probe"]
    assert shown["first_row"] == {"start": "2020-05-06T07:08:09.500Z", "stop": None, "datakey": "s3://tiny-bucket/a", "filesize": None}
    assert shown["form"] == "csv, no stop column"
    told = dict(fields(client.program("info", client.bucket, "set", *client.access).expect(0)))
    assert told["first row"] == "2020-05-06T07:08:09.500Z, s3://tiny-bucket/a"


def test_static(client):
    client.tiny.add("set", {2020: None}, start="static", stop="static")
    client.tiny.write(f"/{TINY}/i/set_static.csv", "2020-01-01T00:00:00Z,2020-01-01T00:00:00Z,s3://tiny-bucket/model,5\n")
    shown = show(client, "set")["probe"]
    assert [(file["year"], file["state"]) for file in shown["index_files"]] == [(None, "present")]
    assert shown["first_row"]["datakey"] == "s3://tiny-bucket/model"
    client.tiny.write(f"/{TINY}/i/set_static.csv", "static,static,s3://tiny-bucket/model,5\n")
    assert show(client, "set")["probe"]["first_row"] == first_row("static,static,s3://tiny-bucket/model,5\n")
    told = dict(fields(client.program("info", client.bucket, "set", *client.access).expect(0)))
    assert told["first row"] == "static to static, s3://tiny-bucket/model, 5 bytes"  # as held times has it


# ---- when the network is asked


def test_what_is_held_is_shown_without_a_request(client):
    client.tiny.add("set", YEARS)
    client.index().expect(0)
    client.tiny.origin.clear()
    shown = show(client, "set")
    assert client.tiny.origin.requests() == [] and shown["probe"] is None
    assert {file["year"]: file["state"] for file in shown["snapshot"]["index_files"]} == {2018: "present", 2019: "gap", 2020: "present"}


def test_refresh_asks_for_what_is_held(client):
    client.tiny.add("set", YEARS)
    client.index().expect(0)
    client.tiny.write(client.tiny.path("set", 2019), rows("set", 2019, 1))
    shown = show(client, "set", "--refresh")
    assert states(shown) == {2018: "present", 2019: "present", 2020: "present"}
    assert [file["state"] for file in shown["snapshot"]["index_files"]] == ["present", "gap", "present"]


def test_offline_never_asks(client):
    client.tiny.add("set", YEARS)
    client.program("datasets", client.bucket, *client.access).expect(0)
    client.tiny.origin.clear()
    shown = show(client, "set", "--offline")
    assert (shown["probe"], shown["snapshot"]) == (None, None)
    assert client.tiny.origin.requests() == []


def test_keys_are_the_files_that_exist(client):
    client.tiny.add("set", YEARS)
    done = client.program("info", client.bucket, "set", *client.access, "--format", "keys").expect(0)
    assert done.lines == [f"s3://{TINY}/i/set_{year}.csv" for year in (2018, 2020)]


def test_41_a_remote_catalog_leads_to_no_file(client):
    client.tiny.add("set", {2020: 1}, index=f"file://{client.tiny.folder}/{TINY}/i/")
    done = client.program("info", client.bucket, "set", *client.access, "--json").expect(4, "file://")
    assert json.loads(done.out)["entry"]["id"] == "set" and json.loads(done.out)["probe"] is None


# ---- other servers


def test_a_local_copy(client):
    client.tiny.add("set", {2018: 3000, 2019: None, 2020: 2})
    done = client.program("info", f"file://{client.tiny.folder}/{TINY}/", "set", "--json").expect(0)
    shown = json.loads(done.out)
    content = rows("set", 2018, 3000)
    assert states(shown) == {2018: "present", 2019: "gap", 2020: "present"}
    assert shown["probe"]["first_row"] == first_row(content)
    assert shown["probe"]["index_files"][0]["bytes"] == len(content) > HEAD
    assert client.tiny.origin.requests() == []


@pytest.mark.parametrize("ranges", [True, False])
def test_nginx(client, tmp_path, ranges):
    client.tiny.add("set", {2018: 100000, 2019: None, 2020: 2})
    with Nginx(client.tiny.folder, tmp_path / "work", ranges=ranges) as server:
        done = client.program("info", f"{server.url}/{TINY}/", "set", "--json").expect(0)
    shown = json.loads(done.out)
    assert states(shown) == {2018: "present", 2019: "gap", 2020: "present"}
    assert shown["probe"]["first_row"] == first_row(rows("set", 2018, 100000))
    assert shown["probe"]["index_files"][0]["bytes"] == len(rows("set", 2018, 100000))


def page(keys, truncated=False):
    content = "".join(f"<Contents><Key>{key}</Key><LastModified>2024-02-29T23:59:59.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
                      f"<Size>5</Size></Contents>" for key in keys)
    more = "<NextContinuationToken>more</NextContinuationToken>" if truncated else ""
    return (f"<ListBucketResult><IsTruncated>{str(truncated).lower()}</IsTruncated>{more}{content}</ListBucketResult>").encode()


@pytest.mark.parametrize("body", [
    page(["i/set_2018.csv", "j/set_2019.csv"]),  # keys that nobody asked for
    page(["i/set_2018.csv"], truncated=True),  # the same page again and again
    page(["i/set_2018.csv"])[:-20], b"<html>Welcome to the bucket</html>", b"",
    page([f"i/set_{i:04}_x" for i in range(1500)], truncated=True)])
def test_lists_that_are_not_to_be_trusted(client, body):
    client.tiny.add("set", YEARS)
    client.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=body))
    shown = show(client, "set")
    assert states(shown) == {2018: "present", 2019: "gap", 2020: "present"}
    assert shown["probe"]["index_files"][0]["bytes"] == len(rows("set", 2018, 3))


def test_a_list_says_what_there_is(client):
    client.tiny.add("set", YEARS)
    client.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=page(["i/set_2018.csv", "i/set_2020.csv", "i/set_2020.csv.gz"])))
    shown = show(client, "set")
    assert states(shown) == {2018: "present", 2019: "gap", 2020: "present"}
    assert shown["probe"]["index_files"][2] == {
        "year": 2020, "state": "present", "bytes": 5, "url": f"s3://{TINY}/i/set_2020.csv", "etag": '"e"',
        "last_modified": "Thu, 29 Feb 2024 23:59:59 GMT", "reason": None}
    assert client.tiny.asked() == [client.tiny.path("set", 2018)]  # for its first row


def test_a_list_that_is_longer_than_what_is_worth_it(client):
    """Each page goes on behind the one before, and none comes to the end: what is asked for one by one is known then."""
    client.tiny.add("set", YEARS)
    for number in range(12):
        body = page([f"i/set_{1000 * number + i:05}_x" for i in range(1000)], truncated=True)
        client.tiny.origin.script(f"/{TINY}/", Behaviour(status=200, body=body.replace(b">more<", b">%d<" % number)))
    shown = show(client, "set")
    assert states(shown) == {2018: "present", 2019: "gap", 2020: "present"}
    assert len(client.tiny.origin.of(f"/{TINY}/")) == 4


def test_a_file_that_is_listed_and_not_to_be_had(client):
    client.tiny.add("set", YEARS)
    client.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=page(["i/set_2018.csv", "i/set_2020.csv"])))
    client.tiny.origin.always(client.tiny.path("set", 2018), Behaviour(status=403))
    shown = show(client, "set", code=1, told=["1 of 3 index files could not be asked for", "set_2018.csv: status 403"])
    assert states(shown) == {2018: "failed", 2019: "gap", 2020: "present"} and shown["probe"]["first_row"] is None
    assert "set_2018.csv: status 403" in shown["probe"]["reason"]


def test_a_file_from_before_1970(client):
    """Its date is not made up."""
    client.tiny.add("set", {2018: 3})
    path = client.tiny.folder / client.tiny.path("set", 2018).lstrip("/")
    os.utime(path, (-86400, -86400))
    done = client.program("info", f"file://{client.tiny.folder}/{TINY}/", "set", "--json").expect(0)
    assert not json.loads(done.out)["probe"]["index_files"][0]["last_modified"]


def test_a_list_of_a_dataset_without_time(client):
    client.tiny.add("set", {2018: None}, start="static", stop="static")
    client.tiny.write(f"/{TINY}/i/set_static.csv", "static,static,s3://a/b,1\n")
    client.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=page(["i/set_static.csv"])))
    shown = show(client, "set")
    assert [file["url"] for file in shown["probe"]["index_files"]] == [f"s3://{TINY}/i/set_static.csv"]
    assert shown["probe"]["first_row"]["datakey"] == "s3://a/b"


needs_gateway = pytest.mark.skipif(bool(missing()), reason=str(missing()))


@pytest.fixture(scope="module")
def shelf(gateway, tmp_path_factory):
    """What anybody may read and list, with years beyond those that the catalog promises."""
    it = Shelf(gateway, "info-bucket", tmp_path_factory.mktemp("info"), acl="public-read")
    it.add("set", {2018: 3000, 2019: None, 2020: 2})
    it.add("set_other", {2018: 1, 2019: 1})  # its files begin as those of set
    for name, count in {"set_2021.csv": 1, "set_2016.csv.gz": 1, "set_2019.csv.bak": 1, "set_19.csv": 1}.items():
        it.write(f"i/{name}", rows("set", 2021, count))
    it.write("i/set_2022/set_2022.csv", "")
    return it.publish()


@needs_gateway
def test_by_a_list(heliodex, gateway, shelf):
    """One request tells of all files, those too that the catalog does not promise."""
    gateway.clear()
    user = User(heliodex, gateway, shelf, {})
    done = user("info", shelf.url, "set", "--json").expect(0)
    requests = [(each.target.partition("?")[0].rsplit("/", 1)[-1], each.status) for each in gateway.requests(3)
                if each.method == "GET"]
    shown = json.loads(done.out)
    assert states(shown) == {2016: "present", 2018: "present", 2019: "gap", 2020: "present", 2021: "present"}
    there = {each["Key"]: each for each in gateway.client().list_objects_v2(Bucket=shelf.name)["Contents"]}
    for file in shown["probe"]["index_files"]:
        if file["state"] == "present":
            each = there[file["url"].removeprefix(shelf.url)]
            assert (file["bytes"], file["etag"]) == (each["Size"], each["ETag"])
            assert file["last_modified"] == each["LastModified"].strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert requests == [("catalog.json", 206), ("", 200), ("set_2016.csv.gz", 206)]


@needs_gateway
@pytest.mark.parametrize("may_list", [True, False])
def test_a_private_bucket(heliodex, gateway, tmp_path, may_list):
    shelf = Shelf(gateway, f"info-private-{may_list}".lower(), tmp_path / "shelf")
    shelf.add("set", YEARS).publish()
    reader = gateway.user(f"info-reader-{may_list}")
    actions = ["s3:GetObject"] + (["s3:ListBucket"] if may_list else [])
    shelf.allow(*actions, user=f"info-reader-{may_list}")
    credentials = {"AWS_ACCESS_KEY_ID": reader[0], "AWS_SECRET_ACCESS_KEY": reader[1]}
    shown = json.loads(User(heliodex, gateway, shelf, credentials)("info", shelf.url, "set", "--json").expect(0).out)
    assert states(shown) == {2018: "present", 2019: "gap", 2020: "present"}
    assert shown["probe"]["first_row"]["datakey"].startswith(shelf.url)
