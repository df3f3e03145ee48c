"""A folder of index files, as the original tool's cache: what it has is not asked for, what it lacks is kept there."""

import gzip
import json
import os

import pytest

from conftest import TINY, rows
from origin import Behaviour
from session import Session

BUCKET = f"s3://{TINY}/"


class Cache:
    """Sessions with a cache, on stores of their own."""

    def __init__(self, program, tiny, folder):
        self.program, self.tiny, self.folder = program, tiny, folder
        self.stores = 0

    def session(self, *settings, store=None):
        """On a new store, unless one is named."""
        self.stores += 1
        return Session(self.program, self.tiny.origin.url, f"cache={self.folder}", *settings,
                       store=store or self.program.home / f"store-{self.stores}")

    def path(self, identifier, year, ending="csv"):
        return self.folder / identifier / f"{identifier}_{year}.{ending}"

    def put(self, identifier, year, content, ending="csv"):
        path = self.path(identifier, year, ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else rows(identifier, year, content).encode())
        return path

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())


@pytest.fixture
def cache(heliodex, tiny, tmp_path):
    return Cache(heliodex, tiny, tmp_path / "cache")


def keys(identifier, year, count):
    return [line.split(",")[2] for line in rows(identifier, year, count).splitlines()]


def asked(tiny):
    found = [path.rsplit("/", 1)[1] for path in tiny.asked()]
    tiny.origin.clear()
    return sorted(found)


def test_what_is_there_is_not_asked_for_and_the_rest_is_kept(cache, tiny):
    tiny.add("one", {2018: 3, 2019: 3, 2020: 3})
    cache.put("one", 2019, 5)  # another than the server's, so that the answer tells where it came from
    wanted = keys("one", 2018, 3) + keys("one", 2019, 5) + keys("one", 2020, 3)
    with cache.session() as session:
        assert session("query", BUCKET, "one").expect().words == wanted
    assert asked(tiny) == ["one_2018.csv", "one_2020.csv"]
    for year in (2018, 2020):
        assert cache.path("one", year).read_bytes() == tiny.read(tiny.path("one", year))
    assert cache.path("one", 2019).read_text() == rows("one", 2019, 5)
    assert cache.files() == [f"one/one_{year}.csv" for year in (2018, 2019, 2020)]
    with cache.session() as session:  # another store: all is there
        assert session("query", BUCKET, "one").expect().words == wanted
    assert asked(tiny) == []


def test_a_relative_folder_and_a_folder_of_links(cache, tiny, heliodex):
    tiny.add("one", {2019: 3})
    elsewhere = heliodex.home / "elsewhere" / "a b%41.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_text(rows("one", 2019, 4))
    cache.folder = heliodex.home / "c ü"
    cache.folder.joinpath("one").mkdir(parents=True)
    cache.path("one", 2019).symlink_to(elsewhere)
    for folder in ("c ü", "./c ü", cache.folder):
        cache.folder = folder
        with cache.session() as session:
            assert session("query", BUCKET, "one").expect().count == 4
    assert asked(tiny) == [] and cache.path("one", 2019).is_symlink()  # it is not written anew


def test_no_folder(cache, tiny):
    tiny.add("one", {2019: 3})
    cache.folder = ""
    with cache.session() as session:
        assert session("query", BUCKET, "one").expect().count == 3


def test_what_is_no_regular_file_is_not_there(cache, tiny):
    tiny.add("one", {2018: 3, 2019: 3})
    cache.path("one", 2018).mkdir(parents=True)
    os.mkfifo(cache.path("one", 2019))
    with cache.session() as session:
        session("query", BUCKET, "one").expect("IO", str(cache.path("one", 2018)))  # it cannot be kept there
    assert asked(tiny) == ["one_2018.csv", "one_2019.csv"]


def test_other_names_and_packing(cache, tiny):
    tiny.add("gz", {2018: None, 2019: None})
    tiny.add("both", {2019: None})
    tiny.add("zip", {2019: None}, indextype="csv-zip")
    tiny.add("model", {2019: None}, start="static", stop="static")
    packed = gzip.compress(rows("gz", 2018, 3).encode())
    cache.put("gz", 2018, packed, "csv.gz")
    cache.put("gz", 2019, gzip.compress(rows("gz", 2019, 2).encode()))  # what it is, its first bytes tell
    cache.put("both", 2019, 4)
    cache.put("both", 2019, gzip.compress(rows("both", 2019, 2).encode()), "csv.gz")
    cache.put("zip", 2019, rows("zip", 2019, 6).encode(), "csv.zip")
    cache.put("model", "static", b"static,static,mesh,1\n")
    with cache.session() as session:
        assert session("query", BUCKET, "gz").expect().count == 5
        assert session("query", BUCKET, "both").expect().count == 4
        assert session("query", BUCKET, "zip").expect().count == 6
        assert session("query", BUCKET, "model").expect().words == ["mesh"]
    assert asked(tiny) == []


def test_what_the_server_has_packed_is_kept_as_it_came(cache, tiny):
    tiny.add("gz", {2019: None})
    packed = gzip.compress(rows("gz", 2019, 3).encode())
    tiny.write(tiny.path("gz", 2019) + ".gz", packed)
    with cache.session() as session:
        assert session("query", BUCKET, "gz").expect().count == 3
    assert cache.files() == ["gz/gz_2019.csv.gz"] and cache.path("gz", 2019, "csv.gz").read_bytes() == packed
    asked(tiny)
    with cache.session() as session:
        assert session("query", BUCKET, "gz").expect().count == 3
    assert asked(tiny) == []


def test_a_refreshing_query_and_an_index_run_ask_and_keep(cache, tiny):
    tiny.add("one", {2018: 3, 2019: 3})
    for command, settings in (("query", ["refresh"]), ("index", []), ("index", ["refresh"])):
        cache.put("one", 2018, 5)
        cache.put("one", 2019, 5)
        with cache.session(*settings) as session:
            assert session(command, BUCKET, "one").expect().count == 6
        assert asked(tiny) == ["one_2018.csv", "one_2019.csv"], command
        assert cache.path("one", 2019).read_bytes() == tiny.read(tiny.path("one", 2019))


def test_another_folder_that_is_named_counts_more(cache, tiny, tmp_path):
    tiny.add("one", {2019: 3})
    with cache.session() as session:
        session("index", BUCKET, "one", tmp_path / "other").expect()
    assert cache.files() == [] and (tmp_path / "other/one/one_2019.csv").read_text() == rows("one", 2019, 3)


def test_nothing_is_kept_by_validations_and_comparisons(cache, tiny):
    tiny.add("one", {2019: 3})
    with cache.session(store=cache.program.store) as session:
        session("index", BUCKET, "one").expect()
        cache.path("one", 2019).unlink()
        assert session("validate", BUCKET).count == 3
        assert session("compare", BUCKET).expect().count == 3
        session("probe", BUCKET, "one").expect()
    assert cache.files() == []


def test_what_is_held_is_not_read_anew(cache, tiny):
    tiny.add("one", {2019: 3})
    with cache.session(store=cache.program.store) as session:
        session("index", BUCKET, "one").expect()
        cache.put("one", 2019, 5)
        assert session("query", BUCKET, "one").expect().count == 3


def test_a_later_run_asks_without_a_condition(cache, client, tiny):
    tiny.add("one", {2019: 3})
    path = cache.put("one", 2019, 5)
    os.utime(path, (1.5e9, 1.5e9))
    with cache.session(store=client.program.store) as session:
        assert session("query", BUCKET, "one").expect().count == 5
    held = json.loads(client.program("info", BUCKET, "one", *client.access, "--format", "json").expect(0).out)
    assert "2017-07-14T02:40:00" in json.dumps(held)  # it is held as of when it was kept
    client.index().expect(0)
    request, = tiny.origin.of(tiny.path("one", 2019))
    assert request.status in (200, 206) and not {"if-none-match", "if-modified-since"} & set(request.headers)
    client.check("one")


@pytest.mark.parametrize("readable", [False, True])
def test_what_is_read_here_does_not_tell_what_a_refusal_means(cache, tiny, readable):
    tiny.add("one", {2018: None, 2019: None, 2020: 3 if readable else None})
    tiny.origin.missing = 403
    cache.put("one", 2018, 5)
    with cache.session() as session:
        answer = session("query", BUCKET, "one")
    if readable:
        assert answer.expect().count == 8
    else:
        answer.expect("DENIED", "403", "one_20")
    assert asked(tiny)[:1] == ["one_2019.csv"]


def test_nor_does_it_where_other_years_fail_otherwise(cache, tiny):
    tiny.add("one", {2018: None, 2019: None, 2020: None})
    tiny.origin.always(tiny.path("one", 2019), Behaviour(status=403))
    tiny.origin.always(tiny.path("one", 2019) + ".gz", Behaviour(status=403))
    tiny.origin.always(tiny.path("one", 2020), Behaviour(status=400))
    cache.put("one", 2018, 5)
    with cache.session() as session:
        assert session("query", BUCKET, "one").status == "DENIED"
        asked(tiny)
        session("query", BUCKET, "one", "2019-06", "2020").expect("DENIED", "one_2019.csv")
    assert "one_2019.csv" in asked(tiny)  # it is not held as a gap


def test_a_year_that_is_held_is_asked_for_to_tell_what_refusals_mean(cache, tiny):
    tiny.add("one", {2016: 3, 2017: None, 2018: None, 2019: None})
    tiny.origin.missing = 403
    with cache.session() as session:
        assert session("query", BUCKET, "one", "2016-06", "2017").expect("OK").count == 1
        asked(tiny)
        cache.put("one", 2016, 4)
        cache.put("one", 2018, 5)
        assert session("query", BUCKET, "one").expect().count == 8
    assert set(asked(tiny)) == {name for year in (2016, 2017, 2019) for name in (f"one_{year}.csv", f"one_{year}.csv.gz")
                                if name != "one_2016.csv.gz"}


def test_a_malformed_file_is_named(cache, tiny):
    tiny.add("one", {2018: 3, 2019: 3})
    path = cache.put("one", 2019, b"no row\nat all\n")
    with cache.session() as session:
        session("query", BUCKET, "one").expect("INTEGRITY", f"file://{path}", "line 1")
        assert session("query", BUCKET, "one", "2018", "2019").expect().count == 3


def test_what_fails_is_not_kept(cache, tiny):
    tiny.add("one", {2018: "no row\n", 2019: 3, 2020: 3})
    tiny.origin.always(tiny.path("one", 2020), Behaviour(status=404))
    with cache.session() as session:
        session("query", BUCKET, "one").expect("INTEGRITY")
    assert cache.files() == ["one/one_2019.csv"]


def test_a_file_that_is_still_written_is_not_there(cache, tiny):
    tiny.add("one", {2019: 9000})
    tiny.origin.script(tiny.path("one", 2019), Behaviour(stall=len(tiny.read(tiny.path("one", 2019))) - 10))
    with cache.session() as slow, cache.session() as other:
        slow.send("query", BUCKET, "one")
        assert tiny.origin.wait_for(lambda: cache.files())
        name, = cache.files()
        assert name.startswith("one/.") and cache.folder.joinpath(name).stat().st_size < len(tiny.read(tiny.path("one", 2019)))
        assert other("query", BUCKET, "one").expect().count == 9000
        assert cache.path("one", 2019).read_bytes() == tiny.read(tiny.path("one", 2019))
        slow.kill()


def test_offline(cache, tiny, heliodex):
    tiny.add("one", {2018: 3, 2019: 3, 2020: 3}, stop="2020-12-31T00:00:00Z")
    tiny.add("two", {2019: 3})
    cache.put("one", 2019, 5)
    cache.put("one", 2020, 5)
    with cache.session("offline", store=heliodex.store) as session:
        session("query", BUCKET, "one", "2020-06", "2020-07").expect("NOT_FOUND", "offline")  # no catalog
    with cache.session(store=heliodex.store) as session:
        session("catalog", BUCKET).expect()
    tiny.origin.clear()
    with cache.session("offline", store=heliodex.store) as session:
        session("query", BUCKET, "two").expect("NOT_FOUND", "nothing is held of it, and offline")
        session("query", BUCKET, "one").expect("NOT_FOUND", "the year 2018 is not held", "offline")
        year = session("query", BUCKET, "one", "2020-01-01", "2021-01-01").expect()
        assert year.words[-5:] == keys("one", 2020, 5)
        session("index", BUCKET, "one").expect("NOT_FOUND", "offline")
    assert tiny.origin.requests() == [] and sorted(os.listdir(cache.folder)) == ["one"]


def test_offline_extra_columns_are_named_by_the_next_index_run(cache, client, tiny):
    line = "2019-01-01,2019-01-02,s3://b/k,1,cold\n"
    tiny.add("one", {2019: line})
    tiny.describe("one", [("weather", "string", None, None)])
    cache.put("one", 2019, line.encode())
    with cache.session(store=client.program.store) as session:
        session("catalog", BUCKET).expect()
    with cache.session("offline", store=client.program.store) as session:
        assert session("query", BUCKET, "one").expect().count == 1
    assert "weather" not in client.query("one", "--offline").expect(0).lines[0]
    client.index().expect(0)
    assert client.query("one", "--offline").expect(0).lines[0].endswith("weather")


def test_38_p8_ids_of_a_hostile_catalog_lead_nowhere(cache, tiny, tmp_path):
    for identifier in ("../out", "..", "/tmp/out", "a/../../out"):
        tiny.add(identifier, {2019: None})
    tiny.add("one", {2019: 3}, index=f"s3://{TINY}/i/../../../")
    before = sorted(os.listdir(tmp_path))
    with cache.session() as session:
        assert session("query", BUCKET, "../out").status == "NOT_FOUND"
        session("index", BUCKET)
    assert sorted(set(os.listdir(tmp_path)) - {"cache"}) == before
    assert not cache.folder.exists() or set(os.listdir(cache.folder)) <= {"one"}
