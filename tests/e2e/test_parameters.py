"""What extra columns are: by headers, by documents beside the index files, by both."""

import gzip
import io
import json
import zipfile

import pytest

from conftest import TINY
from extra_columns import NOTE, QUALITY, ROW, WIDTH, answer, document, documents_asked, info, lines, parameters, shown
from origin import Behaviour
from reference import Bucket


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


def test_41_document_that_leads_elsewhere(tiny, client):
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
