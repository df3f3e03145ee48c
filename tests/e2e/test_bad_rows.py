"""Rows that cannot be read, and those that can only be read mended: counted, told with their place, and bounded."""

import collections
import json
import re

import pytest

from conftest import SAMPLE
from origin import Behaviour
from reference import duplicates, read_index

GOOD = "2019-01-{:02}T00:00:00Z,2019-01-{:02}T12:00:00Z,s3://b/{},{}\n"


def good(count, key="good"):
    return "".join(GOOD.format(1 + i % 28, 1 + i % 28, f"{key}{i}", i) for i in range(count))


def report_of(path):
    """(bad rows, other lines) of a report."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if "kind" in line], [line for line in lines if "kind" not in line]


def places(bad):
    return [(row["line"], row["column"]) for row in bad]


# ---- where and why

# Line by line: the text, and the column of the fault if it is a bad row.
ODD = [("# start, stop, datakey, filesize", None),
       ("2019-01-01T00:00:00Z,2019-01-02T00:00:00Z,s3://b/a,1", None),
       ("what,is,this,4", 1),
       ("2019-01-01T00:00:00Z,soon,s3://b/a,1", 22),
       ("", None),
       ("  2019-01-01T00:00:00Z , '2019-02-30' , s3://b/a,1", 26),
       ("2019-01-01T00:00:00Z,2019-01-02T00:00:00Z,,1", 43),
       ("'2019-01-01T00:00:00Z','2019-01-02T00:00:00Z','s3://b/a','many'", 58),
       ("2019-01-01T00:00:00Z,2019-01-02T00:00:00Z,s3://b/a", 1),
       ("2019-01-01T00:00:00Z,2019-01-02T00:00:00Z,s3://b/a,1,2", 54),
       ("2019-01-01T00:00:00+01:00,2019-01-02T00:00:00Z,s3://b/a,1", 1),
       ("1600-01-01T00:00:00Z,2019-01-02T00:00:00Z,s3://b/a,1", 1),
       ("2019-01-01T00:00:00Z,2019-01-02T00:00:00Z,s3://b/\0,1", 50),
       ("2019-01-03T00:00:00Z,2019-01-04T00:00:00Z,s3://b/b,2", None)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_25_place_and_reason_of_each(tiny, client, tmp_path, end):
    content = "\ufeff" + "".join(line + end for line, _ in ODD)
    tiny.add("odd", {2019: content})
    expected = [(number, column) for number, (_, column) in enumerate(ODD, 1) if column]
    done = client.index("--report", tmp_path / "report").expect(0, f"{len(expected)} bad", f"{len(expected)} bad rows in all")
    bad, items = report_of(tmp_path / "report")
    assert places(bad) == expected
    lines = content.encode().splitlines(keepends=True)
    for row in bad:
        assert row["byte"] == sum(map(len, lines[:row["line"] - 1]))
        assert (row["status"], row["exit"], row["id"], row["year"]) == ("INTEGRITY", 7, "odd", 2019)
        assert row["url"].endswith("/i/odd_2019.csv") and row["bucket"] == items[0]["bucket"]
    assert [item["bad_rows"] for item in items] == [len(expected)]
    told = re.findall(r"odd_2019\.csv:(\d+):(\d+): (.*)", done.err)
    assert [(int(line), int(column)) for line, column, _ in told] == expected[:8]
    assert [reason for _, _, reason in told] == [row["reason"] for row in bad[:8]]
    assert "stop: expected a time, found 'soon'" in bad[1]["reason"]
    assert client.query("odd", "--offline").lines[1:] == [ODD[1][0], ODD[-1][0]]


# ---- mended

WORDS = {"dot": "dots for colons in times", "separator": "wrong separators or small letters in times",
         "date": "dates without a time of day", "hour": "hours 24", "leap": "leap seconds",
         "late": "stops outside of 1678 to 2261", "decimals": "sizes with decimals"}


def told_repairs(err, file):
    """{words: number} of what was told of a file."""
    told = re.findall(rf"{file}: (?:mended: )?((?:\d+ [^,\n]+(?:, |\n))+)", err)
    return {words: int(number) for line in told for number, words in re.findall(r"(\d+) ([^,\n]+)", line)}


def test_25_26_odd_files_as_the_reference_has_them(sample, heliodex):
    """Every index file of the sample's odd datasets: what is mended in it, copies, order."""
    done = heliodex("index", f"file://{sample}/{SAMPLE}/", "odd_*", "-v", "--stats", "-").expect(0)
    files = sorted((sample / SAMPLE / "odd" / "indices").glob("*.csv"))
    counts = collections.Counter()
    for file in files:
        rows, bad = read_index(file.read_bytes())
        kinds = collections.Counter(kind for row in rows for kind in row.repairs)
        assert told_repairs(done.err, file.name) == {WORDS[kind]: number for kind, number in kinds.items()}, file.name
        counts += {"rows_bad": len(bad), "repairs": kinds.total(), "duplicates": duplicates(rows),
                   "files_unsorted": any(b.start < a.start for a, b in zip(rows, rows[1:])), "rows": len(rows)}
    summary = json.loads(done.out)["index"]
    assert files and {name: summary[name] for name in counts} == counts
    assert all(counts[name] for name in ("repairs", "duplicates", "files_unsorted"))


def test_26_repairs_are_told_by_kind(tiny, client):
    content = ("1996-01-01T00:00.00Z,1996-01-01T01.00.00Z,s3://b/dots,1\n"
               "1996-01-01:02:00:00Z,1996-01-01 03:00.00z,s3://b/separators and a dot,1.5\n"
               "1996-01-02,1996-01-02T24:00:00Z,s3://b/date and hour,1\n"
               "1996-01-03,1996-01-04Z,s3://b/dates,1\n"
               "1996-01-05T00:00:00Z,1996-01-05T23:59:60Z,s3://b/leap,1\n"
               "1996-01-06T00:00:00Z,9999-12-31T00:00:00Z,s3://b/open end,1\n"
               "'1996-01-07T00:00:00Z,'1996-01-07T01:00:00Z',\u2018s3://b/quotes\u2019,1\n")
    rows, bad = read_index(content.encode())
    kinds = collections.Counter(kind for row in rows for kind in row.repairs)
    assert not bad and kinds == {"dot": 3, "separator": 2, "date": 3, "hour": 1, "leap": 1, "late": 1, "decimals": 1}
    tiny.add("mended", {1996: content})
    done = client.index("-v").expect(0, "0 bad, 14 repaired\n")  # two quotes more
    warning, = re.findall(r"mended_1996\.csv: mended: (.*)", done.err)
    assert warning == ("3 dots for colons in times, 2 wrong separators or small letters in times, 1 hours 24, 1 leap seconds, "
                       "1 stops outside of 1678 to 2261, 2 unpaired or typographic quotes, 1 sizes with decimals")
    assert "mended_1996.csv: 3 dates without a time of day" in done.err
    client.check()


def test_26_a_date_alone_is_no_warning(tiny, client):
    tiny.add("days", {1980: "1980-01-01,1980-01-02,s3://b/k,1\n"})
    done = client.index().expect(0, "2 repaired")
    assert "warning" not in done.err and "days_1980" not in done.err, done


def test_25_duplicates_and_order(tiny, client):
    """Copies of the row above are kept and counted, over the scanner's batches of 1,024 rows too."""
    row = "2019-01-01T00:00:00Z,2019-01-02T00:00:00Z,s3://b/same,1\n"
    tiny.add("copies", {2019: row * 3000 + good(10), 2020: good(5).replace("2019", "2020")})
    tiny.add("turned", {2019: "".join(reversed(good(20).splitlines(keepends=True)))})
    client.index().expect(0, "2,999 duplicates", "1 out of order")
    client.check()


# ---- bounds


def test_25_p4_more_than_is_held_in_memory(tiny, client, tmp_path):
    """They are spooled in the store, which is tidy afterwards; files that are read side by side do not mix."""
    for name in "abc":
        tiny.add(name, {year: good(1) + "".join(f"{name}{year} {i}\n" for i in range(4000)) for year in (2018, 2019)})
    client.index("--report", tmp_path / "report").expect(0, "24,000 bad")
    bad, items = report_of(tmp_path / "report")
    assert len(bad) == 24000 and len(items) == 6
    for name in "abc":
        for year in (2018, 2019):
            own = [row for row in bad if (row["id"], row["year"]) == (name, year)]
            assert [row["line"] for row in own] == list(range(2, 4002))
    assert not [path for path in client.program.store.rglob("*") if "bad-rows" in path.name]


def test_14_25_file_that_changes_while_it_is_read(tiny, client, tmp_path):
    """Only the reading that counts is told of."""
    old = good(10) + "old\n" * 5000 + good(40000)
    new = "new\n" + good(40000)
    tiny.add("moving", {2019: old})
    tiny.origin.script(tiny.path("moving", 2019), Behaviour(cut=len(old) // 2), Behaviour(replace=new.encode()))
    client.index("--report", tmp_path / "report", "--part-size", "64M").expect(0)
    bad, _ = report_of(tmp_path / "report")
    assert places(bad) == [(1, 1)]
    tiny.write(tiny.path("moving", 2019), new)  # for the reference
    client.check()


def test_14_25_file_with_too_many_that_changes_while_it_is_read(tiny, client):
    """What it had before counts all the same: the run has ended by it."""
    old = "old\n" * 5000 + good(40000)
    tiny.add("moving", {2019: old})
    tiny.origin.script(tiny.path("moving", 2019), Behaviour(cut=len(old) // 2), Behaviour(replace=good(40000).encode()))
    client.index("--max-bad-rows", "100", "--part-size", "64M").expect(7, "more than 100 rows are bad")
    client.index("--max-bad-rows", "100").expect(0)


def test_28_bad_rows_that_cannot_be_spooled(tiny, client, failing, tmp_path):
    """Their file fails: it would be told of without them."""
    tiny.add("a", {2019: good(1) + "bad\n" * 4000})
    told = []
    for number in range(1, 9):
        store = tmp_path / f"store-{number}"
        arguments = ["index", client.bucket, *client.access, "--store", store, "--report", tmp_path / "report"]
        done = failing(f"pwrite:{number}:ENOSPC", *arguments, env={"HDX_FAULTS_BELOW": str(store)})
        told.append(done.err if done.code else "")
        (client.program(*arguments) if done.code else done).expect(0, "4,000 bad")
    assert any("bad-rows" in err and "No space left" in err for err in told), told


def test_25_file_without_a_row_fails_and_is_told(tiny, client, tmp_path):
    tiny.add("prose", {2019: "This\nis\nno index.\n"})
    client.index("--report", tmp_path / "report").expect(7, "prose_2019.csv:1:1: ", "none of its 3 rows")
    bad, items = report_of(tmp_path / "report")
    assert places(bad) == [(1, 1), (2, 1), (3, 1)] and items[0]["state"] == "failed"


@pytest.mark.parametrize("header", ["start,stop,datakey,filesize", "# start, stop, datakey, filesize", "# rows", ""])
def test_25_lines_that_a_carriage_return_ends_alone_are_no_header(tiny, client, header):
    """A file of an old Mac is one line: it is not taken for an index without a row."""
    rows = [row for row in (header, *good(3).splitlines()) if row]
    tiny.add("mac", {2019: "\r".join(rows) + "\r"})
    expected = f":1:{len(header) + 1}: expected a newline, found a carriage return alone" if header else ":1:"
    client.index().expect(7, "mac_2019.csv" + expected, "none of its 1 rows")


# ---- a limit for the run


def test_25_limit_is_of_the_whole_run(tiny, client, tmp_path):
    tiny.add("a", {2019: good(3) + "bad\n" * 2})
    tiny.add("b", {2019: good(3) + "bad\n" * 2, 2020: good(3)})
    client.index("--max-bad-rows", "4", "--store", client.program.home / "lenient").expect(0, "4 bad")
    done = client.index("--max-bad-rows", "3", "--report", tmp_path / "report").expect(1, "more than 3 rows are bad", "1 failed")
    bad, items = report_of(tmp_path / "report")
    assert len(bad) == 4 and "4 bad" in done.err
    failed, = (item for item in items if item["status"] != "OK")
    assert failed["status"] == "INTEGRITY" and re.search(r"line 5, column 1: expected 4 columns, found 1", failed["message"])
    client.index().expect(0)
    client.check()


def test_25_nothing_is_begun_beyond_the_limit(tiny, client):
    for i in range(160):
        tiny.add(f"d{i:03}", {2019: good(1) + "bad\n" * (i >= 20)})
    done = client.index("--max-bad-rows", "5", "--jobs", "1", "--threads", "1").expect(1, "the run ended early", "1 failed", "6 bad")
    asked = [path for path in tiny.asked() if "/i/" in path]
    assert 26 <= len(asked) < 150, done
    held = client.program("store", "list", "--format", "ndjson").expect(0).lines
    assert len(held) >= 25  # what was complete is kept
    client.index().expect(0, "135 bad")
    client.check()


def test_25_reading_stops_at_the_limit(tiny, client, tmp_path):
    tiny.add("long", {2019: good(1) + "bad\n" * 200000 + good(1)})
    client.index("--max-bad-rows", "10", "--report", tmp_path / "report").expect(7, "long_2019.csv", "line 12, column 1", "11 bad")
    assert len(report_of(tmp_path / "report")[0]) == 11


def test_25_limit_of_none(tiny, client):
    tiny.add("clean", {2019: good(5)})
    tiny.add("soiled", {2019: good(5) + "bad\n"})
    client.index("clean", "--max-bad-rows", "0").expect(0)
    client.index("soiled", "--max-bad-rows", "0").expect(7, "soiled_2019.csv", "line 6")
