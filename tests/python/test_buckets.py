"""FileRegistry and CloudCatalog as scripts use them: catalogs, caches, requests, what scripts change, errors."""

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import TINY
from heliodex import CloudCatalog, FailedS3Get, FileRegistry, HeliodexError, UnavailableData
from origin import Behaviour
from reference import time_ns

YEARS = {2018: 40, 2019: 60, 2020: 30}


@pytest.fixture
def bucket(tiny):
    tiny.add("one", YEARS)
    return tiny


def registry(tiny, **options):
    return FileRegistry(TINY, endpoint_url=tiny.origin.url, **options)


def catalog(tiny, **options):
    return CloudCatalog(TINY, endpoint_url=tiny.origin.url, **options)


def asked(tiny):
    """Requests since the last call of this, as (path without the bucket, status); lists left out."""
    count = getattr(tiny, "told", 0)
    requests = tiny.origin.requests()
    tiny.told = len(requests)
    return [(request.path.removeprefix(f"/{TINY}/"), request.status) for request in requests[count:]
            if request.path != f"/{TINY}/"]


# ---- the catalog


def test_what_a_catalog_says(bucket):
    bucket.add("Two", {2019: 5}, title="The second", tags=["x"])
    fr = registry(bucket, cache=False)
    published = json.loads(bucket.read(bucket.catalog_path))
    assert fr.get_catalog() == published and fr.catalog is fr.get_catalog() and type(fr.catalog) is dict
    assert fr.get_entries() == fr.get_entries_id_title() == [("one", "The one"), ("Two", "The second")]
    assert fr.get_entries_dict() == published["catalog"] and fr.get_entry("one") == published["catalog"][0]
    assert fr.get_entry("two") == published["catalog"][1]  # in any letter case
    assert fr.robust_get_entry("TWO") == published["catalog"][1] and fr.robust_get_entry("three") is None
    with pytest.raises(KeyError, match="three"):
        fr.get_entry("three")
    fr.catalog["catalog"].append(dict(fr.get_entry("one")))
    with pytest.raises(ValueError, match="2 datasets"):
        fr.get_entry("one")
    assert fr.reverse_lookup_ids("y-bucket/i") == ["one", "Two", "one"] and fr.reverse_lookup_ids("Y-BUCKET") == []
    assert fr.reverse_lookup_ids("Y-B.*/i/$", regex=True, ignore_case=True) == ["one", "Two", "one"]
    assert fr.reverse_lookup_ids("y.bucket") == []


@pytest.mark.parametrize("name", [TINY, f"s3://{TINY}", f"s3://{TINY}/"])
def test_how_a_bucket_may_be_called(bucket, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fr = FileRegistry(name, endpoint_url=bucket.origin.url)
    assert (fr.bucket_name, fr.cache_folder, fr.cache) == (TINY, f"{TINY}_cache", True)
    assert len(fr.request_file_registry("one")) == 130 and Path(f"{TINY}_cache/one/one_2019.csv").is_file()


@pytest.mark.parametrize("status", ["1200/OK", {"code": 1200}, {"code": "1200", "message": "OK"}, "1200"])
def test_a_status_may_be_a_number_or_text(bucket, status):
    bucket.extra = {"status": status}
    bucket.publish()
    assert catalog(bucket).catalog["status"] == status


@pytest.mark.parametrize("status", ["1400/temporarily unavailable", {"code": 1400, "message": "temporarily unavailable"}])
def test_an_archive_that_is_unavailable(bucket, status):
    bucket.extra = {"status": status}
    bucket.publish()
    with pytest.raises(UnavailableData, match="unavailable"):
        catalog(bucket)


@pytest.mark.parametrize("content, told", [(None, "404"), ("{", "line 1"), ('{"catalog": []}', "status"), ("[]", "catalog")])
def test_a_catalog_that_is_none(bucket, content, told):
    path = bucket.folder / bucket.catalog_path.lstrip("/")
    path.unlink() if content is None else path.write_text(content)
    for kind in (KeyError, FailedS3Get):
        with pytest.raises(kind, match=told):
            catalog(bucket)


def test_another_name_of_the_catalog(bucket, tmp_path):
    bucket.write(f"/{TINY}/other.json", bucket.read(bucket.catalog_path).replace(b"The one", b"Other"))
    made = CloudCatalog(TINY, cache_folder=str(tmp_path / "c"), cache=True, altcatalog="other.json",
                        endpoint_url=bucket.origin.url)
    assert made.get_entries() == [("one", "Other")] and (tmp_path / "c" / "other.json").is_file()


# ---- the cache


def test_a_cache_is_written_as_the_original_does(bucket, tmp_path):
    folder = tmp_path / "deep" / "cache"
    fr = registry(bucket, cache_folder=folder)
    assert json.loads((folder / "catalog.json").read_text()) == fr.catalog
    fr.request_file_registry("one", start_date="2019-02-01T00:00:00Z", end_date="2019-03-01T00:00:00Z")
    names = sorted(path.name for path in (folder / "one").iterdir())
    assert names == ["one_2018.csv", "one_2019.csv"]  # the year before may reach into the range
    fr.request_file_registry("one", start_date="2019-02-01T00:00:00Z", end_date=None)
    for year in YEARS:
        assert (folder / "one" / f"one_{year}.csv").read_bytes() == bucket.read(bucket.path("one", year))


def test_a_cache_asks_again_only_to_overwrite(bucket, tmp_path):
    first = registry(bucket, cache_folder=tmp_path / "c").request_file_registry("one")
    assert {path for path, _ in asked(bucket)} >= {"catalog.json", "i/one_2018.csv", "i/one_2019.csv", "i/one_2020.csv"}
    bucket.write(bucket.path("one", 2020), bucket.read(bucket.path("one", 2020)).replace(b",1000\n", b",4321\n"))

    fr = registry(bucket, cache_folder=tmp_path / "c")  # a new run of the script: the catalog alone
    pd.testing.assert_frame_equal(fr.request_file_registry("one"), first)
    pd.testing.assert_frame_equal(fr.request_file_registry("one", overwrite=False), first)
    assert asked(bucket) == [("catalog.json", 304)]

    got = fr.request_file_registry("one", start_date="2020", overwrite=True)
    assert list(got["filesize"][:1]) == [4321]
    assert {path: status for path, status in asked(bucket) if path != "catalog.json"} == {"i/one_2020.csv": 206}
    assert b",4321\n" in (tmp_path / "c" / "one" / "one_2020.csv").read_bytes()
    assert list(fr.request_file_registry("one")["filesize"]).count(4321) == 1
    assert asked(bucket) == []


def test_a_cache_that_the_original_wrote_is_read(bucket, tmp_path):
    folder = tmp_path / "cache"
    (folder / "one").mkdir(parents=True)
    (folder / "catalog.json").write_text(json.dumps(json.loads(bucket.read(bucket.catalog_path)), indent=4))
    for year in (2018, 2019):  # with another content, to see whose it is
        text = bucket.read(bucket.path("one", year)).decode().replace("/data/", "/cached/")
        (folder / "one" / f"one_{year}.csv").write_text(text)
    got = registry(bucket, cache_folder=folder).request_file_registry("one")
    assert [("/cached/" in key) for key in got["key"]] == [True] * 100 + [False] * 30
    assert [path for path, _ in asked(bucket)] == ["catalog.json", "i/one_2020.csv"]


@pytest.mark.parametrize("change", ["edit", "delete", "add"])
def test_the_files_of_the_cache_are_the_truth(bucket, tmp_path, change):
    folder = tmp_path / "cache"
    fr = registry(bucket, cache_folder=folder)
    assert len(fr.request_file_registry("one")) == 130
    asked(bucket)
    file = folder / "one" / "one_2019.csv"
    if change == "edit":
        file.write_text(file.read_text().replace("/data/", "/mine/"))
    elif change == "delete":
        file.unlink()
    else:
        (folder / "one" / "one_2020.csv").write_text("2020-05-05T00:00:00Z,2020-05-05T00:00:01Z,s3://x/y,7\n")
    for made in (fr, registry(bucket, cache_folder=folder)):
        got = made.request_file_registry("one")
        assert got["key"].str.contains("/mine/").sum() == (60 if change == "edit" else 0)
        assert len(got) == (101 if change == "add" else 130)
    files = [path for path, _ in asked(bucket) if path != "catalog.json"]
    assert files == (["i/one_2019.csv"] if change == "delete" else []) and file.is_file()


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("damage", ["empty", "other", "cut", "flipped"])
def test_37_a_damaged_snapshot_is_made_anew(bucket, tmp_path, cache, damage, caplog):
    """Index files are the truth: of a cache without a request for them."""
    options = {"cache_folder": tmp_path / "c"} if cache else {"store": tmp_path / "s"}
    before = registry(bucket, cache=cache, **options).request_file_registry("one")
    snapshot, = tmp_path.rglob("one.hdx")
    whole = snapshot.read_bytes()
    middle = len(whole) // 3
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1:]
    snapshot.write_bytes({"empty": b"", "other": b"x" * 500, "cut": whole[:-50], "flipped": flipped}[damage])
    asked(bucket)
    fr = registry(bucket, cache=cache, **options)
    pd.testing.assert_frame_equal(fr.request_file_registry("one"), before)
    assert "one.hdx" in caplog.text and "anew" in caplog.text
    if cache:
        assert [path for path, _ in asked(bucket)] == ["catalog.json"]
    caplog.clear()
    pd.testing.assert_frame_equal(registry(bucket, cache=cache, **options).request_file_registry("one"), before)
    assert "anew" not in caplog.text


def test_two_registries_share_a_cache(bucket, tmp_path):
    """What one fetches is there for the other, and nothing is read twice."""
    first, second = (registry(bucket, cache_folder=tmp_path / "c") for _ in range(2))
    assert len(first.request_file_registry("one", "2018", "2019")) == 40
    asked(bucket)
    assert len(second.request_file_registry("one")) == 130
    assert sorted(path for path, _ in asked(bucket)) == ["i/one_2019.csv", "i/one_2020.csv"]
    assert len(first.request_file_registry("one")) == 130 and asked(bucket) == []


def test_a_gap_is_not_asked_for_again(bucket, tmp_path):
    bucket.add("gaps", {2018: 3, 2019: None, 2020: 3})
    fr = registry(bucket, cache_folder=tmp_path / "c")
    assert len(fr.request_file_registry("gaps")) == 6
    asked(bucket)
    assert len(fr.request_file_registry("gaps")) == 6 and asked(bucket) == []


def test_without_a_server_the_cache_answers(bucket, tmp_path, caplog):
    before = registry(bucket, cache_folder=tmp_path / "c").request_file_registry("one")
    offline = FileRegistry(TINY, cache_folder=tmp_path / "c", endpoint_url="http://127.0.0.1:1", retries=0)
    assert "the catalog of the cache is used" in caplog.text
    pd.testing.assert_frame_equal(offline.request_file_registry("one"), before)
    with pytest.raises(ConnectionError):
        FileRegistry(TINY, cache_folder=tmp_path / "other", endpoint_url="http://127.0.0.1:1", retries=0)


def test_without_a_cache_everything_is_asked_again(bucket, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fr = registry(bucket, cache=False)
    before = fr.request_file_registry("one")
    assert fr.cache_folder is None and not list(tmp_path.glob("*_cache"))
    asked(bucket)
    bucket.write(bucket.path("one", 2019), "2019-07-01T00:00:00Z,2019-07-01T00:00:01Z,s3://x/new,7\n")
    after = fr.request_file_registry("one")
    assert dict(asked(bucket)) == {"catalog.json": 304, "i/one_2018.csv": 304, "i/one_2019.csv": 206, "i/one_2020.csv": 304}
    assert len(before) == 130 and len(after) == 71 and list(after["key"]).count("s3://x/new") == 1


# ---- requests


def test_dates_in_every_form(bucket):
    cc = catalog(bucket)
    wanted = cc.request_cloud_catalog("one", "2019-03-01T00:00:00Z", "2019-09-01T00:00:00Z")
    zone = timezone(timedelta(hours=2))
    for start, stop in [("2019-03-01T00:00:00", "2019-09-01T00"), ("2019-03", "2019-09-01"), ("2019-060", "2019-244"),
                        (datetime(2019, 3, 1), datetime(2019, 9, 1, 2, tzinfo=zone)),
                        (pd.Timestamp("2019-03-01"), pd.Timestamp("2019-09-01", tz="UTC")),
                        (np.datetime64("2019-03-01"), np.datetime64("2019-09-01T00:00", "ns")),
                        (datetime(2019, 3, 1).date(), datetime(2019, 9, 1).date())]:
        pd.testing.assert_frame_equal(cc.request_cloud_catalog("one", start, stop), wanted)
    pd.testing.assert_frame_equal(cc.request_cloud_catalog("one", start_date="2019-03", end_date="2019-09"), wanted)
    assert len(wanted) == 27 and len(cc.request_cloud_catalog("one", None, None)) == 130
    assert len(cc.request_cloud_catalog("one", stop_date="2019")) == 40
    for start, stop, told in [("2019-13", None, "start_date"), (None, "next week", "stop_date"), (5, None, "start_date"),
                              ("2020", "2019", "must not be after"), (np.datetime64("1600-01-01"), None, "1678 to 2261"),
                              (pd.NaT, None, "start_date"), ("2019\0", None, "start_date")]:
        with pytest.raises(ValueError, match=told):
            cc.request_cloud_catalog("one", start, stop)
    with pytest.raises(TypeError, match="same argument"):
        cc.request_cloud_catalog("one", "2019", "2020", end_date="2020")


def test_columns_of_both_classes(bucket):
    bucket.add("more", {2018: "# start, stop, datakey, filesize, wave, note\n2018-01-01T00:00:00Z,2018-01-02T00:00:00Z,"
                              "s3://x/a,5,94,\n2018-01-02T00:00:00Z,2018-01-03T00:00:00Z,s3://x/b,,131,dark\n"})
    bucket.add("old", {2018: "2018-01-01T00:00:00Z,s3://x/a,5\n2018-01-02T00:00:00Z,s3://x/b,6\n"})
    fr, cc = registry(bucket, cache=False), catalog(bucket)
    rows = fr.request_file_registry("more")
    assert list(rows.columns) == ["startdate", "key", "filesize", "stopdate", "note", "wave"]
    assert list(rows["filesize"]) == [5, -1] and rows["filesize"].dtype == np.int64
    assert rows["wave"].dtype == np.int64 and list(rows["note"]) == [None, "dark"]
    assert list(cc.request_cloud_catalog("more").columns) == ["start", "stop", "datakey", "filesize", "note", "wave"]
    assert list(fr.request_file_registry("old").columns) == ["startdate", "key", "filesize"]
    assert list(cc.request_cloud_catalog("old")["stop"]) == [pd.Timestamp("2018-01-02")] * 2
    assert list(fr.request_file_registry("more", columns=["wave", "startdate"]).columns) == ["wave", "startdate"]


def test_a_year_that_cannot_be_read_is_told(bucket, caplog):
    bucket.origin.always(bucket.path("one", 2019), Behaviour(status=500))
    options = {"retries": 0}
    with pytest.raises(HeliodexError, match="one_2019.csv"):
        catalog(bucket, **options).request_cloud_catalog("one")
    assert len(catalog(bucket, **options).request_cloud_catalog("one", stop_date="2019")) == 40
    caplog.clear()
    assert len(catalog(bucket, allow_partial=True, **options).request_cloud_catalog("one")) == 70
    assert "1 years are missing" in caplog.text


def test_strict_is_as_the_original(bucket):
    cc = catalog(bucket, strict=True)
    with pytest.raises(TypeError):
        cc.request_cloud_catalog("one", "2019-01-01T00:00:00Z", None)
    with pytest.raises(ValueError):
        cc.request_cloud_catalog("one", "2019-01-01", "2020-01-01T00")
    with pytest.raises(KeyError):
        cc.request_cloud_catalog("ONE", "2019-01-01T00", "2020-01-01T00")
    assert len(cc.request_cloud_catalog("one", "2019-01-01T00", "2020-01-01T00")) == 60
    bucket.add("gaps", {2018: 3, 2019: None, 2020: 3})
    cc = catalog(bucket, strict=True)
    assert isinstance(cc.request_cloud_catalog("gaps", "2018-11-01T00", "2018-11-01T01"), pd.DataFrame)
    assert cc.request_cloud_catalog("gaps", "2019-03-01T00", "2019-04-01T00") == []
    bucket.entries.append({"id": "bad", "index": f"s3://{TINY}/i/", "title": "No start"})
    bucket.publish()
    with pytest.raises(KeyError, match="start"):
        catalog(bucket, strict=True)
    assert len(catalog(bucket).request_cloud_catalog("one")) == 130
    bucket.entries[-1].update(start="2018Z", stop="2019Z", index=f"s3://{TINY}/i")
    bucket.publish()
    with pytest.raises(ValueError, match="slash"):
        catalog(bucket, strict=True)


# ---- what scripts change


@pytest.mark.parametrize("cache", [False, True])
def test_requests_go_by_the_catalog_that_the_script_has_made(bucket, tmp_path, cache):
    cc = catalog(bucket, cache=cache, cache_folder=tmp_path / "c")
    whole = cc.request_cloud_catalog("one")
    entry = cc.get_entry("one")
    entry["stop"] = "2018-12-31T00:00:00Z"  # in place
    assert len(cc.request_cloud_catalog("one")) == 40
    cc.catalog = copy.deepcopy(cc.catalog)  # replaced
    cc.catalog["catalog"][0]["stop"] = "2019-12-31T00:00:00Z"
    assert len(cc.request_cloud_catalog("one")) == 100
    bucket.write(f"/{TINY}/elsewhere/new_2018.csv", "2018-01-01T00:00:00Z,2018-01-01T00:00:01Z,s3://x/y,7\n")
    cc.catalog["catalog"].append({"id": "new", "index": f"s3://{TINY}/elsewhere/", "title": "Mine",
                                  "start": "2018-01-01T00:00:00Z", "stop": "2018-12-31T00:00:00Z"})
    for overwrite in (False, True):
        assert list(cc.request_cloud_catalog("new", overwrite=overwrite)["datakey"]) == ["s3://x/y"]
    cc.catalog["catalog"][0]["stop"] = "2020-12-31T00:00:00Z"
    cc.catalog["catalog"][0]["title"] = "Another"  # which matters to nobody
    pd.testing.assert_frame_equal(cc.request_cloud_catalog("one"), whole)
    del cc.catalog["catalog"][0]
    with pytest.raises(KeyError):
        cc.request_cloud_catalog("one")


def test_a_sample_and_wildcards(bucket):
    cc = catalog(bucket)
    first = bucket.reference().dataset("one").rows[0].key
    asked(bucket)
    assert cc.sample_file("one") == first
    assert len([path for path, _ in asked(bucket) if path.startswith("i/")]) <= len(YEARS) + 1
    with pytest.raises(KeyError):
        cc.sample_file("none")
    bucket.add("void", {2018: None})
    with pytest.raises(RuntimeError, match="void"):
        catalog(bucket).sample_file("void")
    frame = cc.request_cloud_catalog("one")
    assert cc.ls_wildcard(frame, "00000?.cdf") == []
    assert len(cc.ls_wildcard(frame, "00000?.cdf", use_basename=True)) == 30 == len(cc.ls_wildcard(frame, "*00000?.cdf"))
    assert CloudCatalog.ls_wildcard(frame, "*/2019/*5.cdf") == [k for k in frame["datakey"] if "/2019/" in k and k.endswith("5.cdf")]
    assert cc.ls_wildcard(frame.rename(columns={"datakey": "key"}), "*/2020/000029.CDF") == []


@pytest.mark.parametrize("wrong", [None, 5, "", ["one"]])
def test_what_is_no_bucket_or_id_is_refused(bucket, wrong):
    with pytest.raises(ValueError, match="bucket_name"):
        CloudCatalog(wrong)
    if wrong != "":
        with pytest.raises(ValueError, match="expected the id"):
            catalog(bucket).request_cloud_catalog(wrong)
    else:
        with pytest.raises(KeyError, match="is called ''"):
            catalog(bucket).get_entry(wrong)


def test_what_is_no_setting_is_refused(bucket):
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'.*endpoint_url"):
        catalog(bucket, colour="red")


def test_many_datasets_one_after_the_other_keep_few_files_open(bucket, tmp_path):
    for number in range(40):
        bucket.add(f"set_{number}", {2018: 2})
    cc = catalog(bucket, cache=True, cache_folder=tmp_path / "c")
    for _ in range(2):
        assert all(len(cc.request_cloud_catalog(f"set_{number}")) == 2 for number in range(40))
    opened = sum("set_" in str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    assert opened <= 16


def test_threads_share_a_bucket_and_each_gets_its_own_answer(bucket, tmp_path):
    cc = catalog(bucket, cache=True, cache_folder=tmp_path / "c")
    ranges = [(f"{year}-{month:02}", f"{year}-{month + 2:02}") for year in YEARS for month in range(1, 11)]
    wanted = {one: len(bucket.reference().dataset("one").answer(*map(time_ns, one))) for one in ranges}

    def ask(one):
        return [(one, len(cc.request_cloud_catalog("one", *one))) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, ranges):
            assert all(wanted[one] == rows for one, rows in answers)


def test_a_bucket_is_used_by_forked_processes(bucket, python, tmp_path):
    """As pipelines do: made once, asked by the workers of a pool."""
    done = python("""
import multiprocessing, sys
from heliodex import CloudCatalog

cc = CloudCatalog("tiny-bucket", cache=True, cache_folder=sys.argv[2], endpoint_url=sys.argv[1])
ask = lambda year: len(cc.request_cloud_catalog("one", str(year), str(year + 1)))
assert ask(2018) == 40

def work(year):
    return ask(year)

with multiprocessing.get_context("fork").Pool(3) as pool:
    print(pool.map(work, [2018, 2019, 2020] * 3))
print(ask(2019))
""", bucket.origin.url, tmp_path / "c").expect(0)
    assert done.out == f"{list(YEARS.values()) * 3}\n60\n" and "Traceback" not in done.err


@pytest.mark.parametrize("cache", [False, True])
def test_a_bucket_goes_to_other_processes_and_is_copied(bucket, tmp_path, cache):
    cc = catalog(bucket, cache=cache, cache_folder=tmp_path / "c")
    wanted = cc.request_cloud_catalog("one")
    for other in (pickle.loads(pickle.dumps(cc)), copy.copy(cc), copy.deepcopy(cc)):
        assert other.catalog == cc.catalog and other.session is not cc.session
        pd.testing.assert_frame_equal(other.request_cloud_catalog("one"), wanted)


def test_a_method_is_called_by_spawned_processes(bucket, python, tmp_path, home):
    script = home / "script.py"
    script.write_text("""
import multiprocessing, sys
from heliodex import CloudCatalog

if __name__ == "__main__":
    cc = CloudCatalog("tiny-bucket", cache=True, cache_folder=sys.argv[2], endpoint_url=sys.argv[1])
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(cc.request_cloud_catalog, [("one", "2018", "2019"), ("one", "2019", "2020"), ("one", "2020")])
    print([len(frame) for frame in found])
""")
    assert python(script, bucket.origin.url, tmp_path / "c").expect(0).out == f"{list(YEARS.values())}\n"


def test_numbers_that_would_lose_digits_stay_texts(bucket):
    bucket.add("big", {2018: "# start, stop, datakey, filesize, serial, count\n2018-01-01Z,2018-01-02Z,s3://x/a,5,"
                             "99999999999999999999,7\n"})
    got = catalog(bucket).request_cloud_catalog("big")
    assert list(got["serial"]) == ["99999999999999999999"] and list(got["count"]) == [7]


def test_a_catalog_that_python_cannot_hold(bucket):
    bucket.extra = {"number": 0}
    bucket.publish()
    bucket.write(bucket.catalog_path, bucket.read(bucket.catalog_path).replace(b'"number": 0', b'"number": ' + b"9" * 5000))
    with pytest.raises(FailedS3Get, match="Python can hold"):
        catalog(bucket)
