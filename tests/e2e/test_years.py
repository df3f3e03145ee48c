"""Which years are wanted, and what a year that cannot be had means: each rule by itself, against the naive reference."""

import datetime
import itertools
import json
import random

import pytest

from conftest import TINY
from origin import Behaviour
from reference import ask, counts_csv, time_ns

THIS_YEAR = datetime.datetime.now(datetime.timezone.utc).year


def row(start, stop, key, size=1):
    return f"{start},{stop},s3://{TINY}/{key},{size}\n"


def years_asked(tiny, identifier):
    return sorted(int(path[-8:-4]) for path in tiny.asked() if f"/{identifier}_" in path and path.endswith(".csv"))


def told(start, stop):
    return [*(["--start", start] if start else []), *(["--stop", stop] if stop else [])]


def check(client, identifier, start=None, stop=None, *options):
    """Asserts that a question is answered as the reference does; returns the answer's lines behind the header."""
    dataset = client.tiny.reference().dataset(identifier)
    done = client.query(identifier, *told(start, stop), *options).expect(0)
    wanted = dataset.answer(start and time_ns(start), stop and time_ns(stop))
    assert done.out == dataset.csv(wanted), (identifier, start, stop)
    return done.lines[1:]


def states(client, identifier):
    shown = json.loads(client.program("info", client.bucket, identifier, *client.access, "--json", "--offline").expect(0).out)
    return {year["year"]: year for year in shown["snapshot"]["index_files"]}


# ---- which years


def test_index_goes_to_the_year_after_this_one(client, tiny):
    """Whatever the catalog promises; a stop that is no time means the same."""
    for number, stop in enumerate(("2199-12-31Z", "9999-01-01Z", "unknown", "")):
        tiny.add(f"set{number}", {THIS_YEAR - 1: 2, THIS_YEAR + 1: 2, THIS_YEAR + 2: 2}, stop=stop)
    client.index().expect(0)
    for number in range(4):
        assert years_asked(tiny, f"set{number}") == [THIS_YEAR - 1, THIS_YEAR, THIS_YEAR + 1]
    tiny.origin.clear()
    client.query("set0", "--store", client.program.home / "other").expect(0)
    assert years_asked(tiny, "set0") == [THIS_YEAR - 1, THIS_YEAR, THIS_YEAR + 1]


def test_the_year_of_the_catalogs_stop_is_wanted(client, tiny):
    tiny.add("set", {2017: 1, 2018: 1, 2019: 1, 2020: 1}, start="2018-12-31T23:59Z", stop="2019-01-01T00:00:00Z")
    client.index().expect(0)
    assert years_asked(tiny, "set") == [2018, 2019]


def test_index_narrowed(client, tiny):
    tiny.add("set", {year: 1 for year in range(2010, 2020)})
    for start, stop, wanted in (("2012", "2014", [2012, 2013]), ("2012-06", "2014-01-01T00:00:00.000000001", [2012, 2013, 2014]),
                                ("2018", None, [2018, 2019]), (None, "2011", [2010])):
        tiny.origin.clear()
        client.index(*told(start, stop), "--store", client.program.home / f"{start}{stop}").expect(0)
        assert years_asked(tiny, "set") == wanted


@pytest.mark.parametrize("start, stop, wanted", [
    ("2015", "2016", [2014, 2015]), ("2015", "2016-01-01T00:00:00.000000001", [2014, 2015, 2016]), ("2010-06", "2010-07", [2010]),
    ("2021", "2022", []), ("2020", "2021", [2019]), ("2000", "2001", []), (None, "2011", [2010]), ("2018-06", None, [2017, 2018, 2019])])
def test_years_of_a_query(client, tiny, start, stop, wanted):
    tiny.add("set", {year: 1 for year in range(2010, 2020)})
    client.query("set", *told(start, stop)).expect(0)
    assert years_asked(tiny, "set") == wanted


def test_years_that_the_catalog_no_longer_has(client, tiny):
    """An answer is of the catalog's years, also where more are held."""
    tiny.add("set", {year: 4 for year in range(2015, 2020)})
    client.index().expect(0)
    tiny.entries[0].update(start="2017-01-01Z", stop="2018-12-31Z")
    tiny.publish()
    client.index().expect(0)
    assert len(check(client, "set", None, None, "--offline")) == 8
    assert client.query("set", "--offline", "--summary").lines[1].startswith("set,8,")


@pytest.mark.parametrize("kind", ["usual", "multiyear", "no stops"])
def test_p7_answers_never_depend_on_what_was_indexed_before(client, tiny, kind):
    """Any history of runs and queries gives the same answer, rows filed under wrong years and over New Year too."""
    chance = random.Random(kind)
    years = {}
    for year in range(2012, 2020):
        lines = []
        for number in range(12):
            at = time_ns(str(year)) + chance.randrange(-100, 465) * 86400 * 10**9
            start, stop = (str(datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=t // 10**9)).replace(" ", "T")
                           for t in (at, at + chance.choice([60, 86400, 86400 * 200, 86400 * 900]) * 10**9))
            lines.append(f"{start}Z,s3://b/{year}/{number},{number}\n" if kind == "no stops" else f"{start}Z,{stop}Z,s3://b/{year}/{number},{number}\n")
        years[year] = "".join(lines) if year % 4 else None
    tiny.add("set", years, multiyear=kind == "multiyear")
    questions = [("2014-03", "2014-09"), ("2015-12-31", "2016-01-02"), (None, "2013"), ("2018", None), ("2016-06", "2016-06")]
    for number in range(6):
        store = ["--store", client.program.home / str(number)]
        for _ in range(chance.randrange(3)):
            first = chance.randrange(2012, 2020)
            client.index("--start", str(first), "--stop", str(chance.randrange(first + 1, 2021)), *store).expect(0)
        for start, stop in chance.sample(questions, 3):
            check(client, "set", start, stop, *store)


# ---- multiyear

LONG = {2001: row("2001-03-01T00:00:00Z", "2019-07-01T00:00:00Z", "very/long") + row("2001-04-01T00:00:00Z", "2001-05-01T00:00:00Z", "short"),
        2002: 5, 2010: row("2010-01-01T00:00:00Z", "2019-06-15T00:00:00Z", "long"), 2018: 5, 2019: 5}


@pytest.mark.parametrize("word", [True, "True", "true", "TRUE"])
def test_rows_that_reach_over_many_years(client, tiny, word):
    tiny.add("long", LONG, multiyear=word)
    lines = check(client, "long", "2019-06-01", "2019-06-10")
    assert [line.split(",")[2] for line in lines if "/long," in line] == [f"s3://{TINY}/very/long", f"s3://{TINY}/long"]
    assert years_asked(tiny, "long") == list(range(2001, 2020))
    tiny.origin.clear()
    for start, stop in (("2019-06-01", "2019-06-10"), ("2005", "2006"), ("2019-06-20", None), ("2019-07-02", None)):
        check(client, "long", start, stop, "--offline")
        dataset = tiny.reference().dataset("long")
        pairs = ask([dataset], time_ns(start), stop and time_ns(stop))
        assert client.query("long", *told(start, stop), "--offline", "--count-by", "year").expect(0).out == counts_csv([dataset], pairs, "year")
    backwards = client.query("long", "--start", "2019-06-01", "--stop", "2019-06-10", "--reverse").expect(0)
    assert backwards.lines[1:] == lines[::-1]
    assert tiny.origin.requests() == []


@pytest.mark.parametrize("word", [False, "False", "false", None])
def test_rows_are_not_looked_for_in_years_before_the_last(client, tiny, word):
    tiny.add("long", LONG, multiyear=word)
    assert not any("/long," in line for line in check(client, "long", "2019-06-01", "2019-06-10"))
    assert years_asked(tiny, "long") == [2018, 2019]


def test_recent_years_alone_are_held(client, tiny):
    """The earlier ones are fetched, or told to be missing."""
    tiny.add("long", LONG, multiyear=True)
    client.index("--start", "2018").expect(0)
    tiny.origin.clear()
    done = client.query("long", "--start", "2019-06-01", "--stop", "2019-06-10", "--offline").expect(3, "2001 is not held", "reach into the range")
    assert done.out == "" and tiny.origin.requests() == []
    assert any("very/long" in line for line in check(client, "long", "2019-06-01", "2019-06-10"))
    assert years_asked(tiny, "long") == list(range(2001, 2018))
    check(client, "long", "2019-06-01", "2019-06-10", "--offline")


def test_earlier_year_that_cannot_be_read(client, tiny):
    tiny.add("long", LONG, multiyear=True)
    tiny.origin.always(tiny.path("long", 2002), Behaviour(status=500))
    asked = ["--start", "2019-06-01", "--stop", "2019-06-10", "--retries", "0"]
    assert client.query("long", *asked).expect(5, "long_2002.csv").out == ""
    done = client.query("long", *asked, "--allow-partial").expect(1, "the rows of 2002 are missing")
    assert any("very/long" in line for line in done.lines)


def test_dataset_that_becomes_multiyear(client, tiny):
    """The catalog that is held counts, whatever was said when the snapshot was made."""
    tiny.add("long", LONG)
    client.index("--start", "2018").expect(0)
    check(client, "long", "2019-06-01", "2019-06-10", "--offline")
    tiny.entries[0]["multiyear"] = True
    tiny.publish()
    client.program("datasets", client.bucket, *client.access, "--refresh").expect(0)
    client.query("long", "--start", "2019-06-01", "--stop", "2019-06-10", "--offline").expect(3, "2001 is not held")
    assert any("very/long" in line for line in check(client, "long", "2019-06-01", "2019-06-10"))
    check(client, "long", "2019-06-01", "2019-06-10", "--offline")
    tiny.entries[0]["multiyear"] = "False"
    tiny.publish()
    client.index().expect(0)
    assert not any("very/long" in line for line in check(client, "long", "2019-06-01", "2019-06-10", "--offline"))


# ---- when the network is asked


def test_registry_and_catalog_are_kept(client, tiny):
    tiny.add("set", {2019: 3})
    tiny.origin.put("/registry.json", json.dumps({"registry": [{"endpoint": f"s3://{TINY}/", "name": "The Archive", "region": "us-east-1"}]}).encode())
    asked = ["query", "The Archive", "set", "--registry", f"{tiny.origin.url}/registry.json", *client.access, "--format", "csv"]
    first = client.program(*asked).expect(0)
    assert [r.path for r in tiny.origin.requests()] == ["/registry.json", tiny.catalog_path, tiny.path("set", 2019)]
    tiny.origin.stop()
    for offline in ([], ["--offline"]):
        assert client.program(*asked, *offline).expect(0).out == first.out


def test_date_of_what_is_held(client, tiny):
    tiny.add("set", {2019: 3})
    client.index().expect(0)
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    client.query("set", "--offline", "-v").expect(0, f"set of s3://{TINY}/, last confirmed {today}")
    assert f"held as of,{today}" in client.program("info", client.bucket, "set", *client.access, "--format", "csv", "--offline").expect(0).out


# ---- what no file means

FAILURES = {
    "500": Behaviour(status=500), "503": Behaviour(status=503), "429": Behaviour(status=429), "400": Behaviour(status=400),
    "404 of the bucket": Behaviour(status=404, body=b"<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>"),
    "reset": Behaviour(cut=-1), "cut": Behaviour(cut=100, cut_by="fin", ignore_conditions=True), "page": Behaviour(body=b"<!DOCTYPE html><p>Not found"),
    "binary": Behaviour(body=b"PAR1" + bytes(500)), "prose": Behaviour(body=b"no,such,file,here\nsorry,for,this,mistake\n"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_12_a_failure_never_looks_like_a_gap(client, tiny, failure):
    """Of a year that was never read, of one that is held, and of one that was a gap."""
    tiny.add("set", {2016: 5, 2017: 5, 2018: None, 2019: 5})
    new, held, gap = (tiny.path("set", year) for year in (2016, 2017, 2018))
    tiny.origin.always(new, FAILURES[failure])
    client.index("--retries", "0").expect(1, "set_2016.csv")
    for path in (held, gap):
        tiny.origin.always(path, FAILURES[failure])
    done = client.index("--retries", "0").expect(1, "set_2016.csv", "set_2017.csv", "set_2018.csv", "3 failed", "0 gaps", "2 stale")
    assert "vanished" in done.err and "0 vanished" in done.err
    found = states(client, "set")
    assert [found[year]["state"] for year in range(2016, 2020)] == ["failed", "stale", "stale", "present"]
    assert all(found[year]["reason"] for year in (2016, 2017, 2018)) and not found[2019]["reason"]
    assert found[2017]["rows"] == 5
    # What is wanted and not there gives no rows; what is stale is told.
    for offline in (["--offline"], ["--retries", "0"]):
        done = client.query("set", *offline)
        assert done.code not in (0, 1) and done.out == "" and "set_2016.csv" in done.err + "set_2016.csv" * (offline == ["--offline"]), done
    done = client.query("set", "--start", "2018-03", "--stop", "2019-02", "--offline").expect(0, "earlier version", "set_2017.csv", "2 wanted years are stale")
    assert done.lines
    for path in (new, held, gap):
        tiny.origin.always(path, None)
    assert "stale" not in client.index().expect(0, "1 gaps").err
    client.check()


def test_12_gap_and_other_years_in_one_run(client, tiny):
    """A year that fails, one that vanishes and one that changes: each by itself."""
    tiny.add("set", {year: 5 for year in range(2015, 2020)})
    client.index().expect(0)
    tiny.origin.always(tiny.path("set", 2015), Behaviour(status=500))
    (tiny.folder / tiny.path("set", 2016).lstrip("/")).unlink()
    tiny.write(tiny.path("set", 2017), row("2017-05-05Z", "2017-05-06Z", "changed"))
    tiny.write(tiny.path("set", 2019), row("2019-05-05Z", "2019-05-06Z", "changed/too"))
    client.index("--retries", "0").expect(1, "set_2015.csv", "set_2016.csv: gone (asked twice); its 5 rows are dropped")
    found = states(client, "set")
    assert {year: found[year]["state"] for year in found} == {2015: "stale", 2016: "gap", 2017: "present", 2018: "present", 2019: "present"}
    assert "status 500" in found[2015]["reason"]
    client.check()


# ---- 403


def deny(tiny, identifier, *years):
    for year in years:
        tiny.origin.always(tiny.path(identifier, year), Behaviour(status=403))


def test_12_403_where_another_dataset_of_the_folder_was_read(client, tiny):
    """It stands for "not there", as the bucket may not be listed; a whole dataset of such years is not believed."""
    tiny.add("none", {2018: None, 2019: None})
    tiny.add("mixed", {2018: 3, 2019: None})
    tiny.origin.missing = 403
    deny(tiny, "mixed", 2018)
    done = client.index().expect(4)
    assert "mixed_2019.csv" in done.err  # nothing of the folder could be read: a failure
    tiny.origin.always(tiny.path("mixed", 2018), None)
    client.index().expect(1, "none_2018.csv")
    assert {year: state["state"] for year, state in states(client, "mixed").items()} == {2018: "present", 2019: "gap"}
    assert client.query("none", "--offline").code != 0


def test_12_403_of_a_folder_is_not_explained_by_another_folder(client, tiny):
    tiny.add("read", {2019: 3})
    tiny.add("mixed", {2018: None, 2019: None}, index=f"s3://{TINY}/elsewhere/")
    tiny.origin.always(f"/{TINY}/elsewhere/mixed_2019.csv", Behaviour(status=403))
    client.index().expect(1, "mixed_2019.csv")
    assert states(client, "mixed")[2019]["state"] == "failed"


def test_12_held_year_that_is_denied(client, tiny):
    """Among years that can be read it is gone, asked twice; when all are denied, nothing is dropped."""
    tiny.add("set", {2017: 5, 2018: 5, 2019: 5})
    client.index().expect(0)
    tiny.origin.missing = 403
    deny(tiny, "set", 2017, 2018, 2019)
    client.index().expect(4, "set_2017.csv")
    assert {state["state"] for state in states(client, "set").values()} == {"stale"}
    assert len(client.query("set", "--offline").lines) == 16
    for year in (2017, 2019):
        tiny.origin.always(tiny.path("set", year), None)
    tiny.origin.clear()
    client.index().expect(0, "set_2018.csv: gone (asked twice)")
    assert [r.status for r in tiny.origin.of(tiny.path("set", 2018))] == [403, 403]
    assert len(client.query("set", "--offline").lines) == 11


# ---- vanished


def test_vanished_years_that_were_kept(client, tiny):
    """They stay as long as they are asked for so, come back with their file, and go without the option."""
    tiny.add("set", {2018: 5, 2019: 5})
    client.index().expect(0)
    file = tiny.folder / tiny.path("set", 2018).lstrip("/")
    content = file.read_bytes()
    file.unlink()
    for _ in range(2):
        client.index("--keep-vanished").expect(0)
        assert states(client, "set")[2018]["state"] == "vanished"
        assert len(client.query("set", "--offline").lines) == 11
    file.write_bytes(content)
    client.index("--keep-vanished").expect(0)
    assert states(client, "set")[2018]["state"] == "present"
    client.check()
    file.unlink()
    client.index("--keep-vanished").expect(0)
    client.index().expect(0, "dropped")
    assert states(client, "set")[2018]["state"] == "gap"
    client.check()


@pytest.mark.parametrize("second", [Behaviour(status=500), Behaviour(cut=-1)])
def test_vanished_once_and_a_failure(client, tiny, second):
    """A 404 that is not confirmed drops nothing."""
    tiny.add("set", {2018: 5, 2019: 5})
    client.index().expect(0)
    tiny.origin.script(tiny.path("set", 2018), *itertools.chain([Behaviour(status=404)], [second] * 4))
    client.index("--retries", "0").expect(1, "set_2018.csv")
    assert states(client, "set")[2018]["state"] == "stale"
    assert len(client.query("set", "--offline").lines) == 11


# ---- what a user is warned of


def line_of(start, stop):
    return f"{start},{stop},s3://{TINY}/{start}.cdf,1\n"


def test_rows_that_no_range_finds_are_warned_of(client, tiny):
    """A range looks through the files of its years and of the year before: a row filed a year early is found."""
    tiny.add("late", {2018: 1, 2019: line_of("2018-03-01Z", "2018-03-02Z") + line_of("2019-01-01Z", "2019-01-02Z")})
    tiny.add("early", {2018: line_of("2019-03-01Z", "2019-03-02Z"), 2019: 1})
    done = client.index().expect(0, "late_2019.csv: has rows that start in 2018 to 2019")
    assert "early" not in done.err
    found = client.query("early", "--start", "2019-03-01", "--stop", "2019-03-02", "--offline").expect(0)
    assert len(found.lines) == 2


def test_reversed_range_of_a_dataset_is_told(client, tiny):
    tiny.add("set", {2019: 1}, start="2020-01-01T00:00:00Z", stop="2019-01-01T00:00:00Z")
    client.index().expect(0, "set: its start is after its stop")


def test_a_query_says_how_to_do_without_a_year(client, tiny):
    tiny.add("set", {2018: 2, 2019: 2})
    tiny.origin.always(tiny.path("set", 2019), Behaviour(status=500))
    client.query("set", "--retries", "0").expect(5, "set_2019.csv", "--allow-partial")
    tiny.origin.always(tiny.path("set", 2018), Behaviour(status=500))
    client.program("store", "remove", client.bucket, *client.access).expect(0)
    assert "--allow-partial" not in client.query("set", "--retries", "0").expect(5).err


def test_a_gap_that_cannot_be_read_now_is_called_so(client, tiny):
    tiny.add("set", {2018: 2, 2019: None})
    client.index().expect(0)
    tiny.origin.always(tiny.path("set", 2019), Behaviour(status=500))
    client.index("--retries", "0").expect(1)
    client.query("set", "--offline").expect(0, "set: 2019 was a gap when it was last read")


def test_each_dataset_that_lacks_years_is_told_once(client, tiny):
    for name in ("a", "b", "c", "d"):
        tiny.add(name, {2018: 2, 2019: 2})
    for name in ("a", "c"):
        tiny.origin.always(tiny.path(name, 2019), Behaviour(status=500))
    client.index("--retries", "0")
    done = client.query("*", "--allow-partial", "--offline")
    assert done.code == 1
    told = [line for line in done.err.splitlines() if "may lack rows" in line]
    assert [line.split(": ")[1] for line in told] == ["a", "c"]
