"""One small bucket for each peculiarity of published catalogs and index files: tests/corpus/buckets/NAME.

    bucket/         what the bucket s3://corpus/ holds
    expected.json   about      what is peculiar
                    arguments  further arguments of every run
                    exit       of `index`
                    warnings   as many lines as standard error has warnings, each holding one of these texts
                    errors     texts that standard error tells
                    queries    id, arguments, and the rows that are printed, header first; those without arguments and of
                               datasets that have no type of their own are asked of the naive reference too
                    bad_rows   LINE:COLUMN of every bad row, as the report has them
                    forms      what the index files look like, by id and year
                    states     of index files, by id and year
                    types      of extra columns, by id
                    duplicates, out_of_order   of set's only index file
                    info       texts that `info ID` tells

The files and what is expected of them were written by hand from the specification and from what archives really publish;
the reference (reference.py) reads them by Python's csv, zipfile and gzip.
"""

import json
import shutil
from pathlib import Path

import pytest

from origin import Origin
from reference import Bucket

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "buckets"
CASES = sorted(path.name for path in CORPUS.iterdir())


class Case:
    def __init__(self, name, program, folder):
        self.expected = json.loads((CORPUS / name / "expected.json").read_text())
        self.program, self.folder = program, folder
        shutil.copytree(CORPUS / name / "bucket", folder / "corpus")
        self.origin = Origin(folder)

    def run(self, verb, *arguments):
        return self.program(verb, "s3://corpus/", *arguments, "--endpoint-url", self.origin.url, *self.expected.get("arguments", []))

    def info(self, identifier):
        return json.loads(self.run("info", identifier, "--json", "--offline").expect(0).out)

    def files(self, identifier):
        return {str(file["year"] or "static"): file for file in self.info(identifier)["snapshot"]["index_files"]}


@pytest.fixture(params=CASES)
def case(request, heliodex, tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    it = Case(request.param, heliodex, folder)
    with it.origin:
        yield it


def test_23_24_25_26_27_case(case, tmp_path):
    expected, report = case.expected, tmp_path / "report"
    done = case.run("index", "--report", report).expect(expected["exit"], *expected.get("errors", []))
    check_warnings(done, expected["warnings"])
    assert bad_rows(report) == expected.get("bad_rows", [])
    for query in expected["queries"]:
        check_query(case, query)
    check_files(case, expected)


def check_warnings(done, texts):
    lines = [line for line in done.err.splitlines() if "warning" in line]
    for text in texts:
        assert any(text in line for line in lines), f"{done}\nexpected a warning of: {text}"
    others = [line for line in lines if not any(text in line for text in texts)]
    assert not others, f"{done}\nwarnings that nobody expects"


def bad_rows(report):
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    return [f"{line['line']}:{line['column']}" for line in lines if line.get("kind") == "bad row"]


def check_query(case, query):
    asked = case.origin.requests()
    done = case.run("query", query["id"], "--offline", "--format", "csv", *query.get("arguments", [])).expect(0)
    assert done.lines == query["rows"], done
    assert len(case.origin.requests()) == len(asked), "what is held is answered without a request"
    if not query.get("arguments"):
        name = case.expected.get("arguments", [None, "catalog.json"])[1]
        dataset = Bucket(case.folder, "corpus", name).dataset(query["id"])
        assert dataset.csv(dataset.answer()).splitlines() == query["rows"], "the reference has other rows"


def check_files(case, expected):
    for identifier, forms in expected.get("forms", {}).items():
        files = case.files(identifier)
        assert {year: files[year]["form"] for year in forms} == forms
    for identifier, states in expected.get("states", {}).items():
        assert {year: file["state"] for year, file in case.files(identifier).items()} == states
    for identifier, types in expected.get("types", {}).items():
        columns = {column["name"]: column["type"] for column in case.info(identifier)["snapshot"]["parameters"]}
        assert columns == types
    for name in ("duplicates", "out_of_order"):
        if name in expected:
            file, = case.files("set").values()
            assert file[name] == expected[name]
    for identifier, texts in expected.get("info", {}).items():
        done = case.run("info", identifier, "--offline").expect(0)
        for text in texts:
            assert text in done.out, done
