"""heliodex in the place of the original tool's package: imports, a plug-in built on it, tree and spider."""

import csv
import re

import pytest
from conftest import TINY, rows
from origin import Behaviour, Origin
from published import dataset, entry, publish_catalog, publish_registry

from heliodex import CloudCatalog
from heliodex.compat import cloudcatalog
from heliodex.compat.cloudcatalog.__main__ import main
from heliodex.compat.cloudcatalog.cloudspider import spider, tree
from heliodex.compat.cloudcatalog.main import FailedS3Get, UnavailableData, fetch_S3orURL

# ---- imports


def test_it_is_the_package(python):
    python("""
import heliodex, sys
package = heliodex.install_as_cloudcatalog()
import cloudcatalog
import cloudcatalog.main as cc
import cloudcatalog.cloudspider
from cloudcatalog import CatalogRegistry, CloudCatalog, EntireCatalogSearch
from cloudcatalog.main import (CatalogRegistry, CloudCatalog, EntireCatalogSearch, FailedS3Get, UnavailableData,
                               fetch_S3, fetch_S3orURL, fetch_url, s3url_to_bucketkey, s3url_to_https)
from cloudcatalog.cloudspider import spider, tree
from heliodex.compat import cloudcatalog as ours
assert package is cloudcatalog is ours is sys.modules["cloudcatalog"]
assert cc is ours.main is cloudcatalog.main and tree is cloudcatalog.cloudspider.tree
assert cloudcatalog.CloudCatalog is cc.CloudCatalog is heliodex.CloudCatalog
assert heliodex.install_as_cloudcatalog() is package
assert issubclass(FailedS3Get, Exception) and UnavailableData is heliodex.UnavailableData
""").expect(0)


def test_what_looks_at_packages_goes_on_working(python):
    python("""
import heliodex, importlib, importlib.util, pickle, pkgutil
heliodex.install_as_cloudcatalog()
import cloudcatalog, cloudcatalog.main
assert importlib.reload(cloudcatalog.main) is cloudcatalog.main and importlib.reload(cloudcatalog) is cloudcatalog
assert {"main", "cloudspider"} <= {module.name for module in pkgutil.iter_modules(cloudcatalog.__path__)}
assert list(pkgutil.walk_packages(cloudcatalog.__path__, "cloudcatalog."))
assert importlib.util.find_spec("cloudcatalog") is not None and importlib.util.find_spec("cloudcatalog.none") is None
assert pickle.loads(pickle.dumps(cloudcatalog.CatalogRegistry)) is cloudcatalog.CatalogRegistry
for statement in ("import cloudcatalog.generators", "from cloudcatalog import generators",
                  "from cloudcatalog.main import x"):
    try:
        exec(statement)
    except ImportError as error:
        print(error)
    else:
        raise AssertionError(statement)
assert heliodex.install_as_cloudcatalog() is cloudcatalog
""").expect(0)


@pytest.fixture
def real(home):
    """Something else that is called cloudcatalog, in the folder that scripts run in."""
    folder = home / "cloudcatalog"
    folder.mkdir()
    (folder / "__init__.py").write_text("REAL = True\n")
    (folder / "extra.py").write_text("")
    return folder


@pytest.mark.parametrize("before", ["import cloudcatalog", "import cloudcatalog.extra",
                                    "import cloudcatalog.extra; del sys.modules['cloudcatalog']"])
def test_the_real_one_came_before(python, real, before):
    python(f"""
import sys
sys.path.insert(0, ".")
{before}
import heliodex
for _ in range(2):
    try:
        heliodex.install_as_cloudcatalog()
    except RuntimeError as error:
        assert "ahead of" in str(error)
    else:
        raise AssertionError
import cloudcatalog
assert cloudcatalog.REAL
""").expect(0)


def test_the_real_one_is_not_looked_for_after(python, real):
    python("""
import sys
sys.path.insert(0, ".")
import heliodex
heliodex.install_as_cloudcatalog()
import cloudcatalog
assert not hasattr(cloudcatalog, "REAL")
try:
    import cloudcatalog.extra
except ImportError:
    pass
else:
    raise AssertionError("mixed with the real one")
""").expect(0)


def test_nothing_is_taken_unasked(python, real):
    python("""
import sys
sys.path.insert(0, ".")
import heliodex, heliodex.compat, heliodex.compat.cloudcatalog
assert "cloudcatalog" not in sys.modules
import cloudcatalog
assert cloudcatalog.REAL
""").expect(0)


# ---- a package that is built on it

PLUGIN = '''
"""A client of a solar library that lists files: what such a plug-in does with the package."""
import datetime
import cloudcatalog


def text_of(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def search(bucket, dataset, start, stop):
    """A table with the columns Start Time, End Time, URL, Key and Size."""
    client = cloudcatalog.CloudCatalog(bucket)
    frame = client.request_cloud_catalog(dataset, start_date=text_of(start), stop_date=text_of(stop), overwrite=False)
    if not {"start", "stop", "datakey"} <= set(frame.columns):
        raise RuntimeError(f"columns are missing: {list(frame.columns)}")
    if "filesize" not in frame.columns:
        frame["filesize"] = None
    home = bucket.rstrip("/")
    keys = frame["datakey"].astype(str).str.replace(home, "", regex=False).str.lstrip("/")
    frame["url"] = "https://" + home[5:] + ".s3.amazonaws.com/" + keys
    titles = {"start": "Start Time", "stop": "End Time", "url": "URL", "datakey": "Key", "filesize": "Size"}
    return frame[list(titles)].rename(columns=titles)


def fetch(table, path):
    table.to_csv(path, index=False)
    return path
'''


def test_a_plug_in(python, tiny, home):
    tiny.add("solar", {2012: 700, 2013: 50})
    (home / "plugin.py").write_text(PLUGIN)
    (home / "script.py").write_text(f"""
import datetime, heliodex
heliodex.install_as_cloudcatalog()
import plugin
day = datetime.datetime
table = plugin.search("s3://{TINY}/", "solar", day(2012, 3, 1), day(2012, 4, 1))
plugin.fetch(table, "table.csv")
print(table.dtypes.astype(str).to_dict())
""")
    done = python(home / "script.py", env={"HELIODEX_ENDPOINT_URL": tiny.origin.url}).expect(0)
    assert "'Start Time': 'datetime64[ns]'" in done.out and "'Size': 'int64'" in done.out
    published = [line.split(",") for line in rows("solar", 2012, 700).splitlines()]
    expected = [(start, stop, key.replace(f"s3://{TINY}/", f"https://{TINY}.s3.amazonaws.com/"), key, size)
                for start, stop, key, size in published
                if stop >= "2012-03-01T00:00:00Z" and start < "2012-04-01T00:00:00Z"]
    with open(home / "table.csv", newline="") as file:
        found = [(line["Start Time"].replace(" ", "T") + "Z", line["End Time"].replace(" ", "T") + "Z", line["URL"],
                  line["Key"], line["Size"]) for line in csv.DictReader(file)]
    assert found == sorted(expected) and len(found) > 10


def test_the_terse_example(python, tiny):
    """All files of a dataset, from its entry's start to its stop."""
    tiny.add("aia_0094", {2012: 30, 2013: 20})
    done = python(f"""
import heliodex; heliodex.install_as_cloudcatalog()
import cloudcatalog
dataid = "aia_0094"
fr = cloudcatalog.CloudCatalog("s3://{TINY}/")
found = fr.request_cloud_catalog(dataid, start_date=fr.get_entry(dataid)['start'],
                                 stop_date=fr.get_entry(dataid)['stop'])
print(len(found))
cloudcatalog.CloudCatalog.stream_uri(found[:1], lambda uri, start, stop, size: print(uri))
""", env={"HELIODEX_ENDPOINT_URL": tiny.origin.url}).expect(0)
    assert done.lines == ["50", f"s3://{TINY}/data/aia_0094/2012/000000.cdf"]


# ---- classes of today's package


class Archive:
    """A registry of two buckets with datasets, and one without a catalog."""

    def __init__(self, origin):
        self.origin = origin
        self.files = {}  # (bucket, id): {year: text}
        self.datasets = {"east": [], "west": []}
        for bucket, identifier, years, more in (
                ("east", "MMS1_FGM", {2001: 5, 2003: 7}, {"collections": ["CDAWeb", "MMS"]}),
                ("east", "mms1_EDP", {2001: 4, 2002: 1}, {"collections": ["MMS"]}),
                ("east", "solo", {2002: 3}, {}),
                ("west", "AIA_0094", {2001: 2, 2002: 6}, {"collections": ["CDAWeb"]})):
            self.add(bucket, identifier, years, **more)
        entries = [entry("East", "us-east-1", "s3://east/"), entry("Lost", "eu-1", "s3://lost/"),
                   entry("West", "us-west-1", "s3://west/")]
        self.url = publish_registry(origin, entries)

    def add(self, bucket, identifier, years, **more):
        first, last = min(years), max(years)
        self.datasets[bucket].append(dataset(identifier, bucket, start=f"{first}-01-01T00:00:00Z",
                                             stop=f"{last}-12-31T00:00:00Z", **more))
        publish_catalog(self.origin, bucket, self.datasets[bucket])
        self.files[bucket, identifier] = {year: rows(identifier, year, count) for year, count in years.items()}
        for year, text in self.files[bucket, identifier].items():
            self.origin.put(f"/{bucket}/i/{identifier}_{year}.csv", text.encode())

    def trios(self, bucket):
        return [[each["id"], each["start"], each["stop"]] for each in self.datasets[bucket]]

    def counts(self, buckets=("east", "west"), failed=()):
        """The lines of spiderout.txt, counted in what was published."""
        lines = []
        for identifier, start, stop in sorted(trio for bucket in buckets for trio in self.trios(bucket)):
            texts = next(files for (_, name), files in self.files.items() if name == identifier)
            for year in range(int(start[:4]), int(stop[:4]) + 1):
                if (identifier, year) in failed:
                    lines.append(f"Error accessing {identifier}, {year}")
                else:
                    lines.append(f"{identifier}, {year}: {len(texts.get(year, '').splitlines())} entries.")
        return lines


@pytest.fixture
def archive(home, monkeypatch):
    with Origin() as origin:
        monkeypatch.setenv("HELIODEX_ENDPOINT_URL", origin.url)
        monkeypatch.setenv("HELIODEX_RETRIES", "0")
        monkeypatch.chdir(home)
        yield Archive(origin)


def test_the_registry_has_todays_meaning(archive):
    registry = cloudcatalog.CatalogRegistry(archive.url)
    assert registry.get_entries() == entry("East", "us-east-1", "s3://east/")
    assert registry.get_entries_name_region()[1] == ("Lost", "eu-1")
    search = cloudcatalog.EntireCatalogSearch(archive.url)
    assert isinstance(search.global_catalog, cloudcatalog.CatalogRegistry)
    assert [each["id"] for each in search.search_by_keywords(["mms1"])] == ["MMS1_FGM", "mms1_EDP"]


def test_exceptions(archive):
    with pytest.raises(KeyError) as caught:
        cloudcatalog.CloudCatalog("s3://lost/")
    assert isinstance(caught.value, FailedS3Get)
    publish_catalog(archive.origin, "lost", [], status={"code": 1400, "message": "no"})
    with pytest.raises(UnavailableData):
        cloudcatalog.CloudCatalog("s3://lost/")
    assert fetch_S3orURL("lost/none.json") is None


# ---- tree


def test_the_tree_is_printed(archive, capsys):
    assert tree(archive.url) is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "s3://east/,us-east-1" and lines[1] == "s3://lost/,eu-1"
    assert lines[2].startswith("s3://lost/ cannot be read: ") and "404" in lines[2]
    assert lines[3:] == ["s3://west/,us-west-1", "3", "*AIA has 1 datasets", "*mms1 has 2 datasets",
                         "*solo has 1 datasets"]


def test_the_tree_of_a_collection(archive, capsys):
    items, last = tree(archive.url, returnvars=True, collection="CDAWeb")
    assert capsys.readouterr().out.splitlines()[-3:] == ["2", "*AIA has 1 datasets", "*MMS1 has 1 datasets"]
    assert [item[0] for item in items] == ["MMS1_FGM", "AIA_0094"] and last.bucket == "s3://west/"
    items, last = tree(archive.url, returnvars=True, collection="MMS", printme=False)
    assert [item[0] for item in items] == ["MMS1_FGM", "mms1_EDP"] and last.bucket == "s3://east/"
    assert tree(archive.url, returnvars=True, collection="None", printme=False) == ([], None)
    assert capsys.readouterr().out == ""


def test_what_the_tree_returns(archive):
    items, last = tree(archive.url, returnvars=True, printme=False)
    assert items == archive.trios("east") + archive.trios("west")
    assert isinstance(last, CloudCatalog) and last.bucket == "s3://west/"
    assert [item.catalog.bucket for item in items] == ["s3://east/"] * 3 + ["s3://west/"]


def test_odd_catalogs_do_not_stop_the_tree(archive, capsys):
    publish_catalog(archive.origin, "lost", [
        {"id": "a\x1b[2Jb_c", "loc": "s3://lost/", "title": "", "startdate": "1999-01-01Z", "enddate": "1999-06-01Z"},
        5, {"title": "no id"}])
    items, _ = tree(archive.url, returnvars=True)
    assert ["a\x1b[2Jb_c", "1999-01-01Z", "1999-06-01Z"] in items
    out = capsys.readouterr().out
    assert "\x1b" not in out and "*a\\x1b[2Jb has 1 datasets" in out


# ---- spider


def spidered():
    with open("spiderout.txt", encoding="utf-8") as file:
        return file.read().splitlines()


def test_the_spider_counts(archive, capsys):
    spider(*tree(archive.url, returnvars=True, printme=False))
    assert spidered() == archive.counts()
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if re.search(r"entries\.$", line)] == archive.counts()
    assert out[-1] == "Done, checked 4 of 4"


def test_the_spider_is_silent(archive, capsys):
    spider(*tree(archive.url, returnvars=True, printme=False), noisy=False)
    assert spidered() == archive.counts() and capsys.readouterr().out == ""


def test_the_spider_looks_at_all_by_itself(archive, monkeypatch):
    monkeypatch.setenv("ROOT_CATALOG_REGISTRY_URL", archive.url)
    spider(noisy=False)
    assert spidered() == archive.counts()


def test_some_of_the_datasets(archive):
    """Lists may be cut and joined; those of one's own go with a bucket."""
    items, _ = tree(archive.url, returnvars=True, printme=False)
    spider(items[3:] + items[:1], noisy=False)
    assert spidered() == ["AIA_0094, 2001: 2 entries.", "AIA_0094, 2002: 6 entries.", "MMS1_FGM, 2001: 5 entries.",
                          "MMS1_FGM, 2002: 0 entries.", "MMS1_FGM, 2003: 7 entries."]
    mine = [["mms1_EDP", "2001-01-01", "2002-01-01"], ["solo", "2002", "2002"]]
    spider(mine, CloudCatalog("s3://east/"), noisy=False)
    assert mine[0][0] == "mms1_EDP"
    assert spidered() == ["mms1_EDP, 2001: 4 entries.", "mms1_EDP, 2002: 1 entries.", "solo, 2002: 3 entries."]


def test_only_the_years_wanted_are_asked_for(archive):
    archive.origin.clear()
    spider([["MMS1_FGM", "2003-01-01", "2003-06-01"]], CloudCatalog("s3://east/"), noisy=False)
    assert spidered() == ["MMS1_FGM, 2003: 7 entries."]
    assert not archive.origin.of("/east/i/MMS1_FGM_2001.csv")


def test_a_rerun_fetches_what_changed(archive):
    items, last = tree(archive.url, returnvars=True, printme=False)
    spider(items, last, noisy=False)
    archive.files["east", "solo"][2002] = rows("solo", 2002, 9)
    archive.origin.put("/east/i/solo_2002.csv", rows("solo", 2002, 9).encode())
    archive.origin.clear()
    spider(items, last, noisy=False)
    assert spidered() == archive.counts()
    asked = [(request.path, request.status) for request in archive.origin.requests() if request.path.endswith(".csv")]
    assert [path for path, status in asked if status in (200, 206)] == ["/east/i/solo_2002.csv"]
    assert len(asked) == len(set(asked)) == 8  # 6 files that are there, 2 years without, once each


def test_years_that_fail_are_told(archive, caplog):
    archive.origin.always("/east/i/MMS1_FGM_2001.csv", Behaviour(status=500))
    archive.origin.always("/west/i/AIA_0094_2002.csv", Behaviour(body=b"2002-01-01T00:00Z,no\n"))
    spider(*tree(archive.url, returnvars=True, printme=False), noisy=False, create_manifest=True)
    failed = {("MMS1_FGM", 2001), ("AIA_0094", 2002)}
    assert spidered() == archive.counts(failed=failed)
    assert any("MMS1_FGM_2001.csv" in record.message for record in caplog.records)
    keys = [row["datakey"] for row in manifest()]
    assert len(keys) == 28 - 5 - 6 and not [key for key in keys if "MMS1_FGM/2001" in key or "AIA_0094/2002" in key]


def test_a_year_that_fails_now_is_not_counted_as_it_was(archive):
    items, last = tree(archive.url, returnvars=True, printme=False)
    spider(items, last, noisy=False)
    archive.origin.always("/east/i/MMS1_FGM_2001.csv", Behaviour(status=500))
    spider(items, last, noisy=False, create_manifest=True)
    assert spidered() == archive.counts(failed={("MMS1_FGM", 2001)})
    assert not [row for row in manifest() if "MMS1_FGM/2001" in row["datakey"]]


def test_datasets_that_fail(archive):
    archive.add("east", "parquet", {2002: 3}, indextype="parquet")
    spider([*archive.trios("east"), ["none", "2001-01-01", "2002-01-01"]], CloudCatalog("s3://east/"), noisy=False)
    assert [line for line in spidered() if line.startswith("Error")] == [
        "Error accessing none, 2001", "Error accessing none, 2002", "Error accessing parquet, 2002"]
    assert "solo, 2002: 3 entries." in spidered()


def test_no_run_at_all(archive):
    """The catalog is there when it is loaded, and not when its index files are to be fetched."""
    items, last = tree(archive.url, returnvars=True, printme=False)
    spider(items, last, noisy=False)
    archive.origin.always("/east/catalog.json", Behaviour(status=500))
    spider(items, last, noisy=False, create_manifest=True)
    lost = {(name, year) for bucket, name in archive.files if bucket == "east" for year in range(2001, 2004)}
    assert spidered() == archive.counts(failed=lost)
    assert len(manifest()) == 8


def test_a_cache_is_used(archive):
    fr = CloudCatalog("s3://east/", cache=True)
    spider(archive.trios("east"), fr, noisy=False, create_manifest=True)
    assert spidered() == archive.counts(["east"]) and len(manifest()) == 20
    with open("east_cache/solo/solo_2002.csv") as file:
        assert file.read() == archive.files["east", "solo"][2002]


def manifest():
    with open("manifest_spider.txt", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_manifest(archive):
    spider(*tree(archive.url, returnvars=True, printme=False), noisy=False, create_manifest=True)
    expected = []
    for identifier in sorted(name for _, name in archive.files):
        texts = next(files for (_, name), files in archive.files.items() if name == identifier)
        for year in sorted(texts):
            for start, stop, key, size in (line.split(",") for line in texts[year].splitlines()):
                expected.append({"start": start[:10] + " " + start[11:19], "stop": stop[:10] + " " + stop[11:19],
                                 "datakey": key, "filesize": size})
    assert manifest() == sorted(expected, key=lambda row: (row["datakey"].split("/")[4], row["start"]))
    with open("manifest_spider.txt", encoding="utf-8") as file:
        assert file.read().count("datakey") == 1


def test_a_manifest_of_odd_rows(archive):
    """Keys with commas, sizes that are not stated, fractions of seconds, further columns."""
    text = ('start,stop,datakey,filesize,version\n2002-01-01T00:00:00.5Z,2002-01-02T00:00:00Z,"s3://east/a,b.cdf",,1\n'
            "2002-01-03T00:00:00Z,2002-01-04T00:00:00Z,s3://east/é.cdf,7,2\n")
    archive.origin.put("/east/i/solo_2002.csv", text.encode())
    spider([["solo", "2002-01-01", "2002-12-31"]], CloudCatalog("s3://east/"), noisy=False, create_manifest=True)
    assert manifest() == [
        {"start": "2002-01-01 00:00:00.500", "stop": "2002-01-02 00:00:00.000", "datakey": "s3://east/a,b.cdf",
         "filesize": ""},
        {"start": "2002-01-03 00:00:00.000", "stop": "2002-01-04 00:00:00.000", "datakey": "s3://east/é.cdf",
         "filesize": "7"}]


def test_files_over_new_year_count_once(archive):
    """In the year that they begin in, whatever years are looked at."""
    line = "2001-12-31T22:00:00Z,2002-01-01T02:00:00Z,s3://east/over.cdf,1\n"
    archive.add("east", "over", {2001: line, 2002: 4})
    fr = CloudCatalog("s3://east/")
    spider([["over", "2001-01-01", "2002-12-31"]], fr, noisy=False, create_manifest=True)
    assert spidered() == ["over, 2001: 1 entries.", "over, 2002: 4 entries."] and len(manifest()) == 5
    spider([["over", "2002-01-01", "2002-12-31"]], fr, noisy=False, create_manifest=True)
    assert spidered() == ["over, 2002: 4 entries."] and len(manifest()) == 4


def test_datasets_without_years(archive):
    archive.datasets["east"].append(dataset("model", "east", start="static", stop="static"))
    publish_catalog(archive.origin, "east", archive.datasets["east"], Cloudy="0.5")
    archive.origin.put("/east/i/model_static.csv", b"static,static,s3://east/model.bin,5\n")
    spider([["model", "static", "static"]], CloudCatalog("s3://east/"), noisy=False, create_manifest=True)
    assert spidered() == ["model, static: 1 entries."]
    assert manifest() == [{"start": "", "stop": "", "datakey": "s3://east/model.bin", "filesize": "5"}]


def test_years_out_of_this_world(archive):
    archive.datasets["east"][2].update(start="0001-01-01", stop="9999-12-31")
    publish_catalog(archive.origin, "east", archive.datasets["east"])
    spider([["solo", "0001-01-01", "9999-12-31"]], CloudCatalog("s3://east/"), noisy=False)
    assert "solo, 2002: 3 entries." in spidered() and len(spidered()) == 2261 - 1678 + 1


def test_progress_is_told(archive):
    told = []
    items, last = tree(archive.url, returnvars=True, printme=False, progress=told.append)
    spider(items, last, noisy=False, progress=told.append)
    assert told


# ---- the command line


def test_the_command_line(archive, capsys):
    assert main(["tree", "--catalog_url", archive.url, "--collection", "CDAWeb"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["*AIA has 1 datasets", "*MMS1 has 1 datasets"]
    assert main(["spider", "--catalog_url", archive.url]) == 0
    assert spidered() == archive.counts()
    assert main(["spider", "--catalog_url", archive.url, "--create_manifest", "False"]) == 0
    with pytest.raises(FileNotFoundError):
        manifest()
    for option in (["--create_manifest"], ["--create_manifest", "True"]):
        assert main(["spider", "--catalog_url", archive.url, *option]) == 0
        assert len(manifest()) == 28
    assert main(["tree", "--catalog_url", archive.origin.url + "/none"]) == 1
    assert "404" in capsys.readouterr().err


def test_the_command_line_as_a_module(python, archive):
    done = python(f"import runpy, sys; sys.argv = ['x', 'tree', '--catalog_url', {archive.url!r}]\n"
                  "runpy.run_module('heliodex.compat.cloudcatalog', run_name='__main__')",
                  env={"HELIODEX_ENDPOINT_URL": archive.origin.url, "HELIODEX_RETRIES": 0}).expect(0)
    assert "*mms1 has 2 datasets" in done.lines
    assert python("from heliodex.compat.cloudcatalog.__main__ import main; main([])").code == 2
