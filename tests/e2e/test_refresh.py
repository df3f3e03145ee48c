"""When the network is asked, and what becomes of index files that change, fail, vanish or were never there."""

import json
import re
import resource

import pytest

from conftest import TINY
from origin import Behaviour


@pytest.fixture
def three(tiny, client):
    """Two datasets of three years each; the first has a gap in the middle."""
    tiny.add("gappy", {2017: 20, 2018: None, 2019: 20})
    tiny.add("full", {2017: 20, 2018: 20, 2019: 20})
    return client


def csv_of(client, identifier, *arguments):
    return client.query(identifier, *arguments).expect(0).out


def count_of(client, identifier, *arguments):
    return len(csv_of(client, identifier, *arguments).splitlines()) - 1


# ---- what is asked


def test_second_index_revalidates(three):
    origin = three.tiny.origin
    three.index().expect(0)
    held = three.tiny.asked(status=200) + three.tiny.asked(status=206)
    origin.clear()
    three.index().expect(0)
    assert sorted(three.tiny.asked(status=304)) == sorted(held)
    assert three.tiny.asked(status=404) == [three.tiny.path("gappy", 2018)]  # a gap is asked again
    assert {r.status for r in origin.requests()} == {304, 404}
    three.check()


def test_query_asks_once_for_what_it_needs(three):
    origin, path = three.tiny.origin, three.tiny.path
    csv_of(three, "full", "--start", "2019-02", "--stop", "2019-03")
    assert sorted(three.tiny.asked()) == [path("full", 2018), path("full", 2019)]
    origin.clear()
    for _ in range(2):
        csv_of(three, "full", "--start", "2019-05", "--stop", "2019-06")
    assert origin.requests() == []
    csv_of(three, "full")
    assert three.tiny.asked() == [path("full", 2017)]
    three.check("full")


def test_stop_is_exclusive_for_years_too(three):
    csv_of(three, "full", "--start", "2018-06", "--stop", "2019-01-01")
    assert sorted(three.tiny.asked()) == [three.tiny.path("full", year) for year in (2017, 2018)]


def test_multiyear_wants_all_years_before(tiny, client):
    tiny.add("long", {2014: "2014-01-01Z,2019-06-01Z,early,1\n", 2015: 3, 2019: 3}, multiyear="True")
    assert "early" in csv_of(client, "long", "--start", "2019-03", "--stop", "2019-04")
    assert [p for p in tiny.asked() if "2014" in p]
    client.query("long", "--start", "2019-03", "--stop", "2019-04", "--offline").expect(0)


def test_known_gaps_are_not_asked_again_by_a_query(three):
    assert count_of(three, "gappy") == 40
    three.tiny.origin.clear()
    assert count_of(three, "gappy") == 40
    assert three.tiny.origin.requests() == []


def test_answers_do_not_depend_on_what_was_indexed(three, tmp_path):
    first = csv_of(three, "full", "--start", "2018-06", "--stop", "2018-07")
    three.index().expect(0)
    assert csv_of(three, "full", "--start", "2018-06", "--stop", "2018-07") == first


def test_query_with_refresh_revalidates(three):
    three.index().expect(0)
    three.tiny.origin.clear()
    csv_of(three, "full", "--start", "2019-02", "--stop", "2019-03", "--refresh")
    assert sorted(three.tiny.asked(status=304)) == [three.tiny.path("full", year) for year in (2018, 2019)]


def test_index_of_some_years(three):
    three.index("--start", "2018", "--stop", "2019").expect(0)
    assert {re.search(r"_(\d+)\.csv", path)[1] for path in three.tiny.asked()} == {"2018"}


def test_dry_run_fetches_no_index_file(three):
    three.index("--dry-run").expect(0)
    assert three.tiny.asked(status=200) == [] and three.tiny.asked(status=206) == []
    assert not list(three.program.store.rglob("*.hdx"))


# ---- offline


def test_offline_never_asks(three):
    three.query("full", "--offline").expect(3)
    three.index("--offline")
    assert three.tiny.origin.connections == 0
    three.index("--start", "2017", "--stop", "2019").expect(0)
    three.tiny.origin.stop()
    three.query("full", "--start", "2018-02", "--stop", "2018-03", "--offline").expect(0)
    three.query("full", "--start", "2018-02", "--stop", "2018-03").expect(0)
    three.query("full", "--start", "2019-02", "--stop", "2019-03", "--offline").expect(3, "2019")


# ---- gaps


def test_12_gap_is_shown(three):
    done = three.index()
    assert done.expect(0).err.lower().count("gap")
    shown = three.program("info", three.bucket, "gappy", *three.access).expect(0)
    assert any("2018" in line and "gap" in line for line in shown.lines), shown


def test_12_gap_is_a_failure_if_strict(three):
    three.index("--strict").expect(1, "gappy_2018.csv")


def test_12_all_years_missing_is_a_gap(tiny, client):
    tiny.add("void", {2018: None, 2019: None})
    client.index().expect(0, "gap")
    assert count_of(client, "void") == 0


def test_12_gap_that_is_filled(three):
    three.index().expect(0)
    three.tiny.write(three.tiny.path("gappy", 2018), "2018-05-05Z,2018-05-06Z,found,1\n")
    three.index().expect(0)
    assert "found" in csv_of(three, "gappy")
    three.check()


# ---- 403


def test_12_403_among_readable_neighbours_is_a_gap(three):
    three.tiny.origin.missing = 403
    three.index().expect(0, "gap")
    three.check()


def test_12_403_where_what_is_missing_is_404_is_a_refusal(three):
    """Of a bucket that may be listed: a year that may not be read is no gap, and its rows stay."""
    three.tiny.origin.always(three.tiny.path("full", 2018), Behaviour(status=403))
    three.index().expect(1, "full_2018.csv: status 403")
    assert three.query("full", "--start", "2018", "--stop", "2019", "--offline").code != 0
    three.tiny.origin.always(three.tiny.path("full", 2018), None)
    three.index().expect(0)
    three.tiny.origin.always(three.tiny.path("full", 2018), Behaviour(status=403))
    three.index().expect(1, "full_2018.csv: status 403", "1 stale", "0 vanished")
    three.check("full")


def test_12_403_for_every_year_fails_the_dataset(three):
    for year in (2017, 2018, 2019):
        three.tiny.origin.always(three.tiny.path("gappy", year), Behaviour(status=403))
    three.index().expect(1, "gappy")
    assert three.query("gappy").code == 4
    three.check("full")


def test_12_403_everywhere(three):
    for name in ("gappy", "full"):
        for year in (2017, 2018, 2019):
            three.tiny.origin.always(three.tiny.path(name, year), Behaviour(status=403))
    three.index().expect(4)
    three.tiny.origin.always(three.tiny.catalog_path, Behaviour(status=403))
    three.index("--store", three.program.home / "other").expect(4, "catalog.json")


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))


def test_datasets_that_wait_for_what_a_403_means_do_not_hold_up_the_others(tiny, client):
    for i in range(40):
        tiny.add(f"d{i}", {2018: None, 2019: None})
        tiny.origin.always(tiny.path(f"d{i}", 2019), Behaviour(status=403))
    client.index(preexec_fn=few_files).expect(4)
    assert len(tiny.asked()) == 160  # two for each, .csv and .csv.gz


# ---- failures, stale years


def test_p2_index_file_that_is_none_ends_nothing_else(heliodex, tiny):
    """A disk that fails ends the run; a source that cannot be read does not."""
    for i in range(40):
        tiny.add(f"d{i}", {2019: 3 if i else None})
    (tiny.folder / tiny.path("d0", 2019).lstrip("/")).mkdir(parents=True, exist_ok=True)
    heliodex("index", f"file://{tiny.folder}/{TINY}/", preexec_fn=few_files).expect(1, "d0_2019.csv")
    assert len(list(heliodex.store.rglob("*.hdx"))) == 39



def test_p2_failed_year_keeps_its_rows(three):
    three.index().expect(0)
    path = three.tiny.path("full", 2018)
    three.tiny.write(three.tiny.path("full", 2019), "2019-05-05Z,2019-05-06Z,newer,1\n")
    three.tiny.origin.always(path, Behaviour(status=500))
    three.index("--retries", "1").expect(1, "full_2018.csv")
    three.check()  # 2018 as it was, 2019 new
    shown = three.program("info", three.bucket, "full", *three.access).expect(0)
    assert any("2018" in line and "stale" in line for line in shown.lines), shown
    three.tiny.origin.always(path, None)
    three.index().expect(0)
    shown = three.program("info", three.bucket, "full", *three.access).expect(0)
    assert "stale" not in shown.out


def test_p3_what_was_not_taken_over_is_asked_for_again(three):
    """Its rows are still those of the version before, whatever the server has said of the new one."""
    three.index().expect(0)
    path = three.tiny.path("full", 2018)
    three.tiny.write(path, "2018-05-05Z,2018-05-06Z,newer,1\nno time,2018-05-06Z,bad,1\n")
    three.index("--max-bad-rows", "0").expect(1, "full_2018.csv")
    old = three.query("full", "--offline", "--start", "2018", "--stop", "2019").expect(0).out
    assert "newer" not in old
    three.index().expect(0, "1 fetched")
    assert "newer" in three.query("full", "--offline", "--start", "2018", "--stop", "2019").expect(0).out


def test_p2_unreadable_wanted_year_gives_no_rows(three):
    three.tiny.origin.always(three.tiny.path("full", 2018), Behaviour(status=500))
    done = three.query("full", "--retries", "1").expect(5, "full_2018.csv")
    assert done.out == ""
    done = three.query("full", "--retries", "1", "--allow-partial").expect(1, "2018")
    assert len(done.lines) == 1 + 40
    three.query("full", "--start", "2017-06", "--stop", "2018", "--retries", "1").expect(0)


def test_p2_exit_codes_of_a_run(three):
    """All failed: the gravest code; some failed: 1."""
    def behave(name, status):
        for year in (2017, 2018, 2019):
            three.tiny.origin.always(three.tiny.path(name, year), status and Behaviour(status=status))

    behave("gappy", 503)
    three.index("--retries", "0").expect(1)
    behave("full", 503)
    three.index("--retries", "0", "--store", three.program.home / "other").expect(5)
    behave("full", 403)
    three.index("--retries", "0", "--store", three.program.home / "third").expect(4)


def test_p2_report_and_failed_out(three, tmp_path):
    three.tiny.origin.always(three.tiny.path("full", 2018), Behaviour(status=500))
    three.index("--retries", "0", "--report", tmp_path / "report", "--failed-out", tmp_path / "failed").expect(1)
    items = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert any("full_2018.csv" in json.dumps(item) for item in items)
    assert (tmp_path / "failed").read_text() == "full\n"


def test_index_of_every_bucket(three, tmp_path):
    """Buckets that cannot be read are named, the others are indexed."""
    three.tiny.write("/second-bucket/catalog.json", three.tiny.read(three.tiny.catalog_path))
    names = [TINY, "second-bucket", "third-bucket"]
    three.tiny.origin.put("/registry.json", json.dumps({"registry": [
        {"endpoint": f"s3://{name}/", "name": name, "region": "us-east-1"} for name in names]}).encode())
    done = three.program("index", "--all", "--registry", f"{three.tiny.origin.url}/registry.json", *three.access, "--retries", "0")
    done.expect(1, "third-bucket")
    for name in names[:2]:
        assert len(three.program("query", f"s3://{name}/", "full", *three.access, "--offline", "--format", "csv").lines) == 61


# ---- changes


def test_only_the_changed_file_is_fetched(three):
    three.index().expect(0)
    path = three.tiny.path("full", 2018)
    three.tiny.write(path, "2018-05-05Z,2018-05-06Z,other,1\n")
    three.tiny.origin.clear()
    three.index().expect(0)
    assert three.tiny.asked(status=200) + three.tiny.asked(status=206) == [path]
    three.check()


def test_12_vanished_year_is_dropped_after_asking_twice(three):
    three.index().expect(0)
    path = three.tiny.path("full", 2018)
    (three.tiny.folder / path.lstrip("/")).unlink()
    three.tiny.origin.clear()
    three.index().expect(0, "2018")
    assert [r.status for r in three.tiny.origin.of(path)] == [404, 404]
    assert count_of(three, "full") == 40
    three.check()


def test_year_that_is_back_at_the_second_asking(three):
    three.index().expect(0)
    three.tiny.origin.script(three.tiny.path("full", 2018), Behaviour(status=404))
    three.index().expect(0)
    assert count_of(three, "full") == 60


def test_12_emptied_file_is_warned_of(client, tiny):
    tiny.add("d", {2019: 3, 2020: 2})
    client.index().expect(0)
    tiny.write(tiny.path("d", 2019), "")
    client.index().expect(0, "d_2019.csv: has no row any more; its 3 rows are dropped")
    client.check("d")
    assert "no row any more" not in client.index().expect(0).err


def test_vanished_year_is_kept_on_request(three):
    three.index().expect(0)
    (three.tiny.folder / three.tiny.path("full", 2018).lstrip("/")).unlink()
    three.index("--keep-vanished").expect(0, "2018")
    assert count_of(three, "full") == 60


def test_new_year_of_the_catalog(three):
    three.index().expect(0)
    three.tiny.entries[1]["stop"] = "2020-12-31T00:00:00Z"
    three.tiny.publish()
    three.tiny.write(three.tiny.path("full", 2020), "2020-05-05Z,2020-05-06Z,late,1\n")
    three.index().expect(0)
    assert "late" in csv_of(three, "full")
    three.check()


# ---- places


def test_keep_index_keeps_the_bytes(three, tmp_path):
    three.index("--keep-index", tmp_path / "kept").expect(0)
    for name, years in (("gappy", (2017, 2019)), ("full", (2017, 2018, 2019))):
        for year in years:
            kept = tmp_path / "kept" / name / f"{name}_{year}.csv"
            assert kept.read_bytes() == three.tiny.read(three.tiny.path(name, year))
    assert len(list((tmp_path / "kept").rglob("*.csv"))) == 5


def test_another_endpoint_is_another_source(three):
    """The same bucket name behind another server never answers for this one."""
    three.index().expect(0)
    other = ["--endpoint-url", "http://127.0.0.1:1"]
    three.program("query", three.bucket, "full", *other, "--offline").expect(3)

def test_37_snapshot_of_another_bucket_is_refused(three):
    three.index().expect(0)
    three.tiny.write("/other-bucket/catalog.json", three.tiny.read(three.tiny.catalog_path))
    three.program("index", "s3://other-bucket/", *three.access).expect(0)
    own, other = (next(three.program.store.rglob(f"{bucket}/full.hdx")) for bucket in (TINY, "other-bucket"))
    other.write_bytes(own.read_bytes())
    done = three.program("query", "s3://other-bucket/", "full", *three.access, "--offline")
    assert done.code == 7 and done.out == "", done


def test_index_in_another_bucket(tiny, client):
    """Another bucket than the catalog's own goes where it says: at the endpoint, or where --map sends it."""
    tiny.add("far", {2019: None}, index="s3://far-bucket/x/")
    tiny.write("/far-bucket/x/far_2019.csv", "2019-05-05Z,2019-05-06Z,far,1\n")
    client.index("--map", f"s3://far-bucket/={client.tiny.origin.url}/far-bucket/").expect(0)
    assert "far" in csv_of(client, "far", "--offline")


@pytest.mark.parametrize("index", ["file:///etc/", "http://169.254.169.254/latest/", "http://[fe80::1]/x/"])
def test_41_remote_catalog_reaches_nothing_local(tiny, client, index):
    tiny.add("evil", {2019: None}, index=index)
    tiny.add("good", {2019: 3})
    done = client.index("--connect-timeout", "2s", "--retries", "0")
    assert done.code in (0, 1) and "evil" in done.err, done
    client.query("evil", "--connect-timeout", "2s", "--retries", "0").expect(4)
    client.check("good")


def test_index_over_plain_http_urls(tiny, client):
    tiny.add("web", {2019: None}, index=f"{tiny.origin.url}/web/")
    tiny.write("/web/web_2019.csv", "2019-05-05Z,2019-05-06Z,http://x/y,1\n")
    client.index().expect(0)
    assert "http://x/y" in csv_of(client, "web")


def test_bucket_without_endpoint_member(tiny, client):
    """Its own bucket is then the one that most index values name."""
    tiny.extra["endpoint"] = None
    tiny.add("a", {2019: 3})
    tiny.add("b", {2019: 3})
    client.index().expect(0)
    bucket = f"{tiny.origin.url}/{TINY}/"
    client.program("index", bucket).expect(0)
    assert len(client.program("query", bucket, "a", "--format", "csv").expect(0).lines) == 4
