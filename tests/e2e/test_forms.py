"""What is known of the form of index files, and how snapshots of older versions of the format go on."""

import csv
import shutil

import pytest

import snapshot_kinds
from conftest import ROOT, TINY, Client
from extra_columns import info, lines, shown
from origin import Behaviour
from snapshot_reader import Snapshot


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
