"""Catalogs, registries and stored snapshots that are odd, hostile or not where they should be; what a bucket's other
datasets have of it."""

import json

import pytest

from conftest import TINY
from origin import Behaviour


def findings(done):
    return [json.loads(line) for line in done.lines]


def validate(client, *arguments):
    return client.program("validate", client.bucket, *client.access, "--format", "ndjson", *arguments)


def held(client, identifier):
    return next(client.program.store.rglob(f"{identifier}.hdx"))


# ---- entries


@pytest.mark.parametrize("how", ["auto", "list", "probe"])
def test_41_an_index_on_this_machine(tiny, client, tmp_path, how):
    """A catalog of the network leads to no file, whatever asks for its index files."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x_2020.csv").write_text("2020-01-01Z,2020-01-02Z,s3://a/secret,1\n")
    tiny.add("x", {2020: None}, index=secret.as_uri() + "/")
    tiny.add("y", {2020: 3})
    told = "a remote document may not name a file:// address"
    if how == "list":  # of which the other dataset's folder has none here
        client.index("--discover", how).expect(4, told)
        client.index("y", "--discover", "probe").expect(0)
    else:
        client.index("--discover", how).expect(1, "x: ", told)
    assert not list(client.program.store.rglob("x.hdx"))
    client.check("y")
    done = validate(client, "--deep").expect(1)
    told = [row for row in findings(done) if row["id"] == "x" and row["severity"] == "error"]
    assert told and not any("s3://a/secret" in line for line in done.lines), done


def test_24_an_id_that_stands_twice(tiny, client):
    """The first one counts for all, and it is told; who asks for that id alone is told that there are two."""
    tiny.add("x", {2020: 3})
    tiny.add("x", {2021: 5})
    tiny.add("y", {2020: 2})
    client.index().expect(0, "the id x stands twice in the catalog: the first is taken")
    assert len(client.program("query", client.bucket, "*", *client.access, "--offline").lines) == 1 + 3 + 2
    client.index("x").expect(7, "2 datasets of that id")


@pytest.mark.parametrize("late", [2020, 2021])
def test_24_findings_behind_an_entry_that_is_skipped(tiny, client, late):
    """They have the place of their own entry."""
    tiny.add("x", {2020: 3})
    tiny.entries.append({"title": "no id", "index": f"s3://{TINY}/i/"})
    tiny.add("y", {2020: "yesterday,2020-01-02Z,s3://a/b,1\n2020-01-01Z,2020-01-02Z,s3://a/b,x\n",
                   2021: "tomorrow,2021-01-02Z,s3://a/b,1\n2021-01-01Z,2021-01-02Z,s3://a/b,x\n"})
    tiny.origin.always(tiny.path("y", late), Behaviour(delay=0.2))
    done = validate(client, "--deep").expect(1)
    places = [row["place"] for row in findings(done) if "_202" in row["place"] and row["id"] == "y"]
    assert [year for place in places for year in ("2020", "2021") if f"y_{year}" in place] == sorted(
        ["2020"] * (len(places) // 2) + ["2021"] * (len(places) - len(places) // 2)) and len(places) >= 2, done
    assert any("$.catalog[1]" in row["path"] for row in findings(done) if not row["id"]), done


def test_24_a_catalog_without_datasets(tiny, client):
    tiny.publish()
    validate(client, "--deep").expect(0)
    client.index().expect(0, "no dataset")


def test_24_a_catalog_that_names_no_bucket(tiny, client):
    """Its index files are where they are: none of them is elsewhere than the catalog."""
    folder = f"{tiny.origin.url}/{TINY}/"
    tiny.add("x", {2020: 3}, index=f"{folder}i/")
    tiny.extra["endpoint"] = None
    tiny.publish()
    done = client.program("validate", folder, "--deep", "--format", "ndjson", "--severity", "note")
    assert not [row for row in findings(done) if row["rule"] == "index-elsewhere"], done
    client.program("index", folder).expect(0, "1 fetched")


def test_a_catalog_whose_name_is_too_long(tiny, client):
    name = "c" * 8200
    client.program("datasets", client.bucket, *client.access, "--catalog-name", name).expect(8, "catalog's address")
    assert tiny.origin.requests() == []


# ---- what is held


def test_37_a_snapshot_of_another_dataset_in_its_place(tiny, client):
    """It is sound, and answers for nothing else; nor is it overwritten, as somebody may want it."""
    tiny.add("x", {2020: 3})
    tiny.add("y", {2020: 5})
    client.index().expect(0)
    other = held(client, "y").read_bytes()
    held(client, "x").write_bytes(other)
    client.query("x", "--offline").expect(7, "x.hdx")
    client.index().expect(1, "x.hdx")
    assert held(client, "x").read_bytes() == other
    client.check("y")
    held(client, "x").unlink()
    client.index().expect(0)
    client.check()


@pytest.mark.parametrize("identifier", ["a/b", "../x", "x" * 300])
def test_38_ids_that_are_none(tiny, client, identifier):
    """No name of a file in the store is made of them."""
    tiny.add("x", {2020: 3})
    client.index().expect(0)
    client.program("info", client.bucket, identifier, *client.access, "--offline").expect(3)
    client.program("store", "list", client.bucket, identifier).expect(3, "not the id of a dataset")
    client.program("store", "remove", client.bucket, identifier).expect(3, "not the id of a dataset")
    client.check("x")


# ---- registries


def test_28_a_registry_that_cannot_be_kept(tiny, client, failing):
    """It is asked for its buckets all the same where there is room again."""
    url = f"{tiny.origin.url}/registry.json"
    tiny.origin.put("/registry.json", json.dumps(
        {"registry": [{"name": "N", "endpoint": client.bucket, "region": "r"}]}).encode())
    failing("rename:1:ENOSPC", "registry", "--registry", url).expect(6, "No space left")
    assert "N" in client.program("registry", "--registry", url).expect(0).out


# ---- documents to be validated


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_24_what_a_document_is_its_first_bytes_tell(tiny, client, tmp_path, bom):
    tiny.add("x", {2020: 3})
    for name, source in ("catalog", tiny.catalog_path), ("index", tiny.path("x", 2020)):
        (tmp_path / name).write_bytes(bom + tiny.read(source))
    done = client.program("validate", tmp_path / "catalog", "--format", "ndjson", "--severity", "note")
    assert done.code == 0 and not [row for row in findings(done) if row["rule"].startswith("row-")], done
    client.program("validate", tmp_path / "index", "--format", "ndjson").expect(0)


def test_validate_without_libcurl(tiny, client, failing):
    tiny.add("x", {2020: 3})
    failing("dlopen:1", "validate", client.bucket, *client.access).expect(6, "cannot be loaded")


def test_validate_of_a_folder_that_is_no_place(client):
    for target in ("s3://UPPER CASE/catalog.json", "s3:///catalog.json", "http://h:99999/catalog.json"):
        client.program("validate", target).expect(2)
