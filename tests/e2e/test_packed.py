"""Packed index files: csv-zip, gzip under the name of a csv file or as .csv.gz, and parquet, which is refused.

They are made by Python's zipfile and gzip, and the reference reads them by the same.
"""

import gzip
import io
import json
import random
import struct
import zipfile

import pytest

from conftest import TINY, rows
from origin import Behaviour
from s3_bucket import Shelf, User, keys
from servers import Nginx

FAST = ["--retries", "1"]
PROBE = ["--discover", "probe"]


class Pipe(io.RawIOBase):
    """What cannot be sought, as a socket: sizes come behind the member."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


def zipped(content, method=zipfile.ZIP_DEFLATED, streamed=False, zip64=False, comment=b"", names=("index.csv",)):
    content = content.encode() if isinstance(content, str) else content
    to = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(to, "w", method) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            with archive.open(entry, "w", force_zip64=zip64) as member:
                member.write(content)
        archive.comment = comment
    return to.bytes if streamed else to.getvalue()


def with_flag(archive, bit):
    """The same with a general purpose flag set in both headers."""
    changed = bytearray(archive)
    for at in (6, archive.index(b"PK\1\2") + 8):
        changed[at:at + 2] = struct.pack("<H", struct.unpack("<H", changed[at:at + 2])[0] | 1 << bit)
    return bytes(changed)


def noise(identifier, year, count):
    """Rows that do not shrink much, so that a packed file has several parts."""
    chance = random.Random(f"{identifier} {year}")
    text = rows(identifier, year, count)
    return "".join(line.replace(".cdf,", f"_{chance.randbytes(24).hex()}.cdf,") for line in text.splitlines(True))


def packed_path(identifier, year, ending):
    return f"/{TINY}/i/{identifier}_{year}{ending}"


def add(tiny, identifier, years, ending, **entry):
    """A dataset of index files {year: bytes, or None} of that ending."""
    tiny.add(identifier, dict.fromkeys(years), **entry)
    for year, content in years.items():
        if content is not None:
            tiny.write(packed_path(identifier, year, ending), content)


def counted(tiny, ending):
    return [request.path for request in tiny.origin.requests() if request.path.endswith(ending)]


# ---- csv-zip


FORMS = {
    2001: zipped(rows("z", 2001, 30)),
    2002: zipped(rows("z", 2002, 30), zipfile.ZIP_STORED),
    2003: zipped(rows("z", 2003, 30), streamed=True),
    2004: zipped(rows("z", 2004, 30), zip64=True),
    2005: zipped(rows("z", 2005, 30), streamed=True, zip64=True),
    2006: zipped(rows("z", 2006, 30), comment=b"all rows of 2006", names=("a/folder/of/theirs/rows.txt",)),
    2007: zipped(""),
    2008: None,
    2009: rows("z", 2009, 30).encode(),  # unpacked on its way, under its old name
    2010: gzip.compress(rows("z", 2010, 30).encode()),
    2011: zipped("\ufeff# start, stop, datakey, filesize\r\n'2011-05-05Z','2011-05-06Z','s3://b/k',7\r\n"),
    2012: zipped(rows("z", 2012, 20000), streamed=True),
}


@pytest.mark.parametrize("indextype", ["csv-zip", "CSV-Zip"])
@pytest.mark.parametrize("parts", [[], ["--part-size", "64K"]])
def test_27_zip_of_every_form(tiny, client, indextype, parts):
    add(tiny, "z", FORMS, ".csv.zip", indextype=indextype)
    done = client.index(*parts).expect(0, "11 fetched", "1 gap")
    assert "warning" not in done.err.lower()
    client.check()
    tiny.origin.clear()
    client.index(*parts).expect(0, "11 unchanged")
    # A zip file has no other name to be tried.
    assert counted(tiny, "2008.csv.zip") == [packed_path("z", 2008, ".csv.zip")] and not counted(tiny, ".gz")


def test_zip_in_parts_from_a_real_server(heliodex, tiny, tmp_path):
    """Several ranges, of a file that shrinks to some hundred kilobytes."""
    content = noise("big", 2019, 8000)
    add(tiny, "big", {2018: zipped(content, streamed=True), 2019: zipped(content, zip64=True)}, ".csv.zip", indextype="csv-zip")
    with Nginx(tiny.folder, tmp_path / "nginx") as server:
        access = ["--endpoint-url", server.url]
        heliodex("index", f"s3://{TINY}/", "--part-size", "64K", *access).expect(0)
        dataset = tiny.reference().dataset("big")
        held = heliodex("query", f"s3://{TINY}/", "big", *access, "--offline", "--format", "csv").expect(0)
        assert held.out == dataset.csv(dataset.answer())
        parts = [status for _, target, status, _ in server.requests() if target.endswith("2019.csv.zip")]
        assert len(parts) > 4 and set(parts) == {206}


def test_query_fetches_what_is_packed(tiny, client):
    add(tiny, "z", FORMS, ".csv.zip", indextype="csv-zip")
    dataset = tiny.reference().dataset("z")
    assert client.query("z").expect(0).out == dataset.csv(dataset.answer())
    tiny.origin.clear()
    client.query("z").expect(0)
    assert tiny.origin.requests() == []


def test_changed_zip_is_fetched_anew(tiny, client):
    add(tiny, "z", {2018: FORMS[2001], 2019: FORMS[2002]}, ".csv.zip", indextype="csv-zip")
    client.index().expect(0)
    tiny.write(packed_path("z", 2019, ".csv.zip"), zipped("2019-01-01Z,2019-01-02Z,newer,1\n"))
    client.index().expect(0, "1 fetched, 1 unchanged")
    client.check()


def test_kept_as_it_came(tiny, client, tmp_path):
    add(tiny, "z", {2019: FORMS[2003]}, ".csv.zip", indextype="csv-zip")
    add(tiny, "g", {2019: gzip.compress(rows("g", 2019, 9).encode())}, ".csv.gz")
    add(tiny, "c", {2019: gzip.compress(rows("c", 2019, 9).encode())}, ".csv")
    client.index("--keep-index", tmp_path / "kept").expect(0)
    for identifier, ending in (("z", ".csv.zip"), ("g", ".csv.gz"), ("c", ".csv")):
        name = f"{identifier}_2019{ending}"
        assert (tmp_path / "kept" / identifier / name).read_bytes() == tiny.read(f"/{TINY}/i/{name}")
    assert len(list((tmp_path / "kept").rglob("*.*"))) == 3


# ---- what is refused


GOOD = rows("bad", 2019, 50)
BOMB = b"# nothing\n" * (4 << 20)
REFUSED = {
    "bomb": (zipped(BOMB), "200 times"),
    "gzip bomb": (gzip.compress(BOMB), "200 times"),
    "gzip bomb of members": (gzip.compress(BOMB[:5_000_000]) * 8, "200 times"),  # each of them small enough
    "gzip in gzip": (gzip.compress(gzip.compress(GOOD.encode())), "a gzip file"),
    "password": (with_flag(zipped(GOOD), 0), "encrypted"),
    "strong encryption": (with_flag(zipped(GOOD), 6), "strong encryption"),
    "several": (zipped(GOOD, names=("one.csv", "two.csv")), "'one.csv' and 'two.csv'"),
    "none": (zipped(GOOD, names=()), "found none"),
    "folder": (zipped(b"", zipfile.ZIP_STORED, names=("rows/",)), "folder 'rows/'"),
    "bzip2": (zipped(GOOD, zipfile.ZIP_BZIP2), "bzip2"),
    "lzma": (zipped(GOOD, zipfile.ZIP_LZMA), "LZMA"),
    "stored of unknown size": (zipped(GOOD, zipfile.ZIP_STORED, streamed=True), "size is not told"),
    "half": (zipped(GOOD)[:300], "breaks off"),
    "without its end": (zipped(GOOD)[:-5], "breaks off"),
    "gzip cut off": (gzip.compress(GOOD.encode())[:-3], "breaks off"),
    "flipped": (zipped(GOOD).replace(b"PK\1\2", b"PK\1\3"), "central directory"),
    "bytes behind": (zipped(GOOD) + b"<!-- -->", "found more bytes"),
    "gzip with bytes behind": (gzip.compress(GOOD.encode()) + b"<!-- -->", "found other bytes"),
    "program in front": (b"MZ\x90\0\3\0\0\0" + bytes(200) + zipped(GOOD), "binary bytes"),
    "packed twice": (zipped(zipped(GOOD)), "a zip file"),
    "page in zip": (zipped("<!DOCTYPE html><p>No</p>"), "an HTML page"),
    "parquet": (b"PAR1\x15\4\x15", "a parquet file, which cannot be read: ask its publisher"),
}


def identifier_of(kind):
    return kind.replace(" ", "_")


def add_refused(tiny, content_of):
    """A dataset for each kind: a good year, and one of content_of(kind)."""
    for kind in REFUSED:
        add(tiny, identifier_of(kind), {2018: zipped(GOOD), 2019: content_of(kind)}, ".csv.zip", indextype="csv-zip")


def test_27_refused_with_its_reason(tiny, client, tmp_path):
    """Each tells what is wrong with it, and which file it is; all others go on."""
    add_refused(tiny, lambda kind: REFUSED[kind][0])
    tiny.add("good", {2019: 20})
    client.index("--report", tmp_path / "report", *FAST).expect(1, f"{len(REFUSED)} failed")
    report = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    items = {(item["id"], item["year"]): item for item in report}
    for kind, (_, reason) in REFUSED.items():
        item = items[identifier_of(kind), 2019]
        assert item["state"] == "failed" and f"{identifier_of(kind)}_2019.csv.zip: " in item["message"], item
        assert reason in item["message"], item
        assert items[identifier_of(kind), 2018]["state"] == "present"
    client.check("good")


def test_27_refused_keeps_rows(tiny, client):
    """What was held stays, stale, until the file is well again."""
    add_refused(tiny, lambda kind: zipped(GOOD))
    client.index().expect(0)
    held = {kind: tiny.reference().dataset(identifier_of(kind)) for kind in list(REFUSED)[::5]}
    answers = {kind: dataset.csv(dataset.answer()) for kind, dataset in held.items()}
    for kind, (content, _) in REFUSED.items():
        tiny.write(packed_path(identifier_of(kind), 2019, ".csv.zip"), content)
    client.index(*FAST).expect(1, f"{len(REFUSED)} stale")
    for kind, answer in answers.items():
        assert client.query(identifier_of(kind), "--offline", "--allow-partial").expect(1).out == answer
    for kind in REFUSED:
        tiny.write(packed_path(identifier_of(kind), 2019, ".csv.zip"), zipped(GOOD))
    assert "stale" not in client.index().expect(0).err


@pytest.mark.parametrize("kind", ["bomb", "several", "gzip cut off", "parquet"])
def test_27_refused_alone(tiny, client, kind):
    content, reason = REFUSED[kind]
    add(tiny, "bad", {2019: content}, ".csv.zip", indextype="csv-zip")
    client.index(*FAST).expect(7, "bad_2019.csv.zip", reason)
    client.query("bad", *FAST).expect(7, "bad_2019.csv.zip", reason)


@pytest.mark.parametrize("indextype", ["parquet", "Parquet"])
def test_parquet_is_refused(tiny, client, indextype):
    tiny.add("columns", {2019: None}, indextype=indextype)
    tiny.add("good", {2019: 20})
    client.index("columns").expect(7, f'index type "{indextype}" cannot be read', "csv-zip", "convert")
    client.index().expect(1, "columns", f'index type "{indextype}" cannot be read')
    client.check("good")
    client.query("columns").expect(7, "cannot be read")
    assert not counted(tiny, ".parquet")


def test_unknown_index_type(tiny, client):
    tiny.add("tables", {2019: None}, indextype="xls\x1b[2J" + "x" * 300)
    client.index().expect(7, "tables", "cannot be read, only csv and csv-zip can")


# ---- gzip under the name of a csv file


def gz(identifier, year, count=30):
    return gzip.compress(rows(identifier, year, count).encode())


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip", "Content-Type": "text/csv"}])
@pytest.mark.parametrize("parts", [[], ["--part-size", "64K"]])
def test_22_27_gzip_by_the_same_name(tiny, client, headers, parts):
    """Ranges, If-Match and If-None-Match are of the bytes as they are stored, whatever the encoding is called."""
    years = {2017: gz("g", 2017), 2018: None, 2019: gzip.compress(noise("g", 2019, 5000).encode())}
    add(tiny, "g", years, ".csv")
    for year in years:
        tiny.origin.always(tiny.path("g", year), Behaviour(headers=headers))
    client.index(*parts).expect(0, "2 fetched", "1 gap")
    assert all("accept-encoding" not in request.headers for request in tiny.origin.requests())
    assert (len(tiny.origin.of(tiny.path("g", 2019))) > 2) == bool(parts)
    client.check()
    client.index(*parts).expect(0, "2 unchanged")


def test_members_in_a_row(tiny, client):
    """As pigz and bgzip write them, the last one empty."""
    text = rows("g", 2019, 3000).encode()
    blocks = b"".join(gzip.compress(text[at:at + 5000]) for at in range(0, len(text), 5000)) + gzip.compress(b"")
    add(tiny, "g", {2018: blocks + bytes(512), 2019: blocks}, ".csv")
    client.index().expect(0)
    client.check()


@pytest.mark.parametrize("part", [[], ["--part-size", "64K"]])
def test_gateway_with_encoded_objects(heliodex, gateway, tmp_path, part):
    name = f"encoded-{len(part)}"
    shelf = Shelf(gateway, name, tmp_path)
    shelf.add("g", {2018: 30, 2019: None}).publish()
    content = gzip.compress(noise("g", 2019, 4000).replace(TINY, name).encode())
    shelf.write("i/g_2019.csv", content)
    gateway.client().put_object(Bucket=name, Key="i/g_2019.csv", Body=content, ContentEncoding="gzip", ContentType="text/csv")
    user = User(heliodex, gateway, shelf, keys(gateway.access_key, gateway.secret_key))
    user.index("--sign", *part, *PROBE).expect(0)
    user.check()
    user.index("--sign", *part, *PROBE).expect(0, "2 unchanged")


# ---- .csv.gz in place of .csv


@pytest.fixture
def mixed(tiny, client):
    """A dataset of both, with a gap that is one by either name."""
    tiny.add("m", {2016: 20, 2017: None, 2018: None, 2019: 20})
    tiny.write(packed_path("m", 2018, ".csv.gz"), gz("m", 2018))
    client.plain, client.gzipped = (lambda year: tiny.path("m", year)), (lambda year: packed_path("m", year, ".csv.gz"))
    return client


def answers(tiny):
    return sorted((request.path, request.status) for request in tiny.origin.requests() if request.path != tiny.catalog_path)


def test_other_name_is_tried(mixed):
    tiny, plain, gzipped = mixed.tiny, mixed.plain, mixed.gzipped
    mixed.index().expect(0, "3 fetched", "1 gap")
    assert answers(tiny) == sorted([(plain(2016), 206), (plain(2017), 404), (gzipped(2017), 404), (plain(2018), 404),
                                    (gzipped(2018), 206), (plain(2019), 206)])
    mixed.check()
    # The known name first, and conditionally. A dataset that has such files may get more of them.
    tiny.origin.clear()
    mixed.index().expect(0, "3 unchanged", "1 gap")
    assert answers(tiny) == sorted([(plain(2016), 304), (plain(2017), 404), (gzipped(2017), 404), (gzipped(2018), 304),
                                    (plain(2019), 304)])
    mixed.check()


def test_name_that_was_found_is_told(mixed, tmp_path):
    mixed.index("--report", tmp_path / "report").expect(0)
    report = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    told = {item["year"]: item["url"].rsplit("/", 1)[-1] for item in report}
    assert told == {2016: "m_2016.csv", 2018: "m_2018.csv.gz", 2019: "m_2019.csv"}


def test_gaps_of_a_plain_dataset_are_asked_for_once_more(tiny, client):
    """By the first run alone: a refresh of an archive as it should be costs no further request."""
    tiny.add("p", {2017: 20, 2018: None, 2019: 20})
    client.index().expect(0)
    assert counted(tiny, ".gz") == [packed_path("p", 2018, ".csv.gz")]
    tiny.origin.clear()
    client.index().expect(0)
    assert answers(tiny) == sorted([(tiny.path("p", 2017), 304), (tiny.path("p", 2018), 404), (tiny.path("p", 2019), 304)])
    tiny.origin.clear()
    client.query("p").expect(0)
    assert tiny.origin.requests() == []


def test_query_knows_gaps_by_both_names(mixed):
    mixed.query("m", "--start", "2018-03", "--stop", "2018-04").expect(0)
    tiny = mixed.tiny
    assert answers(tiny) == sorted([(mixed.plain(2017), 404), (mixed.gzipped(2017), 404), (mixed.plain(2018), 404),
                                    (mixed.gzipped(2018), 206)])
    tiny.origin.clear()
    mixed.query("m", "--start", "2018-03", "--stop", "2018-04").expect(0)
    assert tiny.origin.requests() == []
    mixed.query("m").expect(0)
    mixed.check()


def test_archive_that_begins_to_gzip(tiny, client):
    """What was .csv and is .csv.gz now has not vanished."""
    tiny.add("m", {2018: 20, 2019: 20})
    client.index().expect(0)
    for year in (2018, 2019):
        content = tiny.read(tiny.path("m", year))
        (tiny.folder / tiny.path("m", year).lstrip("/")).unlink()
        tiny.write(packed_path("m", year, ".csv.gz"), gzip.compress(content) if year == 2018 else gz("m", 2019, 7))
    client.index().expect(0, "2 fetched", "0 vanished")
    client.check()
    # And back again.
    (tiny.folder / packed_path("m", 2019, ".csv.gz").lstrip("/")).unlink()
    tiny.write(tiny.path("m", 2019), rows("m", 2019, 11))
    client.index().expect(0, "1 fetched, 1 unchanged", "0 vanished")
    client.check()
    tiny.origin.clear()
    client.index().expect(0, "2 unchanged")
    assert {status for _, status in answers(tiny)} == {304}


def test_gzipped_file_that_vanishes(mixed):
    """Rows are dropped after two answers of 404 by its name, and one by the other."""
    mixed.index().expect(0)
    (mixed.tiny.folder / mixed.gzipped(2018).lstrip("/")).unlink()
    mixed.tiny.origin.clear()
    mixed.index("--keep-vanished").expect(0, "1 vanished", "m_2018.csv.gz", "kept")
    assert mixed.tiny.asked(status=404) == [path for path in mixed.tiny.asked(status=404) if "201" in path]
    assert len(mixed.tiny.origin.of(mixed.gzipped(2018))) == 2 and len(mixed.tiny.origin.of(mixed.plain(2018))) == 1
    assert f"{TINY}/data/m/2018" in mixed.query("m", "--offline").out
    mixed.index().expect(0, "1 vanished", "m_2018.csv.gz", "dropped")
    mixed.check()


@pytest.mark.parametrize("name", ["plain", "gzipped"])
def test_failure_by_either_name_is_no_gap(mixed, name):
    mixed.index().expect(0)
    failing = getattr(mixed, name)(2018)
    mixed.tiny.origin.always(mixed.gzipped(2018), Behaviour(status=404))
    mixed.tiny.origin.always(failing, Behaviour(status=500))
    mixed.index(*FAST).expect(1, "m_2018.csv", "1 stale")
    mixed.tiny.origin.always(mixed.gzipped(2018), None)
    mixed.check()


def test_strict(mixed):
    mixed.index("--strict").expect(1, "m_2017.csv: a gap")


def test_12_403_by_both_names_among_readable_neighbours_is_a_gap(mixed):
    """As from a bucket that does not let lists be made: what is missing answers 403."""
    for year in (2016, 2017, 2018, 2019):
        for name in (mixed.plain, mixed.gzipped):
            if not (mixed.tiny.folder / name(year).lstrip("/")).exists():
                mixed.tiny.origin.always(name(year), Behaviour(status=403))
    mixed.index().expect(0, "3 fetched", "1 gap")
    mixed.check()


def test_12_403_for_all_but_the_gzipped(tiny, client):
    """Nothing else tells that the bucket can be read."""
    add(tiny, "g", {2018: gz("g", 2018), 2019: gz("g", 2019)}, ".csv.gz")
    for year in (2018, 2019):
        tiny.origin.always(tiny.path("g", year), Behaviour(status=403))
    client.index().expect(0, "2 fetched")
    client.check()


@pytest.mark.parametrize("first,second", [(403, 404), (404, 403), (403, 403)])
def test_12_403_by_either_name_of_all_years_is_a_failure(tiny, client, first, second):
    tiny.add("g", {2018: None, 2019: None})
    for year in (2018, 2019):
        tiny.origin.always(tiny.path("g", year), Behaviour(status=first))
        tiny.origin.always(packed_path("g", year, ".csv.gz"), Behaviour(status=second))
    client.index().expect(4, "403", " 0 gaps")


def test_list_decides(heliodex, gateway, tmp_path):
    """No request for what is not there: not in the first run, and not for a gap that is filled by the other name."""
    shelf = Shelf(gateway, "listed-gz", tmp_path)
    shelf.add("m", {2017: 20, 2018: None, 2019: 20, 2020: None})
    shelf.write("i/m_2018.csv.gz", gzip.compress(rows("m", 2018, 30).replace(TINY, shelf.name).encode()))
    shelf.write("i/m_2018.csv.gz.md5", b"none of ours")
    shelf.publish()
    user = User(heliodex, gateway, shelf, keys(gateway.access_key, gateway.secret_key))

    def objects():
        return sorted((each.target.rsplit("/", 1)[-1], each.status) for each in gateway.requests()
                      if each.method == "GET" and "/i/m_" in each.target)

    gateway.clear()
    user.index("--sign", "--discover", "list").expect(0, "3 fetched", "1 gap")
    assert objects() == [("m_2017.csv", 206), ("m_2018.csv.gz", 206), ("m_2019.csv", 206)]
    user.check()
    shelf.write("i/m_2020.csv.gz", gzip.compress(rows("m", 2020, 30).replace(TINY, shelf.name).encode()))
    shelf.publish()
    gateway.clear()
    user.index("--sign", "--discover", "list").expect(0, "1 fetched, 3 unchanged")
    assert objects() == [("m_2020.csv.gz", 206)]
    user.check()


def test_list_of_zip_files(heliodex, gateway, tmp_path):
    shelf = Shelf(gateway, "listed-zip", tmp_path)
    shelf.add("z", {2017: None, 2018: None, 2019: None})
    shelf.entries[0]["indextype"] = "csv-zip"
    for year in (2017, 2019):
        shelf.write(f"i/z_{year}.csv.zip", zipped(rows("z", year, 40).replace(TINY, shelf.name)))
    shelf.publish()
    user = User(heliodex, gateway, shelf, keys(gateway.access_key, gateway.secret_key))
    for told in ("2 fetched", "2 unchanged"):
        user.index("--sign", "--discover", "list").expect(0, told, "1 gap")
        user.check()


def test_verify_deep_reads_what_is_packed(mixed):
    add(mixed.tiny, "z", {2019: FORMS[2003]}, ".csv.zip", indextype="csv-zip")
    mixed.index().expect(0)
    mixed.program("verify", "--deep", mixed.bucket, *mixed.access).expect(0)
