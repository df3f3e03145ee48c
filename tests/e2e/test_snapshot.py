"""What users rely on of snapshots: they are compared with their sources, described, read while they are replaced, and
take no more memory when they are larger."""

import json
import os
import re
import subprocess
import threading

import pytest

from conftest import BUILD, TINY
from origin import Behaviour

READERS = 8
REFRESHES = 16
LARGE = 70000  # rows: more than one run of mixed blocks has
SANITIZED = os.environ.get("HDX_BUILD", "dev").endswith(("dev", "tsan"))


def verify(client, *arguments):
    return client.program("verify", "--deep", client.bucket, *arguments, *client.access, "--format", "ndjson")


def states(done):
    return {row["id"]: row for row in map(json.loads, done.lines)}


# ---- beside the source


@pytest.fixture
def two(tiny, client):
    tiny.add("whole", {2017: 30, 2018: None, 2019: 30})
    tiny.add("other", {2019: "2019-01-02T00:00:00Z,2019-01-03T00:00:00Z,s3://a/x_v1.cdf,7,sum,12,blue\n"})
    client.index().expect(0)
    return client


def test_what_is_as_its_source(two):
    held = sorted((path, path.read_bytes()) for path in two.program.store.rglob("*.hdx"))
    done = verify(two).expect(0)
    found = states(done)
    assert {name: (row["state"], row["rows"], row["years"]) for name, row in found.items()} == {
        "other": ("as its source", 1, 1), "whole": ("as its source", 60, 2)}
    assert sorted((path, path.read_bytes()) for path in two.program.store.rglob("*.hdx")) == held
    assert not list(two.program.store.glob(".scratch-*"))


def test_a_source_that_changed(two):
    path = two.tiny.path("whole", 2019)
    two.tiny.write(path, two.tiny.read(path).replace(b"/000007.cdf", b"/x00007.cdf"))
    report = two.program.home / "report"
    done = verify(two, "--report", report).expect(1, "heliodex index")
    told = json.loads(report.read_text())
    assert (told["bucket"], told["id"], told["url"]) == (f"s3://{TINY}/", "whole", None)
    row = states(done)["whole"]
    assert row["state"] == "source changed"
    assert re.search(r"2019: row \d+ differs in datakey .*x00007", row["difference"]), row
    assert states(done)["other"]["state"] == "as its source"
    two.tiny.write(two.tiny.path("whole", 2018), "2018-01-01Z,2018-01-02Z,s3://a/new,1\n")
    assert "2018: nothing is held of row 1" in states(verify(two).expect(1))["whole"]["difference"]
    two.index().expect(0)
    verify(two).expect(0)


@pytest.mark.parametrize("before, after, column", [
    (b"2019-01-03T", b"2019-01-04T", "stop"), (b",7,", b",8,", "filesize"), (b",12,", b",13,", "checksum_algorithm"),
    (b"blue", b"b\xc3\xa9e", "column7"), (b"_v1.", b"_v2.", "datakey"), (b"2019-01-02T", b"2019-01-01T", "start")])
def test_rows_that_differ_from_the_same_file(tiny, client, before, after, column):
    """Bytes that changed while the server says that they did not: as if what is held were wrong."""
    tiny.add("other", {2019: "2019-01-02T00:00:00Z,2019-01-03T00:00:00Z,s3://a/x_v1.cdf,7,sum,12,blue\n"})
    path = tiny.path("other", 2019)
    tiny.origin.script(path, *[Behaviour(headers={"ETag": '"same"'}, ignore_conditions=True)] * 8)
    client.index().expect(0)
    tiny.write(path, tiny.read(path).replace(before, after))
    done = verify(client).expect(7)
    row = states(done)["other"]
    assert row["state"] == "differs" and "2019: row 1 " in row["difference"], row
    assert f"differs in {column} " in row["difference"], row


def test_sources_that_cannot_be_read(two):
    two.tiny.origin.script(two.tiny.path("whole", 2017), *[Behaviour(status=400)] * 40)
    done = verify(two, "whole")
    assert done.code not in (0, 1), done
    assert states(done)["whole"]["state"] == "not comparable" and "2017" in states(done)["whole"]["difference"]


@pytest.mark.parametrize("damaged", [["whole"], ["other", "whole"]])
def test_37_p2_snapshots_that_cannot_be_compared_are_told(two, damaged):
    """They are not left out, as if they were not held."""
    for name in damaged:
        (path,) = two.program.store.rglob(f"{name}.hdx")
        path.write_bytes(path.read_bytes()[:-1])
    found = states(verify(two).expect(7, f"{len(damaged)} of 2 datasets"))
    assert found.keys() == {"whole", "other"}
    for name, row in found.items():
        assert (row["state"] == "not comparable" and f"{name}.hdx" in row["difference"]) == (name in damaged), row
    assert found["other"]["state"] == ("not comparable" if "other" in damaged else "as its source")


def test_a_server_that_is_down(two):
    two.tiny.origin.__exit__(None, None, None)
    done = two.program("verify", "--deep", two.bucket, "whole", *two.access, "--format", "ndjson", "--retries", "0")
    row = states(done)["whole"]
    assert row["state"] == "not comparable" and "scratch" not in row["difference"], row
    done.expect(5)
    two.program("verify", "--deep", two.bucket, *two.access, "--offline").expect(2, "offline")


def test_only_held_years_are_asked_for(tiny, client):
    tiny.add("x", {year: 4 for year in range(2010, 2020)})
    client.query("x", "--start", "2015-03", "--stop", "2015-04").expect(0)
    tiny.origin.clear()
    verify(client, "x", "X").expect(0)
    assert sorted(tiny.asked()) == [tiny.path("x", year) for year in (2014, 2015)]


def test_files_that_only_a_date_names(two):
    """A server that has no entity tags: the same date and length mean the same file."""
    path = two.tiny.path("whole", 2019)
    for each in path, two.tiny.path("whole", 2017):
        two.tiny.origin.always(each, Behaviour(headers={"ETag": None}))
    two.program("store", "remove").expect(0)
    two.index().expect(0)
    done = verify(two, "whole").expect(0)
    assert states(done)["whole"]["state"] == "as its source"
    file = two.tiny.folder / path.lstrip("/")
    date = file.stat().st_mtime
    two.tiny.write(path, two.tiny.read(path).replace(b"/000007.cdf", b"/x00007.cdf"))
    os.utime(file, (date, date))
    assert states(verify(two, "whole").expect(7))["whole"]["state"] == "differs"
    os.utime(file, (date + 60, date + 60))
    assert states(verify(two, "whole").expect(1))["whole"]["state"] == "source changed"


def test_datasets_that_cannot_be_compared(two):
    """One that the catalog does not have, one that it had, all where the catalog has gone."""
    verify(two, "nosuch").expect(3, "nosuch")
    two.tiny.entries = [entry for entry in two.tiny.entries if entry["id"] != "other"]
    two.tiny.publish()
    two.index().expect(0)
    done = verify(two).expect(0, "other: not compared", "catalog")
    assert list(states(done)) == ["whole"]
    for path in two.program.store.rglob("catalog.json*"):
        path.unlink()
    two.tiny.origin.always(two.tiny.catalog_path, Behaviour(status=404))
    assert verify(two).expect(3, "catalog.json").out == ""


# ---- stops that are made up


def made_up(year, rows=50):
    return "".join(f"{year}-01-{1 + i // 24:02}T{i % 24:02}:00:00Z,s3://b/{year}/{i}.dat,{i}\n" for i in range(rows))


def test_made_up_stops_do_not_depend_on_what_is_held(tiny, client, heliodex):
    """The last row of a year ends where the next file begins, in whatever year that is."""
    tiny.add("x", {2018: made_up(2018), 2019: made_up(2019), 2020: None, 2021: made_up(2021), 2022: made_up(2022)})
    questions = [["--start", "2019-06", "--stop", "2019-07"], ["--start", "2019-01-03", "--stop", "2019-02"],
                 ["--start", "2018", "--stop", "2020", "--match", "contained"], ["--start", "2022-06"],
                 ["--start", "2020-03", "--stop", "2020-04"]]
    answers = []
    for question in questions:
        client.program("store", "remove", client.bucket, *client.access)
        answers.append(client.query("x", *question).expect(0).out)
        verify(client, "x").expect(0)
        again = client.query("x", *question, "--offline").expect(0).out
        assert again == answers[-1]
    assert "2019-01-03T01:00:00Z,2021-01-01T00:00:00Z" in answers[0]
    client.index().expect(0)
    assert [client.query("x", *question, "--offline").expect(0).out for question in questions] == answers


def test_a_following_year_that_cannot_be_read(tiny, client):
    tiny.add("x", {2019: made_up(2019), 2020: made_up(2020)})
    tiny.origin.always(tiny.path("x", 2020), Behaviour(status=400))
    done = client.query("x", "--start", "2019-01-02", "--stop", "2019-06")
    assert done.code not in (0, 1) and done.out == "", done
    tiny.origin.always(tiny.path("x", 2020), None)
    client.query("x", "--start", "2019-01-02", "--stop", "2019-06").expect(0)


def test_other_files_do_not_make_made_up_stops_differ(tiny, client):
    tiny.add("x", {2019: made_up(2019), 2020: made_up(2020)})
    client.index().expect(0)
    tiny.write(tiny.path("x", 2020), "2020-01-01T00:00:00Z,s3://b/first.dat,1\n" + tiny.read(tiny.path("x", 2020)).decode())
    row = states(verify(client).expect(1))["x"]
    assert row["state"] == "source changed" and "2020: row 2 " in row["difference"], row


# ---- what lies in the store


def test_snapshots_in_the_wrong_place(two):
    held = next(two.program.store.rglob("other.hdx"))
    held.with_name("whole.hdx").write_bytes(held.read_bytes())
    held.with_name("folder.hdx").mkdir()
    done = two.program("verify").expect(7, "it is the snapshot of other")
    found = {row.split(",")[0]: row.split(",")[5] for row in done.lines[1:]}
    assert found["whole"] == "corrupt" and found["folder"] == "corrupt" and found["other"] == "sound", done


def test_nothing_to_compare(tiny, client):
    tiny.add("whole", {2017: 3})
    verify(client).expect(3, "nothing")
    client.program("verify", "--deep").expect(2, "BUCKET")


def test_scratch_of_the_dead_is_removed(two):
    left = two.program.store / ".scratch-abcdef" / "x"
    left.mkdir(parents=True)
    (left / "a.hdx").write_bytes(b"half")
    verify(two).expect(0)
    assert not list(two.program.store.glob(".scratch-*"))


# ---- described


def test_columns_are_described(tiny, client):
    lines = "".join(f"2019-01-{1 + i // 24:02}T{i % 24:02}:00:00Z,2019-01-{1 + i // 24:02}T{i % 24:02}:59:59Z,"
                    f"s3://{TINY}/y/2019/01/f_201901{1 + i // 24:02}T{i % 24:02}0000_v{1 + (i > 90)}.fits,{2880 * (400 + i * i % 7)},"
                    f"md5-{i * 7919},{94 if i % 2 else 131}\n" for i in range(600))
    tiny.add("described", {2019: "# start, stop, datakey, filesize, note, wavelength\n" + lines})
    client.index().expect(0)
    held = json.loads(client.program("info", client.bucket, "described", *client.access, "--format", "ndjson").expect(0).out)
    columns = {column["name"]: column for column in held["snapshot"]["columns"]}
    assert list(columns) == ["times", "filesize", "year", "datakey", "note", "wavelength"]
    assert sum(column["bytes"] for column in columns.values()) <= held["snapshot"]["bytes"]
    assert columns["datakey"]["bytes_per_row"] == pytest.approx(columns["datakey"]["bytes"] / 600, abs=1e-5)
    name = "f_{start:%Y%m%d}T{start:%H%M%S}_v"
    assert f"{name}1.fits (1)" in columns["datakey"]["encoding"] and f"{name}2.fits (1)" in columns["datakey"]["encoding"]
    assert "md5-{" in columns["note"]["encoding"] and columns["wavelength"]["bytes"] < 200
    text = client.program("info", client.bucket, "described", *client.access, "--format", "table").expect(0).out
    assert "bytes a row" in text and name in text


# ---- the order of rows


@pytest.mark.parametrize("others", [0, 40000])
def test_p9_equal_rows_stand_by_the_years_of_their_files(tiny, client, others):
    """Whatever was refreshed when: the same row in two years' files, told apart by its size."""
    row = "2018-06-01T00:00:00Z,2018-06-02T00:00:00Z,s3://b/d/a.cdf,{}\n"

    def write(year, times):
        more = "".join(f"{year}-07-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z,{year}-07-02T00:00:00Z,s3://b/{year}/{i},{i}\n"
                       for i in range(others))
        tiny.write(tiny.path("x", year), more + row.format(year) + "\n" * times)

    tiny.add("x", {2018: 1, 2019: 1})
    for turn, year in enumerate([2018, 2019, 2018, 2019, 2019, 2018]):
        write(year, turn)
        if turn:
            client.index().expect(0)
            found = [line for line in client.query("x", "--offline").expect(0).lines if "/d/a.cdf" in line]
            assert [line.rsplit(",", 1)[1] for line in found] == ["2018", "2019"], turn


# ---- while they are replaced


def versions(first):
    """The same rows with other keys and sizes: two versions of one index file."""
    return "".join(
        f"2019-{1 + i // 5600 % 12:02}-{1 + i // 200 % 28:02}T{i % 200 // 10:02}:{i % 10 * 6:02}:00Z,"
        f"2019-{1 + i // 5600 % 12:02}-{1 + i // 200 % 28:02}T{i % 200 // 10:02}:{i % 10 * 6 + 5:02}:00Z,"
        f"s3://{TINY}/{first}/{i:06}.cdf,{1000 + i * first % 9000}\n" for i in range(first * 1000, first * 1000 + LARGE))


def test_p5_readers_see_the_old_or_the_new(tiny, client):
    """Eight processes query while a ninth refreshes: each answer is one version or the other, whole."""
    texts = [versions(1), versions(2)]
    small = [texts[0][:4000].rsplit("\n", 1)[0] + "\n", texts[1][:9000].rsplit("\n", 1)[0] + "\n"]
    tiny.add("large", {2018: 5, 2019: texts[0]})
    tiny.add("small", {2019: small[0]})
    expected = {"large": set(), "small": set()}
    for version in (1, 0):
        tiny.write(tiny.path("large", 2019), texts[version])
        tiny.write(tiny.path("small", 2019), small[version])
        client.index().expect(0)
        for name in expected:
            dataset = tiny.reference().dataset(name)
            answer = dataset.csv(dataset.answer())
            assert client.query(name, "--offline").expect(0).out == answer
            expected[name].add(answer)
    assert all(len(answers) == 2 for answers in expected.values())
    stop, problems, seen = threading.Event(), [], {"large": set(), "small": set()}

    def read(number):
        name = "large" if number % 2 else "small"
        while not stop.is_set() and not problems:
            done = client.query(name, "--offline")
            if done.code != 0 or done.out not in expected[name]:
                problems.append(done)
            seen[name].add(done.out)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for version in range(REFRESHES):
            tiny.write(tiny.path("large", 2019), texts[version % 2])
            tiny.write(tiny.path("small", 2019), small[version % 2])
            client.index(timeout=300).expect(0)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not problems, problems[0]
    assert seen["small"] == expected["small"]


# ---- large ones


def simulate(tmp_path, rows):
    done = subprocess.run([BUILD / "bench" / "hdx-simulate", "--rows", str(rows), "--folder", tmp_path],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_p4_memory_does_not_grow_with_the_rows(tmp_path):
    """Written in a stream and read back, every row compared. (Sanitizers keep memory that was freed: fewer rows there.)"""
    few, many = simulate(tmp_path, 300000), simulate(tmp_path, 1500000 if SANITIZED else 12000000)
    assert many["rows"] > few["rows"] and many["peak_mib"] < few["peak_mib"] + 64
