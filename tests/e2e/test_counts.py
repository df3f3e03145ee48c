"""Rows counted by year, month and day equal a naive count; the counts of all datasets are the sums of their parts."""

import concurrent.futures
import csv
import io
import json
import os
import random

import pytest

from conftest import SAMPLE, Program
from reference import ask, counts_csv, summary_csv
from test_index_query import difference
from test_query import arguments_of, question_for

WORKERS = max(2, os.cpu_count() or 2)
SEED = 20240407
UNITS = ("year", "month", "day")


@pytest.fixture(scope="module")
def indexed(build, sample, tmp_path_factory):
    """The function that queries a store which holds the whole sample, read from its folder."""
    program = Program(tmp_path_factory.mktemp("home"))
    bucket = f"file://{sample}/{SAMPLE}/"
    program("index", bucket).expect(0)

    def query(identifiers, *arguments):
        return program("query", bucket, *identifiers, "--offline", "--format", "csv", *arguments)

    return query


def all_of(reference):
    return [reference.dataset(name) for name in sorted(reference.ids, key=str.encode)]


def table(done):
    return list(csv.DictReader(io.StringIO(done.expect(0).out)))


def test_random_counts(indexed, reference):
    """Of the odd ones too: without stops, with duplicates, out of order, filed under a wrong year."""
    chance = random.Random(SEED)
    usable = [identifier for identifier in reference.ids if reference.dataset(identifier).rows]
    odd = [identifier for identifier in usable if identifier.startswith("odd_")]

    def one(question):
        datasets, asked, unit = question
        done = indexed([d.id for d in datasets], *arguments_of(asked), "--count-by", unit)
        problem = f"{done}" if done.code else difference(done.out, counts_csv(datasets, ask(datasets, **asked), unit))
        return problem and f"{[d.id for d in datasets]} {arguments_of(asked)} {unit}: {problem}"

    questions = []
    for number in range(150):
        names = odd[number:number + 1] or chance.sample(chance.choice([usable, odd]), chance.choice([1, 1, 3]))
        datasets = [reference.dataset(name) for name in sorted(names, key=str.encode)]
        asked = question_for(datasets, chance) | {"reverse": False, "limit": None}
        if chance.random() < 0.5:
            asked = {name: asked[name] for name in ("start", "stop", "match")}
        questions.append((datasets, asked, chance.choice(UNITS)))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        problems = list(filter(None, workers.map(one, questions)))
    assert not problems, "\n".join(problems[:5])


@pytest.mark.parametrize("unit", UNITS)
def test_all_datasets(indexed, reference, unit):
    datasets = all_of(reference)
    assert not difference(indexed([], "--count-by", unit).expect(0).out, counts_csv(datasets, ask(datasets), unit))


def test_all_is_the_sum_of_its_parts(indexed, reference):
    """Days add up to months, months to years, years to the summary, and its rows are those that are printed."""
    def sums(rows):
        added = {}
        for row in rows:
            total = added.setdefault(row["id"], [0, 0, 0])
            for i, name in enumerate(("rows", "bytes", "unsized")):
                total[i] += int(row[name])
        return added

    counts = {unit: table(indexed([], "--count-by", unit)) for unit in UNITS}
    summary = table(indexed([], "--summary"))
    wanted = {name: total for name, total in sums(summary).items() if total[0]}
    assert all(sums(rows) == wanted for rows in counts.values())
    assert sum(total[0] for total in wanted.values()) == len(indexed(["*"], "--format", "keys").lines) > 10_000
    datasets = all_of(reference)
    assert not difference(indexed([], "--summary").out, summary_csv(datasets, ask(datasets)))


# ---- a bucket made by hand


def test_edges_of_the_calendar(client, tiny):
    """A row belongs where it starts, to the nanosecond, whatever file it is in and wherever it ends."""
    tiny.add("edges", {2019: """2018-12-31T23:59:59.999999999Z,2019-01-01T00:00:00Z,k/1,1
2019-01-01T00:00:00Z,2019-06-01T00:00:00Z,k/2,
2019-12-31T23:59:59.999999999Z,2020-03-01T00:00:00Z,k/3,4
1969-12-31T23:59:59.999999999Z,1970-01-01T00:00:00Z,k/4,8
2000-02-29T00:00:00Z,2000-03-01T00:00:00Z,k/5,16
1678-01-01T00:00:00Z,1678-01-02T00:00:00Z,k/6,32
2261-12-31T00:00:00Z,9999-01-01T00:00:00Z,k/7,64
"""})
    client.index().expect(0)
    days = client.query("edges", "--offline", "--count-by", "day").expect(0)
    assert days.lines == ["id,day,rows,bytes,unsized", "edges,1678-01-01,1,32,0", "edges,1969-12-31,1,8,0", "edges,2000-02-29,1,16,0",
                          "edges,2018-12-31,1,1,0", "edges,2019-01-01,1,0,1", "edges,2019-12-31,1,4,0", "edges,2261-12-31,1,64,0"]
    assert client.query("edges", "--offline", "--count-by", "year", "--start", "2019", "--stop", "2020").lines == [
        "id,year,rows,bytes,unsized", "edges,2018,1,1,0", "edges,2019,2,4,1"]
    assert client.query("edges", "--offline", "--count-by", "year", "--match", "start", "--start", "2019", "--stop", "2020").lines == [
        "id,year,rows,bytes,unsized", "edges,2019,2,4,1"]


def test_forms(client, tiny):
    tiny.add("one", {2019: "2019-01-31,2019-02-01,k/1,5\n"})
    client.index().expect(0)

    def put(*arguments):
        return client.program("query", client.bucket, *client.access, "--offline", "--count-by", "month", *arguments).expect(0).out

    assert put("--format", "tsv") == "id\tmonth\trows\tbytes\tunsized\none\t2019-01\t1\t5\t0\n"
    assert json.loads(put("--json")) == {"id": "one", "month": "2019-01", "rows": 1, "bytes": 5, "unsized": 0}
    assert json.loads(put("--format", "json")) == [{"id": "one", "month": "2019-01", "rows": 1, "bytes": 5, "unsized": 0}]
    assert put("--format", "table").split() == ["id", "month", "rows", "bytes", "unsized", "one", "2019-01", "1", "5", "B", "0"]


def test_nothing_to_count(client, tiny):
    tiny.add("one", {2019: 4})
    client.index().expect(0)
    done = client.query("one", "--offline", "--count-by", "day", "--start", "2019-12-31T23:59").expect(0, "warning", "no row")
    assert done.lines == ["id,day,rows,bytes,unsized"]
    client.query("one", "--offline", "--count-by", "day", "--start", "2019-12-31T23:59", "--error-on-empty").expect(9)
    done = client.query("x*", "--count-by", "year").expect(0, "no dataset matches")
    assert done.lines == ["id,year,rows,bytes,unsized"]
    client.program("query", client.bucket, *client.access).expect(2, "needs an ID")
    client.query("one", "--count-by", "year", "--limit", "1").expect(2, "--count-by")


def test_datasets_that_are_not_held(client, tiny):
    """They are fetched; offline they are told, and the others answered."""
    tiny.add("held", {2019: 5})
    tiny.add("other", {2019: 7})
    client.index("held").expect(0)

    def count(*arguments):
        return client.program("query", client.bucket, *client.access, "--format", "csv", "--count-by", "year", *arguments)

    done = count("--offline").expect(1, "other", "nothing is held of it", "1 of 2 datasets")
    assert [line.split(",")[:3] for line in done.lines[1:]] == [["held", "2019", "5"]]
    done = count().expect(0)
    assert [line.split(",")[:3] for line in done.lines[1:]] == [["held", "2019", "5"], ["other", "2019", "7"]]
    assert count("--offline").expect(0).out == done.out


def test_a_dataset_that_fails_is_told(client, tiny):
    for name in ("good", "bad"):
        tiny.add(name, {2019: 5})
    client.index().expect(0)
    snapshot, = client.program.store.rglob("bad.hdx")
    content = bytearray(snapshot.read_bytes())
    content[-60] ^= 0xff
    snapshot.write_bytes(content)
    done = client.program("query", client.bucket, *client.access, "--offline", "--format", "csv", "--count-by", "year")
    done.expect(1, "bad", "1 of 2 datasets")
    assert [line.split(",")[0] for line in done.lines[1:]] == ["good"]
