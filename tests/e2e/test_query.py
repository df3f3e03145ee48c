"""What a query may ask besides a range, against the naive reference: filters, versions, the opposite order, several
datasets, sums, and lists of files for other tools.
"""

import concurrent.futures
import csv
import io
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import urllib.parse

import pytest

from conftest import SAMPLE, TINY, Program
from reference import SECOND, ask, base_name, merged_csv, summary_csv, time_ns, time_text
from test_index_query import difference, ranges_of

WORKERS = max(2, os.cpu_count() or 2)
SEED = 20240301
COMBINATIONS = 420


@pytest.fixture(scope="module")
def indexed(build, sample, tmp_path_factory):
    """The function that queries a store which holds the whole sample, read from its folder."""
    program = Program(tmp_path_factory.mktemp("home"))
    bucket = f"file://{sample}/{SAMPLE}/"
    program("index", bucket).expect(0)

    def query(identifiers, *arguments, **options):
        return program("query", bucket, *identifiers, "--offline", *arguments, **options)

    query.program, query.bucket = program, bucket
    return query


def arguments_of(question):
    """A question of the reference as options."""
    told = []
    for name, value in question.items():
        option = "--" + name.replace("_", "-")
        if name in ("start", "stop"):
            told += [] if value is None else [option, time_text(value, 9)]
        elif isinstance(value, bool):
            told += [option] if value else []
        elif isinstance(value, (list, tuple)):
            told += [f"{option}={item}" for item in value]
        elif value is not None:
            told += [option, value]
    return told


def glob_from(key, chance):
    """A pattern that matches the key and some others."""
    name = base_name(key)
    kind = chance.randrange(5)
    if kind == 0:
        return "*" + name[-chance.randint(1, 12):]
    if kind == 1:
        return name[:chance.randint(1, len(name))] + "*"
    if kind == 2:
        return key[:key.rfind("/") + 1] + "*"
    if kind == 3:
        at = chance.randrange(len(name))
        return name[:at] + "?" + name[at + 1:]
    return f"*[{chance.choice(name)}{chance.choice('0123456789')}]*"


def plain(text):
    return not re.search(r"[][*?\\\x00-\x1f\x7f-\U0010ffff]", text)


def question_for(datasets, chance):
    rows = [row for dataset in datasets for row in dataset.rows]
    start, stop, match = next(iter(ranges_of(chance.choice(datasets), 1, chance)))
    question = {"start": start, "stop": stop, "match": match}
    if chance.random() < 0.5:
        question["start"] = question["stop"] = None
    keys = [row.key for row in chance.sample(rows, min(len(rows), 3)) if plain(row.key) and base_name(row.key)]
    if keys and chance.random() < 0.5:
        question["key"] = [glob_from(key, chance) for key in keys[:chance.randint(1, 2)]]
    if keys and chance.random() < 0.2:
        question["key_exclude"] = [glob_from(keys[-1], chance)]
    sizes = sorted(row.size for row in rows if row.size is not None)
    if sizes and chance.random() < 0.4:
        low, high = sorted((chance.choice(sizes), chance.choice(sizes)))
        question |= chance.choice([{"min_size": low}, {"max_size": high}, {"min_size": low, "max_size": high}])
    columns = sorted({name for dataset in datasets for name in dataset.extra_names})
    if columns and chance.random() < 0.7:
        name = chance.choice(columns)
        value = chance.choice(rows).extras.get(name, "")
        if plain(value) and plain(name) and not re.search("[=!<>]|^ | $", name) and not re.match("[=!<> ]", value):
            question["where"] = [f"{name}{chance.choice(['=', '!=', '<', '<=', '>', '>='])}{value}"]
    question["reverse"] = chance.random() < 0.4
    question["latest_version"] = chance.random() < 0.2
    if chance.random() < 0.4:
        question["limit"] = chance.choice([1, 2, 7, 100, 5000])
    return question


def check(query, datasets, question, several):
    """(how many rows, what is wrong)"""
    told = arguments_of(question)
    names = [dataset.id for dataset in datasets]
    rows = ask(datasets, **question)
    wanted = merged_csv(datasets, rows) if several else datasets[0].csv([row for _, row in rows])
    done = query(names, *told, "--format", "csv")
    if done.code != 0:
        return 0, f"{done}"
    problem = difference(done.out, wanted)
    return len(rows), problem and f"query {' '.join(names)} {' '.join(map(shlex.quote, map(str, told)))}: {problem}"


def test_p7_random_questions(indexed, reference):
    chance = random.Random(SEED)
    usable = [identifier for identifier in reference.ids if reference.dataset(identifier).rows]
    extra = [identifier for identifier in usable if reference.dataset(identifier).extra_names]
    odd = [identifier for identifier in usable if identifier.startswith("odd_")]
    questions = []
    for number in range(COMBINATIONS):
        several = number % 3 == 0
        pool = chance.choice([usable, extra or usable, odd])
        names = chance.sample(pool, min(len(pool), chance.randint(2, 5))) if several else [chance.choice(pool)]
        datasets = [reference.dataset(name) for name in sorted(names, key=str.encode)]
        questions.append((datasets, question_for(datasets, chance), len(names) > 1))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        answers = list(workers.map(lambda q: check(indexed, *q), questions))
    problems = [problem for _, problem in answers if problem]
    assert not problems, "\n".join(problems[:5])
    assert sum(count > 0 for count, _ in answers) > len(questions) / 3  # the questions are worth asking


def test_p7_random_sums(indexed, reference):
    chance = random.Random(SEED + 1)
    usable = [identifier for identifier in reference.ids if reference.dataset(identifier).rows]

    def one(question):
        datasets, asked = question
        done = indexed([d.id for d in datasets], *arguments_of(asked), "--summary", "--format", "csv")
        wanted = summary_csv(datasets, ask(datasets, **asked))
        problem = f"{done}" if done.code else difference(done.out, wanted)
        return problem and f"{[d.id for d in datasets]} {arguments_of(asked)}: {problem}"

    questions = []
    for _ in range(150):
        datasets = [reference.dataset(name) for name in sorted(chance.sample(usable, chance.choice([1, 1, 3])), key=str.encode)]
        asked = question_for(datasets, chance)
        asked.pop("limit", None)
        asked["reverse"] = False
        if chance.random() < 0.7:
            asked = {name: asked[name] for name in ("start", "stop", "match")}
        questions.append((datasets, asked))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        problems = list(filter(None, workers.map(one, questions)))
    assert not problems, "\n".join(problems[:5])


def test_everything_backwards(indexed, reference):
    def one(identifier):
        dataset = reference.dataset(identifier)
        forwards = [row for _, row in ask([dataset])]
        done = indexed([identifier], "--reverse", "--format", "csv")
        problem = f"{done}" if done.code else difference(done.out, dataset.csv(forwards[::-1]))
        return problem and f"{identifier}: {problem}"

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        assert not list(filter(None, workers.map(one, reference.ids)))


def test_all_datasets_in_one_order(indexed, reference):
    datasets = [reference.dataset(name) for name in sorted(reference.ids, key=str.encode)]
    wanted = merged_csv(datasets, ask(datasets))
    assert not difference(indexed(["*"], "--format", "csv").expect(0).out, wanted)
    # With little memory not all datasets can be open at once: they are read in portions.
    assert not difference(indexed(["*"], "--format", "csv", "--memory", "16M").expect(0).out, wanted)
    backwards = merged_csv(datasets, ask(datasets, reverse=True))
    assert not difference(indexed(["*"], "--format", "csv", "--reverse", "--memory", "16M").expect(0).out, backwards)
    some = {"key": ["*[13579].*"], "min_size": 1000, "latest_version": True}
    wanted = merged_csv(datasets, ask(datasets, **some))
    assert not difference(indexed(["*"], "--format", "csv", "--memory", "16M", *arguments_of(some)).expect(0).out, wanted)


# ---- a bucket made by hand

VERSIONED = """
2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://b/d/a_20190101_v06.cdf,10,0094,x
2019-01-01T00:00:00Z,2019-01-01T00:30:00Z,s3://b/d/a_20190101_v10.cdf,11,94.0,y
2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://b/d/a_20190101_V9.cdf,,193,x
2019-01-02T00:00:00Z,2019-01-02T01:00:00Z,s3://b/d/a_20190102_v7.1.1.cdf,12,-5,
2019-01-02T00:00:00Z,2019-01-02T01:00:00Z,s3://b/d/a_20190102_v7.1.10.cdf,13,abc,z
2019-01-02T00:00:00Z,2019-01-02T01:00:00Z,s3://b/d/a_20190102_v7.1.9.cdf,14,,z
2019-01-03T00:00:00Z,2019-01-03T01:00:00Z,s3://b/d/a_v2_20190103.cdf,15,100,
2019-01-03T00:00:00Z,2019-01-03T01:00:00Z,s3://b/d/a_v2_20190104.cdf,16,1e3,
2019-01-04T00:00:00Z,2019-01-04T01:00:00Z,s3://b/v1/plain.cdf,17,00,
2019-01-04T00:00:00Z,2019-01-04T01:00:00Z,s3://b/v2/plain.cdf,18,0,
2019-01-05T00:00:00Z,2019-01-05T01:00:00Z,s3://b/d/a_20190105_v06.cdf,10,0094,x
2019-01-05T00:00:00Z,2019-01-05T01:00:00Z,s3://b/d/a_20190105_v06.0.cdf,10,0094,x
2019-01-06T00:00:00Z,2019-01-06T01:00:00Z,s3://b/d/c_v1.cdf,30,1,x
2019-01-06T00:00:00.001Z,2019-01-06T01:00:00Z,s3://b/d/c_v2.cdf,31,1,x
2019-01-07T00:00:00Z,2019-01-08T00:00:00Z,s3://b/d/q_v1.001.fits,32,1,x
2019-01-07T00:00:00Z,2019-01-08T00:00:00Z,s3://b/d/q_v1.002.fits,33,1,x
2019-01-07T00:00:00Z,2019-01-08T00:00:00Z,s3://b/d/r_v01_12.cdf,34,1,x
2019-01-07T00:00:00Z,2019-01-08T00:00:00Z,s3://b/d/r_v01_13.cdf,35,1,x
"""
HEADER = "# start, stop, datakey, filesize, band, kind\n"


@pytest.fixture
def versions(client, tiny):
    tiny.add("versions", {2019: HEADER + VERSIONED.strip() + "\n"})
    client.index().expect(0)
    return client


def kept(done):
    return [line.split(",")[2] for line in done.expect(0).lines[1:]]


def test_latest_version(versions, tiny):
    dataset = tiny.reference().dataset("versions")
    done = versions.query("versions", "--offline", "--latest-version", "-v").expect(0, "5 older versions")
    got = kept(done)
    assert got == [row.key for _, row in ask([dataset], latest_version=True)]
    # What starts later is another file, and what follows a version numbers the parts of a file.
    assert [base_name(key) for key in got] == [
        "a_20190101_v10.cdf", "a_20190102_v7.1.10.cdf", "a_v2_20190103.cdf", "a_v2_20190104.cdf", "plain.cdf", "a_20190105_v06.0.cdf",
        "a_20190105_v06.cdf", "c_v1.cdf", "c_v2.cdf", "q_v1.001.fits", "q_v1.002.fits", "r_v01_12.cdf", "r_v01_13.cdf"]
    assert kept(versions.query("versions", "--offline", "--latest-version", "--reverse")) == got[::-1]
    # After the other conditions: what they leave out is not the latest of anything.
    got = kept(versions.query("versions", "--offline", "--latest-version", "--max-size", "12"))
    assert [base_name(key) for key in got] == ["a_20190101_v10.cdf", "a_20190102_v7.1.1.cdf", "a_20190105_v06.0.cdf", "a_20190105_v06.cdf"]


def test_versions_are_those_of_a_dataset(client, tiny):
    """Of rows of several datasets too, and wherever a batch ends."""
    chance = random.Random(SEED)
    for name in ("one", "two", "three"):
        tiny.add(name, {2019: "".join(
            f"{time_text(time_ns('2019-01-01') + i // 4 * SECOND, 0)},2019-02-01,s3://b/{chance.randrange(2)}_v{i * 5 % 12}.cdf,{i}\n"
            for i in range(9000))})
    client.index().expect(0)
    datasets = [tiny.reference().dataset(name) for name in ("one", "three", "two")]
    for asked in ({"latest_version": True}, {"latest_version": True, "reverse": True}):
        for some in (datasets[:1], datasets):
            rows = ask(some, **asked)
            done = client.program("query", client.bucket, *[d.id for d in some], *client.access, "--offline", "--format", "csv", *arguments_of(asked))
            assert not difference(done.expect(0).out, merged_csv(some, rows) if len(some) > 1 else some[0].csv([row for _, row in rows]))
            assert len(rows) < sum(len(d.rows) for d in some) * 0.6


@pytest.mark.parametrize("condition", ["band=94", "band=0094", "band!=94", "band<94", "band<=94.00", "band>99", "band>=abc", "band=",
                                       "band!=", "band>1e3", "band=-5.0", "kind=x", "kind>x", "band=0", "band<"])
def test_conditions(versions, tiny, condition):
    dataset = tiny.reference().dataset("versions")
    got = kept(versions.query("versions", "--offline", "--where", condition))
    assert got == [row.key for _, row in ask([dataset], where=[condition])]


def test_unknown_column_and_bad_conditions(versions):
    versions.query("versions", "--offline", "--where", "bands=94").expect(2, "bands", "band, kind")
    versions.query("versions", "--offline", "--where", "band").expect(2, "COLUMN=VALUE")
    versions.query("versions", "--offline", "--where", "=94").expect(2, "COLUMN=VALUE")
    for condition in ("band<>94", "band==94", "band=<94", "band=>94"):
        versions.query("versions", "--offline", "--where", condition).expect(2, "no operator")
    assert kept(versions.query("versions", "--offline", "--where", "band = 94")) == kept(versions.query("versions", "--offline", "--where", "band=94"))
    versions.query("versions", "--offline", "--min-size", "2K", "--max-size", "1K").expect(2, "--max-size")
    versions.query("versions", "--offline", "--summary", "--limit", "1").expect(2, "--summary")


def test_too_many_versions_for_the_memory(client, tiny):
    """Rows of one instant; of others as many as there are."""
    line = "2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://b/{0}_v1.cdf,1\n"
    tiny.add("many", {2019: "".join(line.format(i) for i in range(400_000))})
    client.index().expect(0)
    client.query("many", "--offline", "--latest-version", "--memory", "16M", "--limit", "1").expect(8, "--memory")
    client.query("many", "--offline", "--latest-version", "--memory", "128M", "--limit", "1").expect(0)
    tiny.add("later", {2019: "".join(line.format(i).replace("01-01T00:00:00Z", time_text(time_ns("2019-01-01") + i * SECOND, 0)[5:], 1)
                                     for i in range(400_000))})
    client.index().expect(0)
    client.query("later", "--offline", "--latest-version", "--memory", "16M", "--limit", "1").expect(0)


def test_one_instant_backwards(client, tiny):
    """More rows of one instant than a window takes: they can only be turned around together."""
    line = "2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://b/{0:07}.cdf,1\n"
    tiny.add("one", {2019: "".join(line.format(i) for i in range(150_000))})
    client.index().expect(0)
    got = kept(client.query("one", "--offline", "--reverse"))
    assert got == [f"s3://b/{i:07}.cdf" for i in range(149_999, -1, -1)]


def test_windows_are_cut_by_the_memory(client, tiny):
    """Long keys: fewer rows than are turned around at once take more than there is."""
    chance = random.Random(SEED)
    for name in ("one", "two"):
        tiny.add(name, {2019: "".join(
            f"{time_text(time_ns('2019-01-01') + i // 3 * SECOND, 0)},2019-02-01,s3://b/{chance.randbytes(800).hex()},{i}\n" for i in range(12_000))})
    line = "2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://b/" + "x" * 900 + "{0:07}.cdf,1\n"
    tiny.add("same", {2019: "".join(line.format(i) for i in range(20_000))})
    client.index().expect(0)
    datasets = [tiny.reference().dataset(name) for name in ("one", "two")]
    for memory in ("16M", "256M"):
        for some in (datasets[:1], datasets):
            rows = ask(some, reverse=True)
            done = client.program("query", client.bucket, *[d.id for d in some], *client.access, "--offline", "--format", "csv", "--reverse",
                                  "--memory", memory)
            assert not difference(done.expect(0).out, merged_csv(some, rows) if len(some) > 1 else some[0].csv([row for _, row in rows]))
    client.query("same", "--offline", "--reverse", "--memory", "16M").expect(8, "same instant", "--memory")
    client.query("same", "--offline", "--reverse", "--memory", "64M").expect(0)


def test_more_rows_than_a_window_backwards(client, tiny):
    """Twelve years' files that all have rows of the same year: many blocks that span nearly all of it."""
    chance = random.Random(SEED)
    years = {}
    for year in range(2010, 2022):
        times = sorted(time_ns("2010-01-01") + chance.randrange(300 * 86400) * SECOND for _ in range(9000))
        years[year] = "".join(f"{time_text(t, 0)},{time_text(t + 60 * SECOND, 0)},s3://b/{year}/{i:05}.cdf,{i}\n" for i, t in enumerate(times))
    tiny.add("late", years)
    client.index().expect(0)
    dataset = tiny.reference().dataset("late")
    assert len(dataset.rows) == 108_000
    assert not difference(client.query("late", "--offline", "--reverse").expect(0).out,
                          dataset.csv([row for _, row in ask([dataset], reverse=True)]))


# ---- several datasets


def test_ids_and_patterns(client, tiny):
    for name in ("a_one", "a_two", "b_one"):
        tiny.add(name, {2019: 5})
    client.index().expect(0)
    datasets = [tiny.reference().dataset(name) for name in ("a_one", "a_two", "b_one")]

    def ids(*operands, code=0):
        done = client.program("query", client.bucket, *operands, *client.access, "--offline", "--format", "csv").expect(code)
        assert done.lines[0].split(",")[0] == "id"
        return {line.split(",")[0] for line in done.lines[1:]}

    assert ids("a_*") == {"a_one", "a_two"}
    assert ids("a_one", "b_one", "a_one") == {"a_one", "b_one"}
    assert ids("B_ONE", "a_t*", "b_one") == {"a_two", "b_one"}
    assert ids("a_o*") == {"a_one"}  # the columns follow from the question
    everything = client.program("query", client.bucket, "*", *client.access, "--offline", "--format", "csv").expect(0)
    assert everything.out == merged_csv(datasets, ask(datasets))
    run = [client.program, "query", client.bucket]
    client.program("query", client.bucket, "nothing*", *client.access).expect(0, "warning", "no dataset matches")
    client.program("query", client.bucket, "nothing*", "--error-on-empty", *client.access).expect(9)
    assert json.loads(client.program("query", client.bucket, "nothing*", "--format", "json", *client.access).expect(0).out) == []
    done = client.program("query", client.bucket, "a_*", "nothing*", "--format", "csv", *client.access).expect(0, "no dataset matches nothing*")
    assert len(done.lines) == 11
    client.program("query", client.bucket, "a_*", "nothing*", "--error-on-empty", *client.access).expect(9)
    done = client.program("query", client.bucket, "a_one", "a_onf", *client.access).expect(3, "a_onf")
    assert done.out == "" and run


def test_what_is_missing_is_fetched_in_one_run(client, tiny):
    for number in range(12):
        tiny.add(f"set_{number:02}", {2018: 3, 2019: 3})
    tiny.origin.delay = 0
    done = client.program("query", client.bucket, "set_*", *client.access, "--format", "csv").expect(0)
    datasets = [tiny.reference().dataset(f"set_{number:02}") for number in range(12)]
    assert done.out == merged_csv(datasets, ask(datasets))
    asked = len(tiny.origin.requests())
    assert client.program("query", client.bucket, "set_*", *client.access, "--format", "csv").expect(0).out == done.out
    assert len(tiny.origin.requests()) == asked


def test_a_dataset_that_fails_is_told(client, tiny):
    for name in ("good", "bad"):
        tiny.add(name, {2019: 5})
    client.index().expect(0)
    snapshot, = client.program.store.rglob("bad.hdx")
    content = bytearray(snapshot.read_bytes())
    content[-60] ^= 0xff
    snapshot.write_bytes(content)
    done = client.program("query", client.bucket, "good", "bad", *client.access, "--offline", "--format", "csv")
    done.expect(1, "bad", "1 of 2 datasets")
    assert {line.split(",")[0] for line in done.lines[1:]} == {"good"}
    client.program("query", client.bucket, "ba*", "bad", *client.access, "--offline").expect(7, "bad")


def test_a_column_of_a_dataset_that_fails_is_not_said_to_be_missing(client, tiny):
    tiny.add("plain", {2020: 3})
    tiny.add("more", {2020: f"start,stop,datakey,filesize,kind\n2020-01-01T00:00Z,2020-01-02T00:00Z,s3://{TINY}/a,1,x\n"})
    client.index().expect(0)
    snapshot, = client.program.store.rglob("more.hdx")
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    question = ["query", client.bucket, "plain", "more", *client.access, "--offline", "--where"]
    done = client.program(*question, "kind=x").expect(7, "more", "snapshot")
    assert "no extra column" not in done.err
    snapshot.unlink()
    client.program("query", client.bucket, "plain", *client.access, "--offline", "--where", "kind=x").expect(2, "kind")


def test_columns_of_all(client, tiny):
    tiny.add("one", {2019: HEADER + "2019-01-01,2019-01-02,s3://b/1,1,7,x\n"})
    tiny.add("two", {2019: "# start, stop, datakey, filesize, kind, age\n2019-01-01T12,2019-01-02,s3://b/2,2,y,8\n"})
    tiny.add("bare", {2019: "2019-01-03T12:00:00.5Z,2019-01-04T00:00:00Z,s3://b/3,\n"})
    client.index().expect(0)
    done = client.program("query", client.bucket, "*", *client.access, "--offline", "--format", "csv").expect(0)
    assert list(csv.DictReader(io.StringIO(done.out)))[2] == {
        "id": "bare", "start": "2019-01-03T12:00:00.500Z", "stop": "2019-01-04T00:00:00.000Z", "datakey": "s3://b/3", "filesize": "",
        "age": "", "band": "", "kind": ""}
    done = client.program("query", client.bucket, "*", *client.access, "--offline", "--format", "json", "--where", "kind!=").expect(0)
    assert [(row["id"], row["kind"], row["age"]) for row in json.loads(done.out)] == [("one", "x", None), ("two", "y", "8")]


# ---- lists for other tools

HOSTILE = ["../../etc/passwd", "a/../../b", "/etc/passwd", "a/./b", "a/..", "..", "a\\..\\..\\b", "folder/"]
ODD_BUT_GOOD = ["it's here.cdf", "a b/c d.cdf", "100%.cdf", "-rf", "s3://other/x.cdf", "st*r?[1].cdf", "ä/ö.cdf", "#x.cdf", "a//b.cdf",
                "a%20b+c&d=e.cdf", "$(x);`y`.cdf", "back\\slash.cdf", "~/{x,y}.cdf", "a:b,c;d.cdf"]


@pytest.fixture
def odd_keys(client, tiny):
    lines = [f'2019-01-01T00:{i:02}:00Z,2019-01-01T01:00:00Z,"s3://{TINY}/{key}",{i}\n' for i, key in enumerate(HOSTILE + ODD_BUT_GOOD)]
    tiny.add("keys", {2019: "".join(lines)})
    tiny.add("plain", {2019: 4})
    tiny.add("second", {2019: "2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://other-bucket/k.cdf,1\n"})
    client.index().expect(0)
    return client


def listed(client, identifier, form, *arguments):
    return client.program("query", client.bucket, identifier, *client.access, "--offline", "--format", form, *arguments)


def inside(path):
    """A destination that stays below the folder that the tool is started in."""
    return not path.startswith(("/", "-")) and ".." not in re.split(r"[/\\]", path) and "://" not in path and path


def test_s5cmd(odd_keys):
    done = listed(odd_keys, "keys", "s5cmd").expect(1, "left out", "etc/passwd", "for a url")
    commands = [shlex.split(line) for line in done.lines]
    good = [key for key in ODD_BUT_GOOD if "://" not in key]
    assert [command[-2] for command in commands] == [f"s3://{TINY}/{key}" for key in good]
    assert all(command[0] == "cp" and inside(command[-1]) for command in commands)
    assert [os.path.normpath(command[-1]) for command in commands] == [os.path.normpath("./" + key) for key in good]
    assert ["--raw" in command for command in commands] == ["*" in key for key in good]
    plain = listed(odd_keys, "plain", "s5cmd").expect(0).lines
    assert plain[0] == f"cp 's3://{TINY}/data/plain/2019/000000.cdf' 'data/plain/2019/000000.cdf'"


def test_aria2(odd_keys):
    done = listed(odd_keys, "keys", "aria2").expect(1, "left out")
    urls, outs = done.lines[::2], done.lines[1::2]
    assert [out.removeprefix("  out=") for out in outs] == ODD_BUT_GOOD
    prefix = f"{odd_keys.tiny.origin.url}/{TINY}/"
    assert [urllib.parse.unquote(url.removeprefix(prefix)) for url in urls] == ODD_BUT_GOOD
    assert not any(set(" \t#?*") & set(url) for url in urls)


def test_rclone(odd_keys):
    done = listed(odd_keys, "keys", "rclone").expect(1, "left out", "comment")
    assert done.lines == [key for key in ODD_BUT_GOOD if not key.startswith("#")]
    done = odd_keys.program("query", odd_keys.bucket, "plain", "second", *odd_keys.access, "--offline", "--format", "rclone",
                            "-o", odd_keys.program.home / "list")
    done.expect(1, "other-bucket", "1 of 5 rows are left out")
    lines = (odd_keys.program.home / "list").read_text().splitlines()
    assert len(lines) == 4 and all(line.startswith("data/plain/") for line in lines)


def fetched(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def odd_files(odd_keys):
    """The files of the keys that may be listed, and where they belong: {path: content}. (A file system knows no empty folders.)"""
    for key in ODD_BUT_GOOD:
        odd_keys.tiny.write(f"/{TINY}/{key}", f"this is {key}")
    return {os.path.normpath(key): f"this is {key}" for key in ODD_BUT_GOOD}


@pytest.mark.skipif(not shutil.which("s5cmd"), reason="no s5cmd: Debian has none")
def test_s5cmd_fetches_what_is_listed(odd_keys, odd_files, tmp_path):
    listed(odd_keys, "keys", "s5cmd", "-o", tmp_path / "list").expect(1, "left out")
    odd_keys.tiny.origin.put(f"/{TINY}", b"")  # s5cmd asks for the bucket's region first
    (tmp_path / "into").mkdir()
    done = subprocess.run(["s5cmd", "--no-sign-request", "--endpoint-url", odd_keys.tiny.origin.url, "run", tmp_path / "list"],
                          cwd=tmp_path / "into", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert fetched(tmp_path / "into") == {path: text for path, text in odd_files.items() if "s3:" not in path}


def test_aria2_fetches_what_is_listed(odd_keys, odd_files, tmp_path):
    listed(odd_keys, "keys", "aria2", "-o", tmp_path / "list").expect(1, "left out")
    done = subprocess.run(["aria2c", "--no-conf", "-q", "-i", tmp_path / "list", "-d", tmp_path / "into"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert fetched(tmp_path / "into") == odd_files


def test_rclone_fetches_what_is_listed(odd_keys, odd_files, tmp_path):
    listed(odd_keys, "keys", "rclone", "-o", tmp_path / "list").expect(1, "left out")
    done = subprocess.run(["rclone", "copy", "--config", "/dev/null", "--no-traverse", "--files-from", tmp_path / "list", "--http-url",
                           f"{odd_keys.tiny.origin.url}/{TINY}/", ":http:", tmp_path / "into"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert fetched(tmp_path / "into") == {path: text for path, text in odd_files.items() if not path.startswith("#")}


def test_urls(odd_keys):
    done = listed(odd_keys, "keys", "urls").expect(1, "left out")
    prefix = f"{odd_keys.tiny.origin.url}/{TINY}/"
    good = [key for key in HOSTILE if not {".", ".."} & set(key.split("/"))] + ODD_BUT_GOOD
    assert [urllib.parse.unquote(url.removeprefix(prefix)) for url in done.lines] == good
    done = listed(odd_keys, "keys", "urls", "--url-style", "s3").expect(1, "left out")
    assert done.lines == [f"s3://{TINY}/{key}" for key in good]  # the same rows
    done = listed(odd_keys, "keys", "urls", "--url-style", "s3", "-0").expect(1)
    assert done.out.split("\0")[:-1] == [f"s3://{TINY}/{key}" for key in good]
    listed(odd_keys, "plain", "s5cmd", "-0").expect(2, "--null")
    listed(odd_keys, "plain", "aria2", "--url-style", "s3").expect(2, "--url-style")
    odd_keys.program("datasets", odd_keys.bucket, *odd_keys.access, "--format", "urls").expect(2, "query")


def test_urls_at_aws(indexed, reference, sample, heliodex):
    """Virtual hosts, without asking anyone: the snapshot of a bucket that is held under its real name."""
    url = f"s3://{SAMPLE}/"
    heliodex("index", url, "aia_0094", "--map", f"{url}=file://{sample}/{SAMPLE}/").expect(0)
    done = heliodex("query", url, "aia_0094", "--offline", "--limit", "1", "--format", "urls", "--region", "us-west-2").expect(0)
    key = reference.dataset("aia_0094").rows[0].key
    assert done.lines == [key.replace(url, f"https://{SAMPLE}.s3.us-west-2.amazonaws.com/")]


def test_38_lines_cannot_be_injected(client, tiny):
    """The scanner takes no newline into a key today; what it takes is not to break a line."""
    key = "a\tb\x7fc\x1b.cdf"
    tiny.add("keys", {2019: f"2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://{TINY}/{key},1\n"})
    client.index().expect(0)
    for form in ("s5cmd", "aria2", "rclone"):
        assert listed(client, "keys", form).expect(7, "control characters").out == ""


def test_38_a_key_that_is_too_long_is_left_out_alone(client, tiny):
    keys = [f"s3://{TINY}/a.cdf", f"s3://{TINY}/" + "b" * 40000, f"s3://{TINY}/c.cdf"]
    tiny.add("keys", {2019: "".join(f"2019-01-0{i + 1},2019-01-0{i + 1},{key},1\n" for i, key in enumerate(keys))})
    client.index().expect(0)
    for form in ("urls", "s5cmd", "aria2", "rclone"):
        done = listed(client, "keys", form).expect(1, "too long")
        assert "a.cdf" in done.out and "c.cdf" in done.out and "bbb" not in done.out, form


def test_lists_name_a_file_once_where_it_follows_itself(client, tiny):
    line = f"2019-01-01T00:00:00Z,2019-01-01T01:00:00Z,s3://{TINY}/x.cdf,1\n"
    later = f"2019-01-02T00:00:00Z,2019-01-02T01:00:00Z,s3://{TINY}/x.cdf,1\n"
    tiny.add("one", {2019: line + line + line.replace("x.", "y.") + later})
    tiny.add("two", {2019: line})
    client.index().expect(0)
    assert listed(client, "*", "rclone").expect(0).lines == ["x.cdf", "y.cdf", "x.cdf"]
    assert len(listed(client, "*", "keys").expect(0).lines) == 5


def test_p1_output_of_a_list_is_atomic(odd_keys):
    path = odd_keys.program.home / "list"
    listed(odd_keys, "plain", "s5cmd", "-o", path).expect(0)
    assert len(path.read_text().splitlines()) == 4
