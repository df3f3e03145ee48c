"""Catalogs in every form that the specification has had: what datasets, info, search and query make of them."""

import json
import ssl

import pytest

from conftest import TINY, rows
from origin import Behaviour, Origin
from servers import make_authority

ENTRY = {"id": "set", "index": f"s3://{TINY}/i/", "title": "The set", "start": "2020-01-01T00:00Z", "stop": "2020-12-31T00:00Z"}
LEGACY = {"id": "set", "loc": f"s3://{TINY}/i/", "title": "The set", "startdate": "2020-01-01T00:00Z",
          "enddate": "2020-12-31T00:00Z", "ndxformat": "csv"}
CONTENT = rows("set", 2020, 3)


def publish(client, catalog, content=CONTENT):
    client.tiny.write(client.tiny.catalog_path, catalog if isinstance(catalog, (str, bytes)) else json.dumps(catalog, indent=1))
    client.tiny.write(client.tiny.path("set", 2020), content)


def run(client, verb, *arguments):
    return client.program(verb, client.bucket, *arguments, *client.access)


def check_answers(client, *arguments, content=CONTENT):
    """The dataset is listed, described and answered for as its plainest form is."""
    listed = json.loads(run(client, "datasets", "--json", *arguments).expect(0).out)
    assert {name: listed[name] for name in ENTRY if name != "index"} == {k: v for k, v in ENTRY.items() if k != "index"}
    shown = json.loads(run(client, "info", "SET", "--json", *arguments).expect(0).out)
    assert [(file["year"], file["state"]) for file in shown["probe"]["index_files"]] == [(2020, "present")]
    assert shown["probe"]["first_row"]["datakey"] == content.split(",")[2]
    answer = run(client, "query", "set", "--format", "csv", *arguments).expect(0)
    assert [line.split(",")[2] for line in answer.lines[1:]] == [line.split(",")[2] for line in content.splitlines()]
    return shown


@pytest.mark.parametrize("top,version", [
    ({"version": "1.1"}, "1.1"), ({"Cloudy": "0.2"}, "0.2"), ({"CloudCatalog": "0.5"}, "0.5"), ({"version": 1.0}, "1.0"),
    ({"version": "1.0", "Cloudy": "0.1"}, "1.0"), ({}, None)])
def test_versions(client, top, version):
    publish(client, {**top, "status": {"code": 1200, "message": "OK"}, "catalog": [ENTRY]})
    assert check_answers(client)["catalog_version"] == version


@pytest.mark.parametrize("status,told", [
    ({"code": 1200, "message": "OK"}, "1200 OK"), ({"code": "1200", "message": "OK"}, "1200 OK"), ({"code": 1200}, "1200"),
    ("1200/OK", "1200 OK"), ("1200", "1200"), (1200, "1200")])
def test_24_statuses(client, status, told):
    publish(client, {"version": "1.0", "status": status, "catalog": [ENTRY]})
    done = run(client, "datasets").expect(0)
    assert done.err == ""
    assert check_answers(client)["catalog_status"] == told


@pytest.mark.parametrize("status", [{"code": 1400, "message": "moving house"}, "1400/moving house", {"code": "1400", "message": "moving house"}])
@pytest.mark.parametrize("arguments", [("datasets",), ("info", "set"), ("query", "set"), ("index",)])
def test_24_unavailable(client, status, arguments):
    publish(client, {"version": "1.0", "status": status, "catalog": [ENTRY]})
    run(client, *arguments).expect(5, "1400", "moving house")
    publish(client, {"version": "1.0", "status": {"code": 1200}, "catalog": [ENTRY]})
    check_answers(client)  # what was unavailable is not what is kept


def test_24_a_status_that_is_unknown_is_warned_of(client):
    publish(client, {"version": "1.0", "status": {"code": 1201, "message": "Hm"}, "catalog": [ENTRY]})
    run(client, "datasets").expect(0, "expected a status of 1200, found '1201 Hm'")


@pytest.mark.parametrize("entry", [
    ENTRY, LEGACY, {**LEGACY, "ndxformat": "CSV"},
    {**ENTRY, "indextype": None, "tags": None, "collections": None},
    {name.capitalize(): value for name, value in ENTRY.items()},
    {**LEGACY, **ENTRY, "loc": "s3://not-this-one/"},
    {**ENTRY, "index": ENTRY["index"].rstrip("/")},
])
def test_names_of_members(client, entry):
    publish(client, {"version": "1.0", "status": 1200, "catalog": [entry]})
    check_answers(client)


def test_a_byte_order_mark(client):
    publish(client, b"\xef\xbb\xbf" + json.dumps({"version": "1.0", "status": 1200, "catalog": [ENTRY]}).encode())
    check_answers(client)


@pytest.mark.parametrize("name", ["other.json", "deep/er.json", "with blank.json"])
def test_catalogs_of_other_names(client, name):
    publish(client, "no catalog at all")
    client.tiny.write(f"/{TINY}/{name}", json.dumps({"version": "1.0", "status": 1200, "catalog": [ENTRY]}))
    check_answers(client, "--catalog-name", name)
    run(client, "datasets").expect(7)


def test_a_missing_catalog_hints_at_other_names(client):
    run(client, "datasets").expect(3, "404", "--catalog-name")


@pytest.mark.parametrize("bad", [
    7, None, [], "set", {}, {**ENTRY, "id": "a b"}, {**ENTRY, "id": ""}, {**ENTRY, "id": {}}, {**ENTRY, "index": "i/"},
    {**ENTRY, "index": 5}, {**ENTRY, "index": None}, {name: value for name, value in ENTRY.items() if name != "title"},
    {name: value for name, value in ENTRY.items() if name != "stop"}])
def test_24_a_malformed_entry_is_skipped_with_its_place(client, bad):
    lines = [{**ENTRY, "id": "before"}, bad, ENTRY]
    publish(client, '{"status": 1200, "catalog": [\n%s\n]}' % ",\n".join(json.dumps(line) for line in lines))
    done = run(client, "datasets").expect(0, "line 3", "skipped")
    assert [line.split(",")[0] for line in done.lines] == ["id", "before", "set"]
    check = run(client, "query", "set", "--format", "keys").expect(0)
    assert len(check.lines) == 3


@pytest.mark.parametrize("document,told", [
    ("[]", "an object with a list"), ('{"status": 1200}', "no such member"), ('{"catalog": []}', '"status"'),
    ('{"status": 1200, "catalog": {}}', "an object"), ('{"status": 1200,\n "catalog": [}', "line 2"), ("", "line 1"),
    ("<html>Sorry</html>", "line 1")])
def test_24_what_is_no_catalog(client, document, told):
    publish(client, document)
    run(client, "datasets").expect(7, told)


# ---- where index files are


def test_index_in_another_bucket(client):
    """A bucket that is not the catalog's own is not taken for one at its endpoint."""
    publish(client, {"version": "1.0", "endpoint": f"s3://{TINY}/", "status": 1200,
                     "catalog": [{**ENTRY, "index": "s3://other-bucket/deep/er/"}]}, content="")
    client.tiny.write("/elsewhere/deep/er/set_2020.csv", CONTENT)
    check_answers(client, "--map", f"s3://other-bucket/={client.tiny.origin.url}/elsewhere/")
    assert client.tiny.asked() == ["/elsewhere/deep/er/set_2020.csv"]


@pytest.mark.parametrize("tls", [False, True])
def test_index_at_a_web_server(client, tmp_path, tls):
    """Not below the endpoint, not as an object of S3, but as it is written."""
    context, more = None, []
    if tls:
        authority = make_authority(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate, authority.key)
        more = ["--ca-file", authority.ca]
    with Origin(tls=context) as web:
        web.put("/a b/c+d/set_2020.csv", CONTENT.encode())
        publish(client, {"version": "1.0", "status": 1200, "catalog": [{**ENTRY, "index": f"{web.url}/a%20b/c+d/"}]}, content="")
        check_answers(client, *more)
        assert {r.target for r in web.requests()} == {"/a%20b/c+d/set_2020.csv"}
        assert client.tiny.asked() == []


@pytest.mark.parametrize("endpoint", [f"s3://{TINY}/", None])
def test_a_copy_at_a_web_server(client, endpoint):
    """Locations of the catalog's own bucket are read below the copy that was named."""
    catalog = {"version": "1.0", "endpoint": endpoint, "status": 1200, "catalog": [ENTRY]}
    client.tiny.write("/copy/catalog.json", json.dumps(catalog))
    client.tiny.write("/copy/i/set_2020.csv", CONTENT)
    client.bucket, client.access = f"{client.tiny.origin.url}/copy/", []
    check_answers(client)


def test_an_index_of_a_mapped_bucket(client, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "set_2020.csv").write_text(CONTENT)
    publish(client, {"version": "1.0", "endpoint": f"s3://{TINY}/", "status": 1200, "catalog": [{**ENTRY, "index": "s3://far/away/"}]})
    check_answers(client, "--map", f"s3://far/away/=file://{folder}/")


@pytest.mark.parametrize("index", ["file:///etc/", "http://169.254.169.254/latest/", "http://[fe80::1]/"])
def test_41_an_index_that_must_not_be_followed(client, index):
    publish(client, {"version": "1.0", "status": 1200, "catalog": [{**ENTRY, "index": index}, {**ENTRY, "id": "good"}]})
    client.tiny.write(client.tiny.path("good", 2020), CONTENT)
    run(client, "info", "set").expect(4)
    run(client, "index").expect(1)
    run(client, "query", "good", "--format", "keys", "--offline").expect(0)


# ---- what datasets are


@pytest.mark.parametrize("word,yes", [(True, True), ("True", True), ("true", True), (1, True), (False, False), ("False", False), ("maybe", False)])
def test_multiyear(client, word, yes):
    content = "2018-06-01T00:00:00Z,2020-06-01T00:00:00Z,s3://tiny-bucket/long,1\n"
    publish(client, {"version": "1.0", "status": 1200, "catalog": [{**ENTRY, "start": "2018", "multiyear": word}]})
    client.tiny.write(client.tiny.path("set", 2018), content)
    done = run(client, "query", "set", "--start", "2020-05-01", "--stop", "2020-05-02", "--format", "keys").expect(0)
    assert ("s3://tiny-bucket/long" in done.lines) == yes
    assert ("multiyear,true" in run(client, "info", "set", "--offline").expect(0).lines) == yes


def test_index_types(client):
    """A type that is not known fails its dataset alone."""
    entries = [{**ENTRY, "id": kind.strip().lower() or "none", "indextype": kind} for kind in ("csv", "CSV", "", "hdf")]
    entries[1]["id"] = "capitals"
    publish(client, {"version": "1.0", "status": 1200, "catalog": entries})
    for entry in entries:
        client.tiny.write(client.tiny.path(entry["id"], 2020), CONTENT)
    run(client, "index").expect(1, "hdf")
    run(client, "info", "hdf", "--refresh").expect(2, "expected the index type csv, csv-zip or parquet, found 'hdf'")
    for identifier in ("csv", "capitals", "none"):
        assert len(run(client, "query", identifier, "--offline", "--format", "keys").expect(0).lines) == 3


def test_24_a_catalog_that_is_too_large(client):
    publish(client, {"version": "1.0", "status": 1200, "catalog": [ENTRY], "comment": "x" * 5000})
    run(client, "datasets", "--max-catalog", "4K").expect(8, "4096")
    client.tiny.origin.script(client.tiny.catalog_path, Behaviour(chunked=True, ignore_range=True))
    run(client, "datasets", "--max-catalog", "4K").expect(8, "4096")
    check_answers(client)
