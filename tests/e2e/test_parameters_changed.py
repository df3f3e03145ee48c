"""Documents of parameters that change, fail or come late, and index files that are read again for them."""

import signal
import threading

import pytest

from extra_columns import NOTE, QUALITY, WIDTH, answer, document, documents_asked, info, lines, parameters
from origin import Behaviour


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
