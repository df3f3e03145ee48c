"""What is known of the form of index files and of their extra columns: by headers, by documents beside them, by both."""

import csv
import gzip
import io
import json
import shutil
import signal
import threading
import zipfile

import pytest

import snapshot_kinds
from conftest import ROOT, TINY, Client, Program
from origin import Behaviour
from reference import Bucket
from snapshot_reader import Snapshot

ROW = "2019-01-{day:02}T00:00:00Z,2019-01-{day:02}T01:00:00Z,s3://tiny-bucket/d/{day}.cdf,{day}"
QUALITY = ("quality", "int", "1", "0 is best")
WIDTH = ("width", "double", "nm", None)
NOTE = ("note", "string", None, None)


def lines(*extras, year=2019, header=None, count=3):
    """Rows of some days, each with the extra values as templates of the day."""
    text = "".join(",".join([ROW, *extras]).format(day=day).replace("2019-", f"{year}-") + "\n" for day in range(1, count + 1))
    return (header + "\n" if header else "") + text


def document(identifier, ending="info"):
    return f"/{TINY}/i/{identifier}.{ending}"


def info(client, identifier):
    """What `info` says of the snapshot, as JSON."""
    done = client.program("info", client.bucket, identifier, *client.access, "--json").expect(0)
    return json.loads(done.out)["snapshot"]


def shown(client, identifier):
    """What `info` shows to people, blanks reduced."""
    done = client.program("info", client.bucket, identifier, *client.access, "--format", "tsv").expect(0)
    return [line.replace("\t", ": ") for line in done.lines]


def parameters(client, identifier):
    return {each["name"]: (each["type"], each["units"], each["description"]) for each in info(client, identifier)["parameters"]}


def answer(client, identifier, *arguments):
    """The rows as objects."""
    done = client.program("query", client.bucket, identifier, *client.access, "--offline", "--format", "ndjson", *arguments)
    return [json.loads(line) for line in done.expect(0).lines]


def documents_asked(tiny):
    return [path for path in tiny.asked() if path.endswith((".info", ".json"))]


# ---- forms


@pytest.mark.parametrize("content, form", [
    (lines(), "csv"),
    ("# start, stop, datakey, filesize\n" + lines(), "csv, header"),
    ("".join("'%s'\n" % line.replace(",", "','") for line in lines().splitlines()), "csv, quoted with '"),
    (lines().replace("s3:", '"s3:').replace(".cdf", '.cdf"'), 'csv, quoted with "'),
    ("2019-01-01T00:00Z,s3://b/1,5\n2019-01-02T00:00Z,s3://b/2,\n", "csv, no stop column"),
    (lines().replace("\n", "\r\n"), "csv, CRLF"),
    ("\ufeff" + lines(), "csv, byte order mark"),
    ("'start','key','size'\r\n'2019-01-01T00:00Z','s3://b/1','5'\r\n", "csv, header, quoted with ', no stop column, CRLF"),
])
def test_form_of_each_dialect(tiny, client, content, form):
    tiny.add("a", {2018: None, 2019: content})
    client.index().expect(0)
    gap, year = info(client, "a")["index_files"]
    assert (gap["form"], year["form"]) == (None, form)
    assert (year["repairs"], year["duplicates"], year["out_of_order"]) == (0, 0, False)
    line, = (line for line in shown(client, "a") if line.startswith("index file 2019: "))
    assert f", {form}, checked 20" in line and "present, " in line


def test_what_is_odd_about_the_rows(tiny, client):
    row, other = lines(count=2).splitlines()
    tiny.add("twice", {2019: f"{row}\n{row}\n{other}\n"})
    tiny.add("loose", {2019: f"{other}\n{row}\n{other}\n{row}\n{row}\n"})
    tiny.add("tied", {2019: "\n".join([row, row.replace("/1.", "/2.")] * 2) + "\n"})  # in order of start, not of keys
    tiny.add("mended", {2019: f"{row.replace('T00:00:', 'T00.00:')}\n{other},\n"})
    client.index().expect(0)

    def odd(identifier):
        year, = info(client, identifier)["index_files"]
        return year["repairs"], year["duplicates"], year["out_of_order"]

    assert odd("twice") == (0, 1, False)
    assert odd("loose") == (0, 3, True)
    assert odd("tied") == (0, 2, False)
    assert odd("mended") == (1, 0, False)
    assert any("csv, 3 duplicates, out of order, checked" in line for line in shown(client, "loose"))
    assert any("csv, 1 duplicate, checked" in line for line in shown(client, "twice"))
    assert any("csv, 1 repair, checked" in line for line in shown(client, "mended"))
    client.check()


def test_form_is_kept_with_the_rows(tiny, client):
    """Of a year that did not change, that cannot be read for now, and that is kept although it is gone."""
    form = "csv, header"
    for year in (2017, 2018, 2019):
        tiny.add(f"unused{year}", {year: None})
    tiny.add("a", {year: lines(year=year, header="start,stop,datakey,filesize") for year in (2017, 2018, 2019)})
    client.index().expect(0)
    tiny.write(tiny.path("a", 2017), lines(year=2017))
    tiny.origin.always(tiny.path("a", 2018), Behaviour(status=500))
    (tiny.folder / tiny.path("a", 2019).lstrip("/")).unlink()
    client.index("a", "--retries", "0", "--keep-vanished").expect(1)
    files = info(client, "a")["index_files"]
    assert [(year["state"], year["form"]) for year in files] == [("present", "csv"), ("stale", form), ("vanished", form)]
    assert "500" in files[1]["reason"] and files[0]["checked"] > files[1]["checked"][:10]
    assert any(line.startswith("held years: 2017 to 2019: 1 present, 1 stale, 1 vanished") for line in shown(client, "a"))
    stale, = (line for line in shown(client, "a") if line.startswith("index file 2018: stale"))
    assert "500" in stale and f", {form}, " in stale
    vanished, = (line for line in shown(client, "a") if line.startswith("index file 2019: vanished"))
    assert "404" in vanished and f", {form}, " in vanished


# ---- names and types by documents


def test_plain_datasets_ask_for_no_document(tiny, client):
    tiny.add("a", {2018: lines(year=2018), 2019: "# start, stop, datakey, filesize\n" + lines()})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    assert documents_asked(tiny) == []


@pytest.mark.parametrize("ending", ["info", "json"])
def test_document_names_the_columns(tiny, client, ending):
    tiny.add("a", {2018: lines("{day}", "0.5", year=2018), 2019: lines("{day}", "1.5")})
    tiny.describe("a", [QUALITY, WIDTH], ending)
    client.index().expect(0)
    assert documents_asked(tiny) == [document("a"), document("a", "json")][:1 + (ending == "json")]
    assert len(tiny.origin.of(document("a"))) == 1  # once for all years
    assert parameters(client, "a") == {"quality": ("int", "1", "0 is best"), "width": ("double", "nm", None)}
    assert {'extra column: quality: int, 1, "0 is best"', "extra column: width: double, nm"} <= set(shown(client, "a"))
    client.check()
    assert client.query("a", "--offline").lines[0] == "start,stop,datakey,filesize,quality,width"


def test_document_beside_the_other(tiny, client):
    """.info is asked for first, and is enough; .json counts where the other is refused."""
    tiny.add("a", {2019: lines("{day}")})
    tiny.describe("a", [WIDTH], "json")
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    assert documents_asked(tiny) == [document("a")] and list(parameters(client, "a")) == ["quality"]
    tiny.origin.always(document("a"), Behaviour(status=403))
    tiny.write(tiny.path("a", 2019), lines("{day}", count=4))
    client.index().expect(0)
    assert list(parameters(client, "a")) == ["width"]


def test_no_document(tiny, client):
    tiny.add("a", {2019: lines("{day}", "x")})
    tiny.add("b", {2019: lines("{day}", "x")})
    for ending in ("info", "json"):
        tiny.origin.always(document("b", ending), Behaviour(status=403))
    client.index().expect(0)
    assert parameters(client, "a") == parameters(client, "b") == dict.fromkeys(["checksum", "checksum_algorithm"], 3 * (None,))
    assert len(tiny.origin.of(tiny.path("a", 2019))) == 1
    client.check("a")


def test_header_comes_before_the_document(tiny, client):
    """Its names count; what is known of them is found by their names. Files with and without a header meet."""
    tiny.add("a", {2017: lines("{day}", "a", "2", year=2017, header="start,stop,datakey,filesize,width,own,quality"),
                   2018: lines("{day}", "0.25", "b", year=2018), 2019: lines("{day}", header="# a, b, c, d, note")})
    tiny.describe("a", [QUALITY, WIDTH, NOTE])
    client.index().expect(0)
    client.check()
    assert parameters(client, "a") == {"note": ("string", None, None), "own": (None, None, None),
                                       "quality": ("int", "1", "0 is best"), "width": ("double", "nm", None)}
    reads = [len(tiny.origin.of(tiny.path("a", year))) for year in (2017, 2018, 2019)]
    assert (reads[0], reads[2]) == (1, 1) and reads[1] in (1, 2)  # read again only to be named, if it came too early


def test_document_that_tells_of_every_column(tiny, client):
    tiny.add("a", {2019: lines("{day}")})
    tiny.describe("a", [(name, None, None, None) for name in ("start", "stop", "datakey", "filesize")] + [QUALITY])
    client.index().expect(0)
    assert list(parameters(client, "a")) == ["quality"]
    client.check()


def test_checksums_come_before_the_columns_of_the_document(tiny, client):
    """By the convention, where a file has two columns more and no header that tells of any."""
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("c{day}", "MD5", "{day}"),
                   2020: lines("d{day}", "MD5", "{day}", year=2020, header="# start, stop, datakey, filesize")})
    tiny.add("short", {2019: "2019-01-01T00:00Z,s3://b/1,5,ab,MD5,3\n"})
    for identifier in ("a", "short"):
        tiny.describe(identifier, [QUALITY])
    assert "parameter" not in client.index().expect(0).err
    assert parameters(client, "a") == {"checksum": 3 * (None,), "checksum_algorithm": 3 * (None,), "quality": ("int", "1", "0 is best")}
    assert [(row["checksum"], row["checksum_algorithm"], row["quality"]) for row in answer(client, "a", "--start", "2019", "--stop", "2020")] == \
        [(f"c{day}", "MD5", day) for day in range(1, 4)]
    assert [row["quality"] for row in answer(client, "short")] == [3]
    client.check()


@pytest.mark.parametrize("extras, names", [
    (["{day}", "x"], ["checksum_algorithm", "quality"]),
    (["{day}", "x", "y", "z"], ["checksum_algorithm", "column7", "column8", "quality"]),
])
def test_more_columns_than_names(tiny, client, extras, names):
    tiny.add("a", {2018: lines(*extras, year=2018), 2019: lines(*extras)})
    tiny.describe("a", [QUALITY])
    done = client.index().expect(0)
    assert list(parameters(client, "a")) == names
    for year in (2018, 2019):  # once, although it may be read twice
        told, = (line for line in done.err.splitlines() if f"a_{year}.csv" in line)
        assert f"{len(extras)} extra columns" in told and "1 parameter" in told
    client.check()


def test_more_names_than_columns(tiny, client):
    tiny.add("a", {2018: lines(year=2018), 2019: lines("{day}")})
    tiny.describe("a", [QUALITY, WIDTH])
    client.index().expect(0, "a_2019.csv: 1 extra column, ", "2 parameters")
    assert list(parameters(client, "a")) == ["quality"]
    client.check()


def test_columns_of_one_name(tiny, client):
    """None is lost, whatever a header calls it."""
    tiny.add("a", {2018: lines("a", "{day}", "c", "d", "e", year=2018, header="start,stop,datakey,filesize,run,run,run_2,run,checksum"),
                   2019: lines("f", "{day}", "h", header="# start, stop, datakey, filesize, checksum_algorithm, , checksum_algorithm")})
    client.index().expect(0)
    assert list(parameters(client, "a")) == ["checksum", "checksum_algorithm", "checksum_algorithm_2", "checksum_algorithm_3", "run",
                                             "run_2", "run_3", "run_4"]
    row = answer(client, "a")[1]
    assert [row[name] for name in ("run", "run_3", "run_2", "run_4", "checksum")] == ["a", "2", "c", "d", "e"]
    row = answer(client, "a")[-1]
    assert [row[f"checksum_algorithm{end}"] for end in ("", "_2", "_3")] == ["f", "h", "3"]
    client.check()


def test_document_is_asked_for_where_columns_are_held(tiny, client):
    """Once in each run, for the files beside it may be as they were."""
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
    tiny.add("plain", {2019: lines()})
    for identifier in ("a", "plain"):
        tiny.describe(identifier, [QUALITY])
    client.index().expect(0)
    tiny.origin.clear()
    client.index().expect(0)
    assert documents_asked(tiny) == [document("a")]
    assert [each.status for each in tiny.origin.of(tiny.path("a", 2019))] == [304]
    tiny.write(tiny.path("a", 2019), lines())  # without the column
    client.index().expect(0)
    assert parameters(client, "a")["quality"] == ("int", "1", "0 is best")
    client.check()


def test_query_asks_for_it_too(tiny, client):
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    assert client.query("a").expect(0).lines[0].endswith("filesize,quality")
    client.check()


def test_bucket_in_a_folder(heliodex, tiny):
    tiny.add("a", {2019: lines("{day}", "0.5")})
    tiny.describe("a", [QUALITY, WIDTH], "json")
    heliodex("index", f"file://{tiny.folder}/{TINY}/").expect(0)
    dataset = Bucket(tiny.folder, TINY).dataset("a")
    done = heliodex("query", f"file://{tiny.folder}/{TINY}/", "a", "--offline", "--format", "csv").expect(0)
    assert done.out == dataset.csv(dataset.answer()) and "quality,width" in done.out


# ---- documents that cannot be read


@pytest.mark.parametrize("content, told", [
    (b'{"parameters": [\n{"name": "quality",}]}', "a.info: line 2 column"),
    (b"<html>404 Not Found</html>", "a.info: line 1 column 1"),
    (b'{\n"parameters": 5}', "line 2 column 15: expected a list behind \"parameters\", found a number"),
    (b'{"parameters": "' + (1 << 20) * b"x" + b'"}', "limit of 1048576"),
    (b"", "a.info: "),
])
def test_malformed_document(tiny, client, content, told):
    """Is told, and is as none."""
    tiny.add("a", {2019: lines("{day}")})
    tiny.write(document("a"), content)
    client.index().expect(0, told, "names that are made up")
    assert parameters(client, "a") == {"checksum": (None, None, None)}
    client.check()


@pytest.mark.parametrize("header", [None, "start,stop,datakey,filesize,quality"])
def test_document_that_fails_for_now(tiny, client, header):
    """A failure is no absence: rows stay as they were until it is known what they are."""
    tiny.add("a", {2018: lines("{day}", year=2018, header=header), 2019: lines(header=header and header[:28])})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    before = client.query("a", "--offline").expect(0).out
    tiny.write(tiny.path("a", 2018), lines("{day}", year=2018, count=5, header=header))
    tiny.origin.always(document("a"), Behaviour(status=503))
    client.index("--retries", "1").expect(5, "a_2018.csv: what its extra columns are cannot be read", "a.info", "503")
    assert client.query("a", "--offline").expect(0).out == before
    assert [year["state"] for year in info(client, "a")["index_files"]] == ["stale", "stale"]
    assert parameters(client, "a") == {"quality": ("int", "1", "0 is best")}
    tiny.origin.always(document("a"), None)
    client.index().expect(0)
    assert len(answer(client, "a")) == 8
    client.check()


def test_nothing_is_kept_where_the_document_fails(tiny, client):
    tiny.add("a", {2019: lines("{day}")})
    tiny.origin.always(document("a", "json"), Behaviour(status=500))
    client.index("--retries", "0").expect(5, "a.json")
    assert client.query("a", "--retries", "0").expect(5).out == ""
    tiny.origin.always(document("a", "json"), None)
    client.query("a").expect(0)
    client.check()


def test_document_that_leads_elsewhere(tiny, client):
    """A redirect to a file of this machine is refused, and is no absence."""
    secret = tiny.folder / "secret.info"
    secret.write_text(json.dumps({"parameters": [{"name": "stolen"}]}))
    tiny.add("a", {2019: lines("{day}")})
    tiny.origin.always(document("a"), Behaviour(status=302, body=b"", headers={"Location": f"file://{secret}"}))
    done = client.index("--retries", "0")
    assert done.code in (4, 7) and "a.info" in done.err, done
    assert client.query("a", "--offline").code == 3


@pytest.mark.parametrize("indextype, form", [("csv", "gzip"), ("csv-zip", "zip")])
def test_packed_file_that_is_read_again(tiny, client, indextype, form):
    """Under the name that it was found by."""
    content = lines("{day}", "0.5")
    tiny.add("a", {2019: None}, indextype=indextype)
    tiny.describe("a", [QUALITY, WIDTH])
    path = tiny.path("a", 2019) + (".gz" if indextype == "csv" else ".zip")
    if form == "gzip":
        tiny.write(path, gzip.compress(content.encode()))
    else:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a_2019.csv", content)
        tiny.write(path, packed.getvalue())
    client.index().expect(0)
    year, = info(client, "a")["index_files"]
    assert (year["form"], year["rows"]) == (f"csv, {form}", 3)
    assert [(row["quality"], row["width"]) for row in answer(client, "a")] == [(1, 0.5), (2, 0.5), (3, 0.5)]
    assert len(tiny.origin.of(path)) == 2


def test_names_that_are_published_later_are_no_damage(tiny, client):
    tiny.add("a", {2019: lines("{day}", "x")})
    client.index().expect(0)
    verify = ["verify", client.bucket, "a", *client.access, "--deep", "--format", "csv"]
    client.program(*verify).expect(0)
    tiny.describe("a", [QUALITY, NOTE])
    done = client.program(*verify).expect(1)
    assert "source changed" in done.out and "called otherwise" in done.out
    etag = info(client, "a")["index_files"][0]["etag"]
    tiny.origin.always(tiny.path("a", 2019), Behaviour(body=lines("{day}", "y").encode(), headers={"ETag": etag}))
    client.program(*verify).expect(7)  # other values are


# ---- documents that change while the index files do not


def fetched(tiny, identifier, year):
    """How often a file was read as a whole."""
    return sum(each.status in (200, 206) for each in tiny.origin.of(tiny.path(identifier, year)))


def columns(client, identifier):
    return client.query(identifier, "--offline").expect(0).lines[0].split(",")[4:]


@pytest.mark.parametrize("ending", ["info", "json"])
@pytest.mark.parametrize("refresh", ["index", "query"])
def test_document_that_changes(tiny, client, ending, refresh):
    def run():
        tiny.origin.clear()
        (client.index() if refresh == "index" else client.query("a", "--refresh")).expect(0)
        return fetched(tiny, "a", 2018), fetched(tiny, "a", 2019)

    tiny.add("a", {2018: lines("{day}", "0.5", year=2018), 2019: lines("{day}", "1.5")})
    client.index().expect(0)
    assert columns(client, "a") == ["checksum", "checksum_algorithm"]
    verify = ["verify", client.bucket, "a", *client.access, "--deep"]
    for said in ([QUALITY, WIDTH], [WIDTH, QUALITY], [WIDTH, ("quality", "double", "1", "0 is best")], [WIDTH, QUALITY, NOTE], []):
        tiny.describe("a", said, ending)
        if said and said != [WIDTH, ("quality", "double", "1", "0 is best")]:
            client.program(*verify).expect(1 if len(said) == 2 else 0)
        assert run() == (1, 1), said
        client.check()
        client.program(*verify).expect(0)
        wanted = {name: (kind, units, about) for name, kind, units, about in said[:2]}
        assert parameters(client, "a") == (wanted or dict.fromkeys(["checksum", "checksum_algorithm"], 3 * (None,)))
        assert run() == (0, 0), said


def test_document_that_is_removed(tiny, client):
    tiny.add("a", {2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    (tiny.folder / document("a").lstrip("/")).unlink()
    tiny.origin.clear()
    client.index().expect(0)
    assert columns(client, "a") == ["checksum"]
    assert [len(tiny.origin.of(document("a", ending))) for ending in ("info", "json")] == [2, 2]  # one answer is not believed
    client.check()


def test_document_that_is_missing_for_a_moment(tiny, client):
    tiny.add("a", {2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    tiny.origin.clear()
    tiny.origin.script(document("a"), Behaviour(status=404))
    client.index().expect(0)
    assert columns(client, "a") == ["quality"] and fetched(tiny, "a", 2019) == 0


def test_years_beyond_the_range_are_named_anew_too(tiny, client):
    """An answer has the names of one document, whatever was asked for when it changed."""
    tiny.add("a", {year: lines("{day}", year=year) for year in (2016, 2017, 2018, 2019)})
    tiny.describe("a", [QUALITY])
    client.index("--start", "2017").expect(0)
    tiny.describe("a", [WIDTH])
    tiny.origin.clear()
    client.query("a", "--start", "2019-01-02", "--stop", "2019-01-03", "--refresh").expect(0)
    assert [fetched(tiny, "a", year) for year in (2016, 2017, 2018, 2019)] == [0, 1, 1, 1]
    client.query("a").expect(0)
    assert columns(client, "a") == ["width"]
    client.check()


def test_queries_ask_for_no_document_of_what_is_known(tiny, client):
    """What is missing is named by the new one; the next run does so with the rest."""
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    client.index("--stop", "2019").expect(0)
    tiny.describe("a", [WIDTH])
    tiny.origin.clear()
    client.query("a", "--start", "2018-01-01", "--stop", "2018-12-31").expect(0)
    assert documents_asked(tiny) == [] and fetched(tiny, "a", 2018) == 0
    client.query("a").expect(0)
    assert columns(client, "a") == ["quality", "width"] and fetched(tiny, "a", 2018) == 0
    client.index().expect(0)
    assert columns(client, "a") == ["width"] and fetched(tiny, "a", 2018) == 1
    client.check()


@pytest.mark.parametrize("behaviour", [Behaviour(status=500), Behaviour(stall=-1), Behaviour(cut=-1)])
def test_document_that_fails_while_files_are_as_they_were(tiny, client, behaviour):
    """Rows stay under the names that they have, but are stale; no file is read in vain."""
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}"), 2020: None})
    tiny.add("b", {2019: lines(year=2019)})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    before = client.query("a", "--offline").expect(0).out
    tiny.describe("a", [WIDTH])
    tiny.origin.clear()
    tiny.origin.always(document("a"), behaviour)
    client.index("--retries", "0", "--stall-time", "1s").expect(1, "what its extra columns are cannot be read", "a.info")
    assert fetched(tiny, "a", 2018) == fetched(tiny, "a", 2019) == 0
    assert [year["state"] for year in info(client, "a")["index_files"]] == ["stale", "stale", "gap"]
    assert client.query("a", "--offline").expect(0, "rows of 2018 are those of an earlier version").out == before
    tiny.origin.always(document("a"), None)
    client.index().expect(0)
    assert columns(client, "a") == ["width"] and {year["state"] for year in info(client, "a")["index_files"]} == {"present", "gap"}


def test_file_that_fails_while_its_document_changes(tiny, client):
    """It keeps its old names until it can be read; nothing is forgotten about that."""
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    tiny.describe("a", [WIDTH])
    tiny.origin.always(tiny.path("a", 2018), Behaviour(status=500))
    client.index("--retries", "0").expect(1)
    assert parameters(client, "a") == {"quality": ("int", "1", "0 is best"), "width": ("double", "nm", None)}
    tiny.describe("a", [QUALITY])  # the older one again: what was read meanwhile is not named by it
    tiny.origin.always(tiny.path("a", 2018), None)
    client.index().expect(0)
    assert columns(client, "a") == ["quality"]
    client.check()


def test_nothing_can_be_read(tiny, client):
    """Refusals of all leave all as it was."""
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    paths = [document("a"), document("a", "json"), tiny.path("a", 2018), tiny.path("a", 2019)]
    for path in paths:
        tiny.origin.always(path, Behaviour(status=403))
    assert client.index("--retries", "0").code != 0
    assert parameters(client, "a") == {"quality": ("int", "1", "0 is best")}
    for path in paths:
        tiny.origin.always(path, None)
    tiny.origin.clear()
    client.index().expect(0)
    assert columns(client, "a") == ["quality"] and fetched(tiny, "a", 2018) == 0
    client.check()


def test_vanished_rows_keep_their_names(tiny, client):
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    tiny.describe("a", [WIDTH])
    (tiny.folder / tiny.path("a", 2018).lstrip("/")).unlink()
    client.index("--keep-vanished").expect(0)
    assert columns(client, "a") == ["quality", "width"]
    tiny.origin.clear()
    client.index("--keep-vanished").expect(0)
    assert fetched(tiny, "a", 2019) == 0  # there is no more to be done about them


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_cancelled_while_the_document_is_awaited(tiny, client, number, code):
    tiny.add("a", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    before = client.query("a", "--offline").expect(0).out
    tiny.describe("a", [WIDTH])
    tiny.origin.clear()
    gate, origin = threading.Event(), tiny.origin
    origin.always(document("a"), Behaviour(until=gate))
    process = client.program.start("index", client.bucket, *client.access)
    assert origin.wait_for(lambda: origin.requests_now == 1 and tiny.catalog_path in [each.path for each in origin.requests()])
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    gate.set()
    origin.always(document("a"), None)
    assert client.query("a", "--offline").expect(0).out == before
    client.index().expect(0)
    assert columns(client, "a") == ["width"]


def test_many_datasets_whose_documents_change(tiny, client):
    """More than are under way at once: the run neither waits for ever nor ends early."""
    for n in range(60):
        tiny.add(f"d{n}", {2018: lines("{day}", year=2018), 2019: lines("{day}")})
        tiny.describe(f"d{n}", [QUALITY])
    client.index("--jobs", "4").expect(0)
    for n in range(0, 60, 2):
        tiny.describe(f"d{n}", [WIDTH])
    for n in range(0, 60, 3):
        tiny.origin.always(document(f"d{n}"), Behaviour(status=500))
    client.index("--jobs", "4", "--retries", "0").expect(1)
    for n in range(60):
        assert columns(client, f"d{n}") == (["quality"] if n % 2 or n % 3 == 0 else ["width"])


# ---- files that are read again


def test_file_that_changes_before_it_is_read_again(tiny, client, tmp_path):
    tiny.add("a", {2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    newer = lines("{day}", "7", count=6)
    tiny.origin.script(tiny.path("a", 2019), None, Behaviour(replace=newer.encode()))
    client.index("--keep-index", tmp_path / "kept").expect(0)
    assert [(row["quality"], row["checksum_algorithm"]) for row in answer(client, "a")] == [(day, "7") for day in range(1, 7)]
    assert (tmp_path / "kept" / "a" / "a_2019.csv").read_text() == newer
    assert info(client, "a")["index_files"][0]["rows"] == 6


@pytest.mark.parametrize("behaviour", [Behaviour(status=500), Behaviour(cut=10)])
def test_file_that_cannot_be_read_again(tiny, client, behaviour):
    tiny.add("a", {2018: lines(year=2018)})
    tiny.describe("a", [QUALITY])
    client.index().expect(0)
    tiny.write(tiny.path("a", 2018), lines("{day}", "x", year=2018))
    tiny.origin.script(tiny.path("a", 2018), None, *10 * [behaviour])
    client.index("--retries", "2").expect(5, "a_2018.csv")
    assert client.query("a", "--offline").lines[0] == "start,stop,datakey,filesize"
    assert info(client, "a")["index_files"][0]["state"] == "stale"


@pytest.mark.parametrize("statuses, code, state", [([403] * 20, 1, "failed"), ([404], 0, "present"), ([404] * 20, 0, "gap")])
def test_file_that_is_refused_when_it_is_read_again(tiny, client, statuses, code, state):
    """What was there a moment ago is no gap because of a 403, nor because of a single 404."""
    tiny.add("a", {2018: 3, 2019: lines("{day}")})
    tiny.describe("a", [QUALITY])
    tiny.origin.script(tiny.path("a", 2019), None, *[Behaviour(status=status) for status in statuses])
    client.index().expect(code, *["a_2019.csv"] * code)
    assert {file["year"]: file["state"] for file in info(client, "a")["index_files"]} == {2018: "present", 2019: state}


def test_file_that_is_refused_behind_its_beginning(tiny, client):
    tiny.add("a", {2018: 3, 2019: 3000})
    tiny.origin.script(tiny.path("a", 2019), None, *[Behaviour(status=403)] * 20)
    client.index("--part-size", "64K").expect(1, "a_2019.csv")
    assert [file["state"] for file in info(client, "a")["index_files"]] == ["present", "failed"]


def test_many_years_and_little_memory(tiny, client):
    """Files that wait for their names hold no memory that the document needs."""
    years = {year: lines("{day}", *["x" * 4000] * 8, year=year, count=28) for year in range(1990, 2020)}
    tiny.add("a", years)
    tiny.describe("a", [QUALITY])
    gate = Behaviour(delay=0.3)
    tiny.origin.script(document("a"), gate)
    client.index("--memory", "16M", "--jobs", "8").expect(0)
    client.check()
    assert len(tiny.origin.of(document("a"))) == 1


# ---- types


def test_numbers_are_numbers_in_json(tiny, client):
    values = ["1", "-2.5e3", "0094", "", "+1", "1.", "nan", "12345678901234567890", "0", "1e", "-", "\u0663"]
    extras = [",".join(3 * [value]) for value in values]
    content = "".join(f"{ROW},{extra}\n".format(day=day) for day, extra in enumerate(extras, 1))
    tiny.add("a", {2019: content})
    tiny.describe("a", [QUALITY, WIDTH, NOTE])
    client.index().expect(0)
    wanted = [1, -2500.0, "0094", None, "+1", "1.", "nan", 12345678901234567890, 0, "1e", "-", "\u0663"]
    rows = answer(client, "a")
    assert [row["quality"] for row in rows] == [row["width"] for row in rows] == wanted
    assert [row["note"] for row in rows] == [value or None for value in values]
    whole = client.program("query", client.bucket, "a", *client.access, "--offline", "--format", "json").expect(0)
    assert json.loads(whole.out) == rows
    assert '"width":-2.5e3}' in whole.out  # as published, not as a double has it
    client.check()  # csv is as it was
    assert [row["quality"] for row in answer(client, "a", "--where", "quality=94")] == ["0094"]


def test_what_several_datasets_agree_on(tiny, client):
    for identifier, said in {"a": [QUALITY, WIDTH, NOTE], "b": [("quality", "int", None, "else"), ("width", "int", None, None), NOTE],
                             "c": []}.items():
        tiny.add(identifier, {2019: lines("{day}", "1.5", "2", header="start,stop,key,size,quality,width,note")})
        tiny.describe(identifier, said)
    client.index().expect(0)
    rows = answer(client, "[abc]")
    assert len(rows) == 9
    assert {(type(row["quality"]), type(row["width"]), type(row["note"])) for row in rows} == {(int, str, str)}
    assert {type(row["width"]) for row in answer(client, "[ac]")} == {float}
    assert {type(row["width"]) for row in answer(client, "c")} == {str}


# ---- versions of the format


def test_snapshot_of_1_0_becomes_one_of_1_1(heliodex, tiny):
    """What it does not know stays unknown of the years that do not change."""
    vector = ROOT / "tests" / "vectors" / "snapshot-v1" / "corpus_texts.hdx"
    place = heliodex.store / "aws" / TINY
    place.mkdir(parents=True)
    shutil.copy(vector, place)
    tiny.add("corpus_texts", {2018: None, 2019: None})
    client = Client(heliodex, tiny)
    client.access = ["--map", f"{client.bucket}={tiny.origin.url}/{TINY}/"]
    assert [year["form"] for year in info(client, "corpus_texts")["index_files"]] == [None, None]
    content = lines("{day}", header="start,stop,datakey,filesize,sequence")
    tiny.write(tiny.path("corpus_texts", 2019), content)
    tiny.describe("corpus_texts", [("sequence", "int", None, None)])
    tiny.origin.always(tiny.path("corpus_texts", 2018), Behaviour(status=500))
    client.index("--retries", "0").expect(1)
    new = Snapshot(place / "corpus_texts.hdx")
    assert (Snapshot(vector).minor, new.minor) == (0, 1)
    assert [(year["state"], year["form"]) for year in new.years] == [(2, b""), (0, b"csv, header")]
    assert new.parameters == {"sequence": ("int", "", "")}
    old = [row[:4] for row in csv.reader(vector.with_suffix(".csv").open()) if row[0].startswith("2018")]
    rows = [row[:4] for row in csv.reader(client.query("corpus_texts", "--offline").expect(0).lines)]
    assert len(rows) == 1 + len(old) + 3 and len(old) == 90
    # The stop of the last one is the next row's start, which is another now.
    assert rows[1:90] == old[:-1] and rows[90] == [*old[-1][:1], "2019-01-01T00:00:00Z", *old[-1][2:]]


def test_vector_of_1_1_says_what_it_said(heliodex):
    path = ROOT / "tests" / "vectors" / "snapshot-v1.1" / "forms.hdx"
    found = {year["year"]: tuple(year[name] for name in ("form", "repairs", "duplicates", "flags")) for year in Snapshot(path).years}
    assert found == snapshot_kinds.FORMS
