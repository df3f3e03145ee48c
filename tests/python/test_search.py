"""EntireCatalogSearch: all catalogs at once, those that fail are named, and search as a naive loop has it."""

import json
import random
import threading

import pytest
from origin import Behaviour, Origin
from published import asked, dataset, entry, publish, publish_catalog, publish_registry

from heliodex import EntireCatalogSearch
from heliodex.errors import Failure


@pytest.fixture
def origin():
    with Origin() as it:
        yield it


class World:
    """A registry with buckets on one origin."""

    def __init__(self, origin):
        self.origin = origin
        self.entries, self.catalogs = [], []

    def add(self, bucket, *datasets, name=None, region="us-east-1", **members):
        self.entries.append(entry(name or bucket, region, f"s3://{bucket}/"))
        self.catalogs.append(publish_catalog(self.origin, bucket, list(datasets), **members))

    def search(self, **settings):
        self.url = publish_registry(self.origin, self.entries)
        settings = {"endpoint_url": self.origin.url, "retries": 0, **settings}
        return EntireCatalogSearch(self.url, **settings)


@pytest.fixture
def world(origin):
    it = World(origin)
    it.add("bucket-one", dataset("mms1_fgm", "bucket-one", tags=["magnetic field", "MMS"]),
           dataset("aia_0094", "bucket-one", title="AIA images"))
    it.add("bucket-two", dataset("MMS2_FGM", "bucket-two"), name="Two", region="us-west-1")
    it.add("bucket-three", name="Two", region="us-west-2")
    return it


def test_all_catalogs_are_read(world):
    search = world.search()
    assert search.combined_catalog == world.catalogs
    assert list(search.catalogs) == ["s3://bucket-one/", "s3://bucket-two/", "s3://bucket-three/"]
    assert search.global_catalog.get_registry() == world.entries
    assert search.failures == []


def test_they_are_fetched_at_once(world, origin):
    for number in range(5):  # eight in all, as many as a host that is not yet known is asked for at once
        world.add(f"bucket-{number:02}", dataset(f"d{number}", f"bucket-{number:02}"))
    all_here = threading.Event()
    for each in world.entries:
        origin.always(f"/{each['endpoint'][5:]}catalog.json", Behaviour(until=all_here))
    together = []

    def watch():
        together.append(origin.wait_for(lambda: origin.requests_now == len(world.entries)))
        all_here.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    search = world.search()
    watcher.join()
    assert together == [True]
    assert search.combined_catalog == world.catalogs


def test_the_second_time_only_what_changed_is_sent(world, origin):
    world.search()
    publish_catalog(origin, "bucket-two", [dataset("new", "bucket-two")])
    origin.clear()
    search = world.search()
    sent = asked(origin)
    assert {path: status for path, status in sent if path != "/registry.json"} == {
        "/bucket-one/catalog.json": 304, "/bucket-two/catalog.json": 206, "/bucket-three/catalog.json": 304}
    assert {status for path, status in sent if path == "/registry.json"} == {304}
    assert search.search_by_id("new") and not search.search_by_id("MMS2")


def test_nothing_is_asked_offline(world, origin):
    world.search()
    origin.clear()
    search = world.search(offline=True)
    assert search.combined_catalog == world.catalogs
    assert asked(origin) == []


def test_buckets_that_fail_are_named(world, origin, caplog):
    world.add("no-catalog", name="Lost", region="eu-1")
    origin.remove("/no-catalog/catalog.json")
    world.add("is-closed", name="Closed", region="eu-2")
    origin.always("/is-closed/catalog.json", Behaviour(status=403))
    world.add("has-pause", dataset("hidden", "has-pause"), name="Pause", region="eu-3",
              status={"code": 1400, "message": "moving house"})
    world.add("no-json", name="Broken", region="eu-4")
    publish(origin, "/no-json/catalog.json", b'{"status": {"code": 1200}, "catalog": [')
    world.add("no-list", name="Empty", region="eu-5")
    publish(origin, "/no-list/catalog.json", {"status": {"code": 1200}})
    world.add("is-down", name="Down", region="eu-6")
    origin.always("/is-down/catalog.json", Behaviour(status=500))
    world.add("last-one", dataset("good", "last-one"))
    search = world.search()
    failed = ["no-catalog", "is-closed", "has-pause", "no-json", "no-list", "is-down"]
    assert [(each.what, each.status) for each in search.failures] == list(zip(
        [f"s3://{bucket}/" for bucket in failed],
        ["NOT_FOUND", "DENIED", "UNAVAILABLE", "INTEGRITY", "INTEGRITY", "TEMPORARY"]))
    assert "moving house" in search.failures[2].message
    assert [entry["id"] for entry in search.search_by_id("")] == ["mms1_fgm", "aia_0094", "MMS2_FGM", "good"]
    told = [record.message for record in caplog.records if "(6/10)" in record.message]
    assert len(told) == 1
    for name, region in (("Lost", "eu-1"), ("Closed", "eu-2"), ("Pause", "eu-3"), ("Broken", "eu-4"), ("Empty", "eu-5"),
                         ("Down", "eu-6")):
        assert f"{name} ({region})" in told[0]
    assert "bucket-one" not in told[0]


def test_all_fail(world, origin, caplog):
    for each in world.entries:
        origin.remove(f"/{each['endpoint'][5:]}catalog.json")
    search = world.search()
    assert search.combined_catalog == [] and search.search_by_keywords(["mms"]) == []
    assert len(search.failures) == 3 and isinstance(search.failures[0], Failure)
    assert any("(3/3)" in record.message for record in caplog.records)


def test_nobody_is_at_an_endpoint(world):
    with Origin() as other:
        gone = other.url
    world.entries.append(entry("Gone", "nowhere", f"{gone}/files/"))
    world.entries.append(entry("Odd", "nowhere", "s3://"))
    search = world.search()
    assert search.combined_catalog == world.catalogs
    assert [each.what for each in search.failures] == [f"{gone}/files/", "s3://"]
    assert search.failures[0].status == "TEMPORARY"


def test_endpoints_that_come_twice_count_once(world):
    world.entries.append(entry("Another name", "us-east-1", "s3://bucket-one"))
    world.entries.append(dict(world.entries[0]))
    search = world.search()
    assert search.combined_catalog == world.catalogs
    assert len(search.search_by_id("aia")) == 1


def test_a_warning_comes_once(world, caplog):
    world.add("odd-one", {"id": "half"}, dataset("whole", "odd-one"))
    world.entries.append({"name": "no endpoint", "region": "r"})
    world.search()
    messages = [record.message for record in caplog.records]
    assert len([text for text in messages if "half" in text]) == 1
    assert len([text for text in messages if 'no "endpoint"' in text]) == 1


def test_the_registry_is_away(world, origin):
    """Catalogs are as they were held, too: their buckets may be as far."""
    with Origin() as other:
        url = publish_registry(other, world.entries)
        EntireCatalogSearch(url, endpoint_url=origin.url)
    search = EntireCatalogSearch(url, endpoint_url=origin.url, retries=0)
    assert not search.global_catalog.is_fresh
    assert search.combined_catalog == world.catalogs


def test_no_registry(world, origin):
    world.search()
    with pytest.raises(ConnectionError):
        EntireCatalogSearch(origin.url + "/none.json", endpoint_url=origin.url)
    with pytest.raises(KeyError):
        EntireCatalogSearch(publish(origin, "/no.json", {"a": 1}), endpoint_url=origin.url)


def test_local_copies(tmp_path):
    """A registry of folders."""
    entries = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "catalog.json").write_text(json.dumps({"status": 1200, "catalog": [dataset(f"of_{name}", name)]}))
        entries.append(entry(name, "here", folder.as_uri() + "/"))
    (tmp_path / "registry.json").write_text(json.dumps({"registry": entries}))
    search = EntireCatalogSearch(tmp_path / "registry.json")
    assert [each["id"] for each in search.search_by_id("OF_")] == ["of_one", "of_two"]


def test_progress_is_told(world, origin):
    waiting = threading.Event()
    origin.always("/bucket-one/catalog.json", Behaviour(until=waiting))
    told = []

    def tell(progress):
        told.append((progress.files_done, progress.files_total))
        if progress.files_done == 2:
            waiting.set()

    world.search(progress=tell)
    assert (2, 3) in told


# ---- search


MOCK = {"catalog": [
    {"id": "file1", "index": "s3://helio-public/MMS", "title": "File 1"},
    {"id": "file2", "index": "s3://helio-public/MMS", "title": "File 2"},
    {"id": "file3", "index": "s3://helio-public/MMS", "title": "Another file"},
    {"id": "file4", "index": "s3://helio-public/MMS", "title": "File 4"},
    {"id": "file5", "index": "s3://helio-public/SDO", "title": "File 5"}]}


def ids(entries):
    return [each["id"] for each in entries]


def test_as_the_original_is_tested(world):
    search = world.search()
    search.combined_catalog = [MOCK]
    assert ids(search.search_by_id("file1")) == ["file1"]
    assert search.search_by_id("file1")[0] is MOCK["catalog"][0]
    assert search.search_by_id("file6") == search.search_by_title("xyz") == []
    assert set(ids(search.search_by_title("file"))) == {"file1", "file2", "file3", "file4", "file5"}
    found = search.search_by_keywords(["file", "s3://helio-public/MMS"])
    assert len(found) == 5 and found[0]["id"] == "file1" and found[-1]["id"] == "file5"
    found = search.search_by_keywords(["file1", "s3://helio-public/MMS"])
    assert len(found) == 4 and found[0]["id"] == "file1"
    assert search.search_by_keywords(["filea", "s3://helio-pWQublic/MMS"]) == []
    search.combined_catalog = [MOCK, MOCK]
    assert ids(search.search_by_id("file2")) == ["file2", "file2"]
    assert len(search.search_by_title("file")) == 10
    assert len(search.search_by_keywords(["file", "s3://helio-public/MMS"])) == 10


def random_entry(chance):
    def words(count):
        return " ".join(chance.choice(["mms", "MMS1", "brst", "Burst", "aia", "field", "é", "mmsmms"])
                        for _ in range(count))

    members = {"id": words(1) + str(chance.randrange(9)), "title": words(chance.randrange(5)),
               "index": f"s3://b/{words(1)}/i/", "tags": [words(2) for _ in range(chance.randrange(4))]}
    if chance.random() < 0.2:
        members["loc"] = members.pop("index")
    for name in ("title", "index", "tags", "loc"):
        if chance.random() < 0.2:
            members.pop(name, None)
    return members


def ranked_by_hand(catalogs, keywords):
    hits = []
    for catalog in catalogs:
        for each in catalog["catalog"]:
            count = 0
            for keyword in keywords:
                for text in (each.get("id", ""), each.get("index", each.get("loc", "")), each.get("title", "")):
                    count += len(text.lower().split(keyword.lower())) - 1
                for tag in each.get("tags", []):
                    count += 1 if keyword.lower() in tag.lower() else 0
            hits.append((count, each))
    ranked = []
    for wanted in sorted({count for count, _ in hits if count}, reverse=True):
        ranked += [each for count, each in hits if count == wanted]
    return ranked


def test_as_naive_loops_search(world):
    search = world.search()
    chance = random.Random(5)
    for _ in range(200):
        search.combined_catalog = [{"catalog": [random_entry(chance) for _ in range(chance.randrange(9))]}
                                   for _ in range(chance.randrange(4))]
        keywords = [chance.choice(["mms", "MMS", "b", "field", "AIA", "s3://", "É", "nothing"])
                    for _ in range(chance.randrange(4))]
        entries = [each for catalog in search.combined_catalog for each in catalog["catalog"]]
        found = search.search_by_keywords(keywords)
        expected = ranked_by_hand(search.combined_catalog, keywords)
        assert len(found) == len(expected) and all(a is b for a, b in zip(found, expected))
        for part in ("mms1", "B", "é"):
            assert search.search_by_id(part) == [e for e in entries if part.lower() in e["id"].lower()]
            assert search.search_by_title(part) == [e for e in entries if part.lower() in e.get("title", "").lower()]


@pytest.mark.parametrize("odd", [5, None, [], "text", {}, {"id": 5}, {"id": "x", "title": None, "index": 7, "tags": 3},
                                 {"id": "x", "tags": [None, 4, {"mms": 1}]}, {"id": "x", "tags": {"mms": 1}}])
def test_odd_entries_do_not_stop_a_search(world, odd):
    search = world.search()
    search.combined_catalog = [{"catalog": [odd, {"id": "mms", "title": "mms"}]}, {"catalog": None}, {}]
    assert search.search_by_keywords(["mms"]) == [{"id": "mms", "title": "mms"}]
    assert ids(search.search_by_id("mms")) == ids(search.search_by_title("mms")) == ["mms"]


def test_one_keyword_and_tags_as_one_text(world):
    search = world.search()
    search.combined_catalog = [{"catalog": [{"id": "a", "tags": "field, burst"}, {"id": "b"}]}]
    assert ids(search.search_by_keywords("burst")) == ["a"]
