"""heliodex validate: each thing that published documents have wrong is found, with its rule, place and value; what is
well is not found fault with; and a naive check of the rows agrees."""

import collections
import gzip
import io
import json
import random
import re
import zipfile

import pytest

from conftest import SAMPLE, TINY, Tiny, plain_build
from origin import Behaviour
from reference import Dataset, year_of
from usage import peak_of

KEY = f"s3://{TINY}/data/k.cdf"
SUMMARY = re.compile(r"checked +([\d,]+) documents, ([\d,]+) datasets, ([\d,]+) index files, ([\d,]+) rows, ([\d,]+) unread")


def validate(program, *arguments, code=0, told=()):
    """Findings as dicts, and the counts (documents, datasets, files, rows, unread) of the summary."""
    done = program("validate", *arguments, "--json").expect(code, *told)
    summary = SUMMARY.search(done.err)
    return [json.loads(line) for line in done.lines], tuple(int(n.replace(",", "")) for n in summary.groups())


def short(findings):
    """(rule, path or file:line, value) of findings."""
    def place(finding):
        if finding["path"]:
            return finding["path"]
        name = finding["document"].rsplit("/", 1)[-1]
        return f"{name}:{finding['line']}" if finding["line"] else name

    return [(finding["rule"], place(finding), finding["value"]) for finding in findings]


class Validator:
    """The program pointed at a tiny bucket whose catalog is without fault."""

    def __init__(self, program, tiny):
        self.program, self.tiny = program, tiny
        tiny.extra = {"Cloudy": None, "version": "1.1", "egress": "free,public", "contact": "c@example.org",
                      "description": "d"}
        self.access = [f"s3://{TINY}/", "--endpoint-url", tiny.origin.url, "--severity", "note"]

    def add(self, identifier, years, **entry):
        """A dataset that says of itself what its index files hold: rows of a day, as text."""
        self.tiny.add(identifier, years, **{"modification": "2024-01-01Z", "indextype": "csv", "filetype": "cdf", **entry})

    def __call__(self, *arguments, **options):
        return validate(self.program, *self.access, *arguments, **options)

    def deep(self, code=0, **options):
        findings, counts = self("--deep", code=code, **options)
        return short(findings), counts


@pytest.fixture
def validator(heliodex, tiny):
    return Validator(heliodex, tiny)


def row(start, stop=None, key=KEY, size="5"):
    stop = stop or start
    return f"{start},{stop},{key},{size}\n"


def days(year, *numbers):
    """Rows of a day each, in January."""
    return "".join(row(f"{year}-01-{n:02}T00:00:00Z", f"{year}-01-{n + 1:02}T00:00:00Z") for n in numbers)


def of_day(first, last):
    return {"start": f"{first}T00:00:00Z", "stop": f"{last}T00:00:00Z"}


# ---- documents ----


def test_a_clean_bucket_has_no_finding_and_leaves_no_trace(validator, heliodex):
    validator.add("one", {2019: days(2019, 1, 2), 2020: days(2020, 3)}, **of_day("2019-01-01", "2020-01-04"))
    findings, counts = validator("--deep")
    assert findings == []
    assert counts == (1, 1, 2, 3, 0)
    findings, counts = validator()
    assert (findings, counts) == ([], (1, 1, 0, 0, 0))
    assert not heliodex.store.exists()


CATALOG_FAULTS = {
    "no index": ({"index": None}, ("member-required", "$.catalog[0].index", None)),
    "loc": ({"index": None, "loc": f"s3://{TINY}/i/"}, ("member-legacy", "$.catalog[0].loc", f"s3://{TINY}/i/")),
    "startdate": ({"start": None, "startdate": "2020-01-01Z"}, ("member-legacy", "$.catalog[0].startdate", "2020-01-01Z")),
    "ndxformat": ({"indextype": None, "ndxformat": "csv"}, ("member-legacy", "$.catalog[0].ndxformat", "csv")),
    "dot for colon": ({"start": "1996-01-01T00:00.00Z"}, ("time-form", "$.catalog[0].start", "1996-01-01T00:00.00Z")),
    "colon for T": ({"stop": "2023-05-04:00:00:00Z"}, ("time-form", "$.catalog[0].stop", "2023-05-04:00:00:00Z")),
    "no zone": ({"start": "1980-01-01"}, ("time-zone", "$.catalog[0].start", "1980-01-01")),
    "static": ({"start": "static"}, ("static", "$.catalog[0].start", "static")),
    "start after stop": ({"start": "2021-01-01Z", "stop": "2020-01-02Z"}, ("range-order", "$.catalog[0].start", "2021-01-01Z")),
    "id": ({"id": "a.b"}, ("dataset-id", "$.catalog[0].id", "a.b")),
    "no slash": ({"index": f"s3://{TINY}/i"}, ("index-slash", "$.catalog[0].index", f"s3://{TINY}/i")),
    "file": ({"index": "file:///i/"}, ("index-local", "$.catalog[0].index", "file:///i/")),
    "other bucket": ({"index": "s3://another/i/"}, ("index-elsewhere", "$.catalog[0].index", "s3://another/i/")),
    "parquet": ({"indextype": "parquet"}, ("indextype-parquet", "$.catalog[0].indextype", "parquet")),
    "index type": ({"indextype": "xml"}, ("indextype", "$.catalog[0].indextype", "xml")),
    "capitals": ({"filetype": "FITS"}, ("word-case", "$.catalog[0].filetype", "FITS")),
    "file type": ({"filetype": "jpeg"}, ("filetype", "$.catalog[0].filetype", "jpeg")),
    "near": ({"filtype": "x"}, ("member-near", "$.catalog[0].filtype", "x")),
    "multiyear": ({"multiyear": "True"}, ("multiyear", "$.catalog[0].multiyear", "True")),
    "tags": ({"tags": "a,b"}, ("list", "$.catalog[0].tags", "a,b")),
    "modification": ({"modification": None}, ("member-usual", "$.catalog[0].modification", None)),
}


@pytest.mark.parametrize("entry, expected", CATALOG_FAULTS.values(), ids=CATALOG_FAULTS)
def test_faults_of_entries(heliodex, tiny, entry, expected):
    validator = Validator(heliodex, tiny)
    validator.add("one", {2020: None}, **{"start": "2020-01-01Z", "stop": "2020-01-02Z", **entry})
    text = tiny.read(tiny.catalog_path).decode()
    done = heliodex("validate", *validator.access, "--json")
    found = [json.loads(line) for line in done.lines]
    assert short(found) == [expected]
    assert done.code == (1 if found[0]["severity"] == "error" else 0)
    # The place is where the value stands in the file as it was published.
    line = text.splitlines()[found[0]["line"] - 1]
    at = line.encode()[found[0]["column"] - 1:].decode()
    assert at.startswith("{" if expected[2] is None else json.dumps(expected[2]))


TOP_FAULTS = {
    "Cloudy": ({"version": None, "Cloudy": "0.3"}, [("member-legacy", "$.Cloudy", "0.3")]),
    "legacy status": ({"status": "1200/OK"}, [("status-form", "$.status", "1200/OK")]),
    "code as text": ({"status": {"code": "1200", "message": "OK"}}, [("status-form", "$.status.code", "1200")]),
    "unavailable": ({"status": {"code": 1400, "message": "moving"}}, [("status-unavailable", "$.status.code", "1400")]),
    "other code": ({"status": {"code": 42}}, [("status-code", "$.status.code", "42")]),
    "egress": ({"egress": "none"}, [("egress", "$.egress", "none")]),
    "no status": ({"status": None}, [("member-required", "$.status", None)]),
    "no name": ({"name": None}, [("member-usual", "$.name", None)]),
}


@pytest.mark.parametrize("top, expected", TOP_FAULTS.values(), ids=TOP_FAULTS)
def test_faults_of_the_top_level(heliodex, tiny, top, expected):
    validator = Validator(heliodex, tiny)
    tiny.extra |= top
    validator.add("one", {2020: days(2020, 1)}, **of_day("2020-01-01", "2020-01-02"))
    done = heliodex("validate", *validator.access, "--json")
    assert short(json.loads(line) for line in done.lines) == expected


def test_ids_that_stand_twice(validator):
    for identifier in ("one", "two", "one", "ONE"):
        validator.add(identifier, {2020: None}, **of_day("2020-01-01", "2020-01-02"))
    findings, _ = validator(code=1)
    assert short(findings) == [("dataset-twice", "$.catalog[2].id", "one"), ("dataset-case", "$.catalog[3].id", "ONE")]
    assert [finding["severity"] for finding in findings] == ["error", "warning"]


def test_json_that_does_not_parse(validator, tiny):
    # As the specification's own sample: a comma is missing.
    tiny.write(tiny.catalog_path, '{"version": "1.1",\n "status": {"code": 1200}\n "catalog": []}')
    findings, _ = validator("--deep", code=1, told=["1 error"])
    assert [(f["rule"], f["line"], f["column"]) for f in findings] == [("json", 3, 2)]


def test_what_cannot_be_read_ends_with_its_own_code(validator, heliodex, tiny, tmp_path):
    done = heliodex("validate", *validator.access)
    done.expect(3)
    tiny.publish()
    tiny.origin.always(tiny.catalog_path, Behaviour(status=403))
    heliodex("validate", *validator.access).expect(4)
    tiny.origin.always(tiny.catalog_path, Behaviour(status=503))
    heliodex("validate", *validator.access, "--retries", "0").expect(5)
    heliodex("validate", "no-such-file.json").expect(3, "no such file")
    big = tmp_path / "big.json"
    big.write_text(" " * 5000 + "{}")
    heliodex("validate", big, "--max-catalog", "4K").expect(8)
    heliodex("validate", big, "--offline").expect(2, "offline")


# ---- registries and files ----


def test_the_registry_is_what_is_checked_without_an_operand(heliodex, tiny):
    entry = {"endpoint": "s3://one/", "name": "One", "region": "us-east-1"}
    registry = {"version": "1.0", "modificationDate": "2024-01-01Z", "registry": [entry, entry, {"endpoint": "s3://two"}]}
    tiny.write("/registry.json", json.dumps(registry))
    expected = [("registry-twice", "$.registry[1].endpoint", "s3://one/"), ("registry-name", "$.registry[1].name", "One"),
                ("member-required", "$.registry[2].name", None), ("member-required", "$.registry[2].region", None),
                ("registry-slash", "$.registry[2].endpoint", "s3://two")]
    url = f"{tiny.origin.url}/registry.json"
    for arguments in (["--registry", url], [url], [tiny.folder / "registry.json"]):
        findings, counts = validate(heliodex, *arguments, "--severity", "note", code=1)
        assert short(findings) == expected
        assert counts == (1, 0, 0, 0, 0)
    assert not heliodex.store.exists()


def test_a_file_is_checked_before_it_is_published(validator, heliodex, tiny, tmp_path):
    """Its index files are those that the catalog names; the document is called as it was named."""
    validator.add("one", {2020: days(2020, 1) + row("2021-05-05T00:00:00Z")}, **of_day("2020-01-01", "2021-05-05"))
    draft = tmp_path / "a draft%41.json"
    draft.write_bytes(tiny.read(tiny.catalog_path))
    findings, counts = validate(heliodex, draft, "--deep", "--endpoint-url", tiny.origin.url, code=1)
    assert short(findings) == [("row-year", "one_2020.csv:2", "2021-05-05T00:00:00Z")]
    assert counts == (1, 1, 1, 2, 0)
    draft.write_text(draft.read_text().replace("1.1", ""))
    findings, _ = validate(heliodex, draft)
    line = draft.read_text().splitlines().index(' "version": "",') + 1
    assert [f["place"] for f in findings] == [f"{draft}:{line}:13 $.version"]


def test_a_folder_is_a_copy_of_a_bucket(validator, heliodex, tiny):
    validator.add("one", {2020: days(2020, 1)}, **of_day("2020-01-01", "2020-01-02"))
    for target in (tiny.folder / TINY, f"file://{tiny.folder}/{TINY}/", f"{tiny.origin.url}/{TINY}/",
                   f"{tiny.origin.url}/{TINY}/catalog.json"):
        findings, counts = validate(heliodex, target, "--deep", "--severity", "note")
        assert (findings, counts) == ([], (1, 1, 1, 1, 0)), target


def test_one_index_file(heliodex, tiny, tmp_path):
    file = tmp_path / "one_2020.csv"
    file.write_text(days(2020, 1, 1) + row("2019-01-01Z") + "x,y,z,0\n")
    expected = [("row-twice", "one_2020.csv:2", KEY), ("row-order", "one_2020.csv:3", "2019-01-01T00:00:00Z"),
                ("row-year", "one_2020.csv:3", "2019-01-01T00:00:00Z"), ("row", "one_2020.csv:4", None)]
    tiny.write("/one_2020.csv", file.read_text())
    for target in (file, f"{tiny.origin.url}/one_2020.csv"):
        findings, counts = validate(heliodex, target, code=1)
        assert short(findings) == expected
        assert {finding["id"] for finding in findings} == {"one"}
        assert counts == (0, 0, 1, 3, 0)
    other = tmp_path / "index"
    other.write_text(days(2020, 1))
    findings, _ = validate(heliodex, other, "--severity", "note")
    assert short(findings) == [("file-name", "index", None)]
    page = tmp_path / "page_2020.csv"
    page.write_text("<!DOCTYPE html><html><body>Not here</body></html>")
    findings, counts = validate(heliodex, page, code=1)
    assert short(findings) == [("unreadable", "page_2020.csv", None)]
    assert "html" in findings[0]["message"].lower() and counts[4] == 1


# ---- index files ----

A, B, C = "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z"
ROW_FAULTS = {
    "bad row": (row(A, B) + "2020-01-02T00:00:00Z,then,s3://k,1\n", ("row", "one_2020.csv:2", None)),
    "dots": (row("2020-01-01T00:00.00Z", B), ("row-mended", "one_2020.csv", None)),
    "order": (row(B, C) + row(A, B), ("row-order", "one_2020.csv:2", A)),
    "overlap": (row(A, C) + row(B, C), ("row-overlap", "one_2020.csv:2", B)),
    "twice": (row(A, B) * 2, ("row-twice", "one_2020.csv:2", KEY)),
    "reversed": (row(B, A), ("row-reversed", "one_2020.csv:1", A)),
    "size 0": (row(A, B, size="0"), ("size-zero", "one_2020.csv:1", KEY)),
    "no size": (row(A, B, size=""), ("size-missing", "one_2020.csv:1", KEY)),
    "relative": (row(A, B, "data/k.cdf"), ("key-url", "one_2020.csv:1", "data/k.cdf")),
    "elsewhere": (row(A, B, "s3://another/k"), ("key-elsewhere", "one_2020.csv:1", "s3://another/k")),
    "local": (row(A, B, "file:///k"), ("key-url", "one_2020.csv:1", "file:///k")),
    "control": (row(A, B, f"{KEY}\x07"), ("key-control", "one_2020.csv:1", f"{KEY}\x07")),
    "no stop": (f"{A},{KEY},5\n{B},{KEY},5\n", ("stop-missing", "one_2020.csv", None)),
    "no rows": ("# start, stop, datakey, filesize\n", ("file-empty", "one_2020.csv", None)),
    "mark": ("\ufeff" + row(A, B), ("file-mark", "one_2020.csv:1", None)),
}


@pytest.mark.parametrize("content, expected", ROW_FAULTS.values(), ids=ROW_FAULTS)
def test_faults_of_rows(heliodex, tiny, content, expected):
    validator = Validator(heliodex, tiny)
    validator.add("one", {2020: content}, **of_day("2020-01-01", "2020-01-02"))
    done = heliodex("validate", *validator.access, "--deep", "--json")
    findings = [json.loads(line) for line in done.lines]
    # What the catalog says of the range is another thing.
    assert [f for f in short(findings) if not f[0].startswith("range-")] == [expected]


def test_specification_below_half_has_no_stops(validator, tiny):
    tiny.extra["version"] = "0.4"
    validator.add("one", {2020: f"{A},{KEY},5\n{B},{KEY},5\n"}, **of_day("2020-01-01", "2020-01-02"))
    assert validator.deep() == ([], (1, 1, 1, 2, 0))


def test_declared_range_and_gaps(validator):
    validator.add("late", {2018: days(2018, 2), 2019: None, 2021: days(2021, 1)}, **of_day("2018-01-01", "2021-01-09"))
    validator.add("none", {2020: None, 2021: None})
    validator.add("most", {2020: days(2020, 1)}, **of_day("2020-01-01", "2030-01-01"))
    findings, _ = validator("--deep", code=1)
    assert short(findings) == [
        ("year-gap", "$.catalog[0]", None), ("range-start", "$.catalog[0].start", "2018-01-01T00:00:00Z"),
        ("range-stop", "$.catalog[0].stop", "2021-01-09T00:00:00Z"),
        ("range-stop", "$.catalog[2].stop", "2030-01-01T00:00:00Z"), ("dataset-empty", "$.catalog[1]", None)]
    assert "2 years have no index file: 2019-2020" in findings[0]["message"]
    assert "2018-01-02T00:00:00Z" in findings[1]["message"] and "2021-01-02T00:00:00Z" in findings[2]["message"]


def test_places_of_datasets_in_any_order(validator, tmp_path, heliodex):
    """They are told by id, whatever the catalog's order is, and have the places of their entries."""
    number = random.Random(1).sample(range(300), 300)
    folder = tmp_path / "bucket"
    folder.mkdir()
    entries = [{"id": f"d{n:03}", "index": "s3://none/i/", "title": "t", **of_day("2020-01-01", "2020-01-02")} for n in number]
    text = json.dumps({"endpoint": "s3://none/", "status": {"code": 1200}, "catalog": entries}, indent=1)
    (folder / "catalog.json").write_text(text)
    findings, _ = validate(heliodex, folder, "--deep", "--findings", 0, "--severity", "error", code=1)
    lines = text.splitlines()
    assert [finding["id"] for finding in findings] == sorted(f"d{n:03}" for n in number)
    for finding in findings:
        assert finding["rule"] == "dataset-empty" and lines[finding["line"] - 1][finding["column"] - 1:] == "{"
        assert lines[finding["line"]].strip() == f'"id": "{finding["id"]}",'
        assert finding["path"] == f"$.catalog[{number.index(int(finding['id'][1:]))}]"


def test_index_files_that_cannot_be_read(validator, tiny):
    validator.add("a", {2019: days(2019, 1), 2020: days(2020, 1)}, **of_day("2019-01-01", "2020-01-02"))
    validator.add("b", {2020: "<html><body>moved</body></html>"}, **of_day("2020-01-01", "2020-01-02"))
    validator.add("c", {2020: days(2020, 1)}, **of_day("2020-01-01", "2020-01-02"))
    tiny.origin.always(tiny.path("a", 2020), Behaviour(status=500))
    findings, counts = validator("--deep", "--retries", "1", code=1)
    assert short(findings) == [("unreadable", "a_2020.csv", None), ("unreadable", "b_2020.csv", None)]
    assert "500" in findings[0]["message"] and "HTML" in findings[1]["message"]
    assert counts == (1, 3, 2, 2, 2)
    tiny.origin.always(tiny.path("c", 2020), Behaviour(status=403))
    findings, counts = validator("--deep", "--retries", "1", code=1)
    assert counts[4] == 3 and short(findings)[2] == ("unreadable", "c_2020.csv", None)


def test_findings_do_not_depend_on_how_files_come(validator, heliodex):
    """Datasets end in any order; findings are told in one."""
    for number in range(30):
        validator.add(f"d{number:02}", {2019: days(2019, 2, 1) * (40 if number % 7 == 0 else 1), 2020: days(2020, 2, 1)},
                      **of_day("2019-01-01", "2020-01-03"))
    answers = [heliodex("validate", *validator.access, "--deep", "-j", jobs, "--threads", threads).expect(0).out
               for jobs, threads in ((1, 1), (64, 4), (64, 2), (7, 3))]
    assert len(set(answers)) == 1 and answers[0].count("row-order") > 60
    ids = [line.split(",")[3] for line in answers[0].splitlines()[1:]]
    assert ids == sorted(ids)


def test_a_file_that_is_fetched_anew_is_told_once(validator, tiny):
    validator.add("one", {2020: days(2020, 2, 1)}, **of_day("2020-01-01", "2020-01-03"))
    tiny.origin.script(tiny.path("one", 2020), Behaviour(cut=60), Behaviour(status=503))
    assert validator.deep() == ([("row-order", "one_2020.csv:2", A)], (1, 1, 1, 2, 0))


def test_a_file_that_changes_while_it_comes_is_checked_as_it_is_then(validator, heliodex, tiny):
    """What was found in the version that broke off is void."""
    validator.add("one", {2020: days(2020, 2, 1) * 4000}, **of_day("2020-01-01", "2020-01-03"))
    path = tiny.path("one", 2020)
    changed = (days(2020, 1) + row("2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z", size="0")).encode()
    script = Behaviour(cut=300_000), Behaviour(replace=changed)
    expected = [("size-zero", "one_2020.csv:2", KEY)], 2
    tiny.origin.script(path, *script)
    findings, counts = validator.deep()
    assert (findings, counts[3]) == expected
    tiny.write(path, days(2020, 2, 1) * 4000)
    tiny.origin.restore(path)
    tiny.origin.script(path, *script)
    findings, counts = validate(heliodex, f"{tiny.origin.url}{path}")
    assert (short(findings), counts[3]) == expected


def packed(how, content):
    """The bytes of an index file as mirrors and csv-zip have it."""
    if how == "gz":
        return gzip.compress(content.encode())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one_2020.csv", content)
    return file.getvalue()


def test_packed_index_files(validator, heliodex, tiny, tmp_path):
    content = days(2020, 2, 1)
    expected = [("row-order", "one_2020.csv.{}:2", A)]
    for how, kind in (("zip", "csv-zip"), ("gz", "csv")):
        tiny.entries.clear()
        validator.add("one", {2020: None}, **{**of_day("2020-01-01", "2020-01-03"), "indextype": kind})
        tiny.write(f"{tiny.path('one', 2020)}.{how}", packed(how, content))
        found = [(rule, place.format(how), value) for rule, place, value in expected]
        assert validator.deep() == (found, (1, 1, 1, 2, 0))
        file = tmp_path / f"one_2020.csv.{how}"
        file.write_bytes(packed(how, content))
        findings, counts = validate(heliodex, file)
        assert (short(findings), counts[3]) == (found, 2)
        file.write_bytes(packed(how, content)[:-9])
        findings, counts = validate(heliodex, file, code=1)
        assert short(findings)[-1] == ("unreadable", file.name, None) and counts[4] == 1


def test_datasets_without_time(validator, tiny):
    """Before version 1.0 a dataset may be static: one index file, whose rows are in no year."""
    tiny.extra["version"] = "0.5"
    validator.add("model", {2020: None}, start="static", stop="static")
    tiny.write(f"/{TINY}/i/model_static.csv", f"static,static,{KEY},5\nstatic,static,{KEY}2,0\n")
    assert validator.deep() == ([("size-zero", "model_static.csv:2", f"{KEY}2")], (1, 1, 1, 2, 0))
    alone, _ = validate(validator.program, tiny.folder / TINY / "i" / "model_static.csv", "--severity", "note")
    assert short(alone) == [("size-zero", "model_static.csv:2", f"{KEY}2")]


def test_a_row_without_time_among_those_of_a_year(validator):
    """It is in no year, and says nothing of when the dataset begins and ends."""
    validator.add("one", {2020: f"static,static,{KEY},5\n" + days(2020, 1)}, **of_day("2020-01-01", "2020-01-02"))
    assert validator.deep(code=1) == ([("row-year", "one_2020.csv:1", "static")], (1, 1, 1, 2, 0))


# ---- output and bounds ----


def test_severity_caps_and_formats(validator, heliodex):
    validator.add("one", {2020: row(A, C) + row(B, C) * 30}, **of_day("2020-01-01", "2020-01-03"))
    access = validator.access[:-2]
    done = heliodex("validate", *access, "--deep", "--json").expect(0, "not shown: 1 (--severity note shows all)")
    found = [json.loads(line) for line in done.lines]
    assert [f["count"] for f in found] == [1] * 20 + [9] and found[-1]["line"] is None
    assert "0 errors, 29 warnings, 1 notes" in done.err
    done = heliodex("validate", *access, "--deep", "--json", "--severity", "error").expect(0)
    assert done.out == ""
    for cap, told in ((0, 29), (3, 4), (29, 29), (28, 29)):
        done = heliodex("validate", *access, "--deep", "--json", "--findings", cap).expect(0)
        assert len(done.lines) == told
        assert sum(json.loads(line)["count"] for line in done.lines) == 29
    table = heliodex("validate", *access, "--deep", "--format", "table").expect(0).lines
    assert table[0].split() == ["severity", "rule", "place", "id", "value", "message"]
    assert table[1].split()[:4] == ["warning", "row-twice", "one_2020.csv:3:1", "one"]
    assert heliodex("validate", *access, "--deep", "--format", "csv").out.startswith("severity,rule,place,id,value,message,")
    summary = json.loads(heliodex("validate", *access, "--deep", "--progress", "json").err.splitlines()[-1])
    assert (summary["event"], summary["rows"], summary["warnings"], summary["notes"]) == ("summary", 31, 29, 1)


def test_rules_are_listed(heliodex):
    rules = {rule["rule"]: rule for rule in map(json.loads, heliodex("validate", "--rules", "--json").expect(0).lines)}
    named = [expected[0] for _, expected in CATALOG_FAULTS.values()] + [expected[0] for _, expected in ROW_FAULTS.values()]
    assert set(named) < set(rules) and all(rule["text"] for rule in rules.values())
    assert rules["row-order"]["severity"] == "warning" and rules["dataset-twice"]["severity"] == "error"
    heliodex("validate", "--rules", "x").expect(2)


def test_hostile_documents_are_bounded(heliodex, tmp_path):
    deep = tmp_path / "deep.json"
    deep.write_text('{"catalog":' + "[" * 100_000)
    findings, _ = validate(heliodex, deep, code=1)
    assert [f["rule"] for f in findings] == ["json"]
    many = tmp_path / "many.json"
    many.write_text('{"status":{"code":1200},"catalog":[' + ",\n".join(["{}"] * 20_000) + "]}")
    findings, _ = validate(heliodex, many, "--findings", "2", code=1)
    required = [f for f in findings if f["rule"] == "member-required"]
    assert [f["count"] for f in required] == [1, 1, 99_998]
    findings, _ = validate(heliodex, many, "--findings", "0", "--severity", "error", code=1)
    assert len(findings) == 100_000 and findings[-1]["line"] == 20_000
    names = tmp_path / "names.json"
    names.write_text('{"status":{"code":1200},"catalog":[{' + ",".join(f'"starts{i}":1' for i in range(200_000)) + "}]}")
    validate(heliodex, names, code=1)
    control = tmp_path / "control.json"
    control.write_text('{"status":{"code":1200},"catalog":[{"id":"\\u001b[2J\\u0000"}]}')
    done = heliodex("validate", control, "--format", "table").expect(1)
    assert "\x1b" not in done.out and "\x00" not in done.out
    rows = tmp_path / "one_2020.csv"
    rows.write_text(row(A, B) + "".join(f"x{i},y,z,w\n" for i in range(200_000)))
    findings, _ = validate(heliodex, rows, "--findings", "1", code=1)
    assert [f["count"] for f in findings if f["rule"] == "row"] == [1, 199_999]
    findings, _ = validate(heliodex, rows, "--findings", "0", code=1)
    assert sum(f["count"] for f in findings) == 200_000  # as many as fit one by one


# ---- the generated sample ----


def naive_counts(dataset):
    """Findings of a dataset's rows by rule, one row after the other."""
    counts = collections.Counter()
    for year, rows in dataset.filed.items():
        above = None
        for it in rows:
            counts["row-year"] += year_of(it.start) != year
            counts["row-reversed"] += it.stop is not None and it.stop < it.start
            counts["size-zero"] += it.size == 0
            counts["size-missing"] += it.size is None
            counts["key-url"] += "://" not in it.key
            counts["key-elsewhere"] += "://" in it.key and not it.key.startswith(f"s3://{SAMPLE}/")
            if above:
                same = (it.start, it.stop, it.key) == (above.start, above.stop, above.key)
                counts["row-order"] += it.start < above.start
                counts["row-twice"] += same
                counts["row-overlap"] += (not same and not dataset.multiyear and above.stop is not None
                                          and above.start <= it.start < above.stop)
            above = it
    return counts


class Filed(Dataset):
    """A dataset of the reference that keeps each file's rows in their order."""

    def __init__(self, folder, entry):
        from reference import read_index
        super().__init__(folder, entry)
        self.multiyear = entry.get("multiyear") in (True, "True")
        self.filed = {}
        for path in sorted(folder.rglob(f"{entry['id']}_[0-9][0-9][0-9][0-9].csv")):
            self.filed[int(path.stem[-4:])] = read_index(path.read_bytes())[0]


def test_a_naive_check_of_the_sample_agrees(heliodex, sample):
    findings, counts = validate(heliodex, f"file://{sample}/{SAMPLE}/", "--deep", "--severity", "note", code=1)
    catalog = json.loads((sample / SAMPLE / "catalog.json").read_text())
    found = collections.defaultdict(collections.Counter)
    for finding in findings:
        found[finding["id"]][finding["rule"]] += finding["count"]
    rows = 0
    for entry in catalog["catalog"]:
        dataset = Filed(sample, entry)
        naive = naive_counts(dataset)
        rows += sum(map(len, dataset.filed.values()))
        assert {rule: found[entry["id"]][rule] for rule in naive} == dict(naive), entry["id"]
    assert counts[3] == rows and counts[1] == len(catalog["catalog"]) and counts[4] == 0


def test_what_is_odd_in_the_sample_is_found_and_nothing_else(heliodex, sample):
    findings, _ = validate(heliodex, f"file://{sample}/{SAMPLE}/", "--deep", code=1)
    found = collections.defaultdict(set)
    for finding in findings:
        found[finding["id"]].add(finding["rule"])
    assert dict(found) == {
        "odd_duplicates": {"row-twice", "row-order"}, "odd_unsorted": {"row-order"},
        "odd_filed_early": {"row-year"}, "odd_filed_late": {"row-year"},
        "odd_size_empty": {"size-missing"}, "odd_size_decimal": {"row-mended"},
        "odd_no_stop": {"stop-missing"}, "odd_no_stop_bare": {"stop-missing"},
        "odd_dot_times": {"row-mended"}, "odd_colon_times": {"row-mended"}, "odd_leap_times": {"row-mended"},
        "odd_key_relative": {"key-url"}, "odd_multiyear_word": {"multiyear"},
    }


def test_index_file_that_becomes_a_catalog_while_it_is_read(heliodex, tiny):
    path = f"/{TINY}/i/one_2020.csv"
    tiny.write(path, f"2020-01-01T00:00Z,2020-01-02T00:00Z,{KEY},1\n" * 3000)
    tiny.origin.script(path, None, Behaviour(replace=b'{"version": "1.1", "catalog": 7}'))
    findings, counts = validate(heliodex, tiny.origin.url + path, "--part-size", "64K", code=1)
    assert ("document", "$", "7") in short(findings) and counts[:3] == (1, 0, 0)


def test_all_findings_within_the_memory(heliodex, tmp_path):
    """Every row of each file has one: what the memory is too small for is counted."""
    plain = plain_build()
    if not plain:
        pytest.skip("HDX_BUILD and HDX_VALGRIND_BUILD name no build without sanitizers")
    heliodex.path = plain / "heliodex"
    years, bad = range(2000, 2024), 100000
    tiny = Tiny(tmp_path / "copy")
    tiny.add("one", {year: "x\n" * bad for year in years})
    with open(tmp_path / "out", "wb") as out, open(tmp_path / "err", "wb") as err:
        process = heliodex.start("validate", f"file://{tiny.folder}/{TINY}/", "--deep", "--findings", "0", "--memory", "32M",
                                 "--severity", "error", "--json", stdout=out, stderr=err)
        peak = peak_of(process)
    assert process.returncode == 1 and 8 << 20 < peak < 160 << 20, peak
    findings = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert sum(finding["count"] for finding in findings if finding["rule"] == "row") == bad * len(years)


def test_an_empty_index_file_by_its_path(heliodex, tmp_path):
    (tmp_path / "d_2020.csv").write_bytes(b"")
    done = heliodex("validate", tmp_path / "d_2020.csv", "--severity", "note").expect(0, "1 index files, 0 rows", "1 notes")
    assert len(done.lines) == 2 and "d_2020.csv" in done.lines[1]
