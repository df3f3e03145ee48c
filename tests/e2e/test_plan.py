"""Plans, and lists of wanted files, which a plan shows as they were read: compared with Python's csv and json, with the
reference's answers, and with rules that are stated here anew.
"""

import csv
import datetime
import io
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import SAMPLE, TINY, Program
from reference import time_ns

SEED = 20240302
MEMBERS = "id", "start", "stop", "datakey", "filesize", "checksum", "checksum_algorithm"


class Plan:
    """A plan, read naively."""

    def __init__(self, text):
        lines = [json.loads(line) for line in text.splitlines()]
        self.head, rest = lines[0], lines[1:]
        self.snapshots = rest[:self.head["snapshots"]]
        rest = rest[self.head["snapshots"]:]
        self.shards = rest[:self.head["shards"]]
        self.files = rest[self.head["shards"]:]

    def of_shard(self, number):
        return [file for file in self.files if file["shard"] == number]


def plan(program, *arguments, shards=1, code=0, told=(), **options):
    done = program("plan", *arguments, "--shards", shards, **options).expect(code, *told)
    return Plan(done.out) if done.out else done


def without_shard(files):
    return [{name: value for name, value in file.items() if name != "shard"} for file in files]


# ---- lists ----

PIECES = ["a", "b/", "/", "..", ".", " ", "%", "?", "#", "+", "é", "☀", "\"", "'", ",", "{", "[", "\\", "\t", "\x01", "x" * 90]


def hostile_keys(count, line_safe=False):
    """Keys of all kinds, each once; `line_safe`: that a line can hold."""
    chance = random.Random(SEED)
    keys = {f"s3://bucket/{''.join(chance.choices(PIECES + ([] if line_safe else [chr(10), chr(13)]), k=12))}/{i}"
            for i in range(count)}
    return sorted(keys)


def hostile_rows(count):
    chance = random.Random(SEED + 1)
    for i, key in enumerate(hostile_keys(count)):
        row = {"datakey": key}
        if chance.random() < .7:
            row["id"] = f"SET_{i % 7}"
        if chance.random() < .7:
            second = chance.randrange(-8 * 10**9, 8 * 10**9)
            row["start"], row["stop"] = stamp(second * 10**9), stamp(second * 10**9 + chance.choice([0, 10**9, 1, 10**6]))
        elif chance.random() < .2:
            row["start"] = row["stop"] = "static"
        if chance.random() < .8:
            row["filesize"] = chance.choice([0, 1, 10**6, 2**63 - 1])
        if chance.random() < .5:
            row["checksum"], row["checksum_algorithm"] = "ab" * 16, chance.choice(["MD5", "md5", "\"odd\""])
        yield row


def stamp(ns):
    """A time with no more decimals than it needs, of 0, 3, 6 or 9."""
    seconds, rest = divmod(ns, 10**9)
    text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()
    decimals = f"{rest:09}"
    return text + ("." + decimals[:9 if rest % 1000 else 6 if rest % 10**6 else 3] if rest else "") + "Z"


def as_csv(rows, newline):
    """Quoted where it must be (which Python knows of a \\r only where lines end with one), or everywhere."""
    out = io.StringIO()
    quoting = csv.QUOTE_MINIMAL if newline == "\r\n" else csv.QUOTE_ALL
    writer = csv.DictWriter(out, ("x",) + MEMBERS + ("y\"",), lineterminator=newline, quoting=quoting)
    writer.writeheader()
    writer.writerows({"x": "1", **row} for row in rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("form", ["csv", "csv-crlf", "csv-bom", "ndjson", "ndjson-plain", "ndjson-null"])
def test_rows_of_a_list_are_those_that_python_reads(heliodex, tmp_path, form):
    rows = list(hostile_rows(3000))
    if form.startswith("csv"):
        text = as_csv(rows, "\r\n" if form == "csv-crlf" else "\n")
        text = b"\xef\xbb\xbf" + text if form == "csv-bom" else text
        seen = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))
        assert [row["datakey"] for row in seen] == [row["datakey"] for row in rows]
    else:
        full = [{**dict.fromkeys(MEMBERS), **row} for row in rows] if form == "ndjson-null" else rows
        text = "".join(json.dumps(row, ensure_ascii=form == "ndjson-plain") + "\n\n" for row in full).encode()
    (tmp_path / "list").write_bytes(text)
    made = plan(heliodex, "--keys-from", tmp_path / "list")
    assert without_shard(made.files) == rows
    assert made.head["unsized"] == sum("filesize" not in row for row in rows)


@pytest.mark.parametrize("form", ["lines", "crlf", "null", "stdin", "pipe"])
def test_keys_of_a_list_are_its_lines(heliodex, tmp_path, form):
    keys = [key for key in hostile_keys(3000, line_safe=form != "null") if not key.endswith("\r")]
    end = {"crlf": "\r\n", "null": "\0"}.get(form, "\n")
    text = "".join(key + end for key in keys).encode()
    (tmp_path / "list").write_bytes(text)
    options = ["-0"] if form == "null" else []
    if form == "stdin":
        with open(tmp_path / "list", "rb") as file:
            made = plan(heliodex, "--keys-from", "-", stdin=file)
    elif form == "pipe":
        os.mkfifo(tmp_path / "fifo")
        with subprocess.Popen(["cp", tmp_path / "list", tmp_path / "fifo"]):
            made = plan(heliodex, "--keys-from", tmp_path / "fifo")
    else:
        made = plan(heliodex, "--keys-from", tmp_path / "list", *options)
    assert [file["datakey"] for file in made.files] == keys


def test_what_query_writes_is_a_list(client, tiny, tmp_path):
    """The same files, whether a query's rows are planned at once or by way of its output."""
    tiny.add("ONE", {2020: 300})
    tiny.add("TWO", {2020: "# start, stop, datakey, filesize, checksum, checksum_algorithm\n"
                           f"2020-01-01T00:00:00Z,2020-01-01T00:00:01.5Z,s3://{TINY}/é/\"a\",7,{'ab' * 16},MD5\n"
                           f"2020-01-02T00:00:00Z,2020-01-02T00:00:00Z,rel/b,,,\n"})
    client.index().expect(0)
    wanted = [client.bucket, "ONE", "TWO", *client.access, "--start", "2020", "--stop", "2020-09"]
    at_once = plan(client.program, *wanted)
    assert {file["id"] for file in at_once.files} == {"ONE", "TWO"}
    odd = [file for file in at_once.files if file["id"] == "TWO"]
    assert odd[0] == {"shard": 1, "id": "TWO", "start": "2020-01-01T00:00:00Z", "stop": "2020-01-01T00:00:01.500Z",
                      "datakey": f"s3://{TINY}/é/\"a\"", "filesize": 7, "checksum": "ab" * 16, "checksum_algorithm": "MD5"}
    assert odd[1]["datakey"] == f"s3://{TINY}/rel/b" and "filesize" not in odd[1]
    for form in "csv", "ndjson":
        rows = client.program("query", *wanted, "--format", form, "-o", tmp_path / "rows").expect(0)
        again = plan(client.program, client.bucket, "--keys-from", tmp_path / "rows", *client.access)
        assert again.files == at_once.files, form
        assert again.snapshots == [] and len(at_once.snapshots) == 2
    client.program("query", *wanted, "--format", "keys", "-o", tmp_path / "rows").expect(0)
    again = plan(client.program, client.bucket, "--keys-from", tmp_path / "rows", *client.access)
    assert [file["datakey"] for file in again.files] == [file["datakey"] for file in at_once.files]
    assert rows.code == 0


def test_a_query_is_planned_row_for_row(build, sample, reference, tmp_path):
    """All rows of a dataset, each location once, in their order, as the reference has them."""
    program = Program(tmp_path)
    bucket = f"file://{sample}/{SAMPLE}/"
    program("index", bucket, "aia_0094", "MMS1_*").expect(0)
    for identifier in ("aia_0094", "MMS1_FEEPS_BRST_L2_ELECTRON"):
        rows = reference.dataset(identifier).answer()
        made = plan(program, bucket, identifier, "--offline", shards=7)
        wanted = {}
        for row in rows:
            wanted.setdefault(row.key, (row.start, row.stop, row.size))
        assert [(file["datakey"], (time_ns(file["start"]), time_ns(file["stop"]), file.get("filesize")))
                for file in made.files] == list(wanted.items())
        assert made.head["twice"] == len(rows) - len(wanted)
        assert {file["id"] for file in made.files} == {identifier}


@pytest.mark.parametrize("text, told", [
    (b"datakey,filesize\ns3://b/a,1\ns3://b/b,x\n", "list: line 3: filesize: expected a number of bytes, found 'x'"),
    (b"s3://b/a\ns3://b/\0\n", "list: line 2: a NUL byte"),
    (b'{"datakey":"s3://b/a"}\n{"datakey":"s3://b/b"\n', "list: line 2: JSON: line 1 column"),
    (b"datakey,id\n\"s3://b/a,x\n", "list: line 2: field 1: a quote"),
    (b"[\n{}]\n", "list: line 1: an array of JSON"),
])
def test_a_malformed_list_names_file_and_line(heliodex, tmp_path, text, told):
    (tmp_path / "list").write_bytes(text)
    plan(heliodex, "--keys-from", tmp_path / "list", "-o", tmp_path / "plan", code=7, told=[told])
    assert not (tmp_path / "plan").exists()


def test_lines_that_name_no_file_are_told_and_left_out(heliodex, tmp_path):
    (tmp_path / "list").write_bytes(b"s3://b/a\ns3://b/\nftp://h/x\ns3://b/\xff\ns3://b/a\n")
    made = plan(heliodex, "--keys-from", tmp_path / "list", code=1,
                told=["line 2 is left out", "line 3 is left out", "no UTF-8", "3 rows or lines that name no file"])
    assert [file["datakey"] for file in made.files] == ["s3://b/a"]
    assert made.head["twice"] == 1
    (tmp_path / "list").write_bytes(b"s3://b/\n")
    plan(heliodex, "--keys-from", tmp_path / "list", code=7)
    (tmp_path / "list").write_bytes(b"\n")
    plan(heliodex, "--keys-from", tmp_path / "list", "-o", tmp_path / "plan", told=["no file"])
    plan(heliodex, "--keys-from", tmp_path / "list", "--error-on-empty", code=9)
    assert (tmp_path / "plan").read_bytes() == b""


def test_41_a_remote_bucket_names_no_files_of_this_machine(client, tiny, tmp_path):
    tiny.add("ONE", {2020: "2020-01-01T00:00:00Z,2020-01-01T00:00:00Z,file:///etc/passwd,1\n"
                           "2020-01-02T00:00:00Z,2020-01-02T00:00:00Z,http://169.254.169.254/x,1\n"
                           f"2020-01-03T00:00:00Z,2020-01-03T00:00:00Z,s3://{TINY}/a,1\n"})
    client.index().expect(0)
    made = plan(client.program, client.bucket, "ONE", *client.access, code=1,
                told=["may not name a file:// address", "may not name a link-local address"])
    assert [file["datakey"] for file in made.files] == [f"s3://{TINY}/a"]
    (tmp_path / "list").write_text("file:///etc/passwd\n")
    plan(client.program, client.bucket, "--keys-from", tmp_path / "list", *client.access, code=7)
    made = plan(client.program, "--keys-from", tmp_path / "list")
    assert [file["datakey"] for file in made.files] == ["file:///etc/passwd"]


@pytest.mark.parametrize("arguments, told", [
    (["b", "ID"], "--shards"),
    (["b", "ID", "--shards", "0"], "--shards"),
    (["b", "ID", "--shards", "1000001"], "--shards"),
    (["--shards", "2"], "--keys-from"),
    (["b", "--shards", "2"], "--keys-from"),
    (["b", "ID", "--keys-from", "x", "--shards", "2"], "no ID"),
    (["--keys-from", "x", "--start", "2020", "--shards", "2"], "--start is a condition"),
    (["--keys-from", "x", "--key", "*.cdf", "--shards", "2"], "--key is a condition"),
    (["--keys-from", "x", "--limit", "3", "--shards", "2"], "--limit is a condition"),
    (["--keys-from", "x", "--latest-version", "--shards", "2"], "--latest-version is a condition"),
])
def test_what_does_not_go_together(heliodex, arguments, told):
    heliodex("plan", *arguments).expect(2, told)


def test_a_key_without_a_scheme_needs_a_bucket(heliodex, tmp_path):
    (tmp_path / "list").write_text("s3://b/a\nrel/b\n")
    plan(heliodex, "--keys-from", tmp_path / "list", code=2, told=["line 2", "no bucket is named"])
    made = plan(heliodex, "s3://bkt/prefix/", "--keys-from", tmp_path / "list")
    assert [file["datakey"] for file in made.files] == ["s3://b/a", "s3://bkt/rel/b"]
    plan(heliodex, "--keys-from", tmp_path / "missing", code=3, told=["missing"])
    plan(heliodex, "--keys-from", tmp_path, code=6)


# ---- shards ----

def write_sizes(path, sizes):
    with open(path, "w", encoding="utf-8") as file:
        for i, size in enumerate(sizes):
            file.write(json.dumps({"datakey": f"s3://bucket/{i // 50}/{i}", **({} if size is None else {"filesize": size})}) + "\n")


def mixed_sizes(chance, count):
    return [chance.choice([None, 0, 1, chance.randrange(10**5), chance.randrange(10**9)]) for _ in range(count)]


def test_shards_are_disjoint_complete_and_balanced(heliodex, tmp_path):
    chance = random.Random(SEED + 2)
    for shards, sizes in [(1, mixed_sizes(chance, 10)), (2, [5, 5]), (3, mixed_sizes(chance, 1000)),
                          (8, [10**6] * 1000), (8, mixed_sizes(chance, 3000)), (64, mixed_sizes(chance, 500)),
                          (5, [0] * 1000), (5, [None] * 1000), (1000, [1] * 10), (3, [2**63 - 1] * 9)]:
        write_sizes(tmp_path / "list", sizes)
        made = plan(heliodex, "--keys-from", tmp_path / "list", shards=shards)
        assert [file["datakey"] for file in made.files] == [f"s3://bucket/{i // 50}/{i}" for i in range(len(sizes))]
        numbers = [file["shard"] for file in made.files]
        assert numbers == sorted(numbers) and set(numbers) <= set(range(1, shards + 1))
        assert [shard["shard"] for shard in made.shards] == list(range(1, shards + 1))
        stated = [size for size in sizes if size is not None]
        mean = sum(stated) // len(stated) if stated else 0
        weights = [mean if size is None else size for size in sizes]
        weights = weights if sum(weights) else [1] * len(weights)
        share = sum(weights) / shards
        for shard in made.shards:
            own = [(weights[i], sizes[i]) for i, number in enumerate(numbers) if number == shard["shard"]]
            assert shard["files"] == len(own)
            assert shard["bytes"] == min(sum(size or 0 for _, size in own), 2**64 - 1)
            if own:
                assert sum(weight for weight, _ in own) <= share + own[0][0] / 2 + own[-1][0] / 2 + 1
        assert made.head["files"] == len(sizes) and made.head["shards"] == shards
        assert made.head["bytes"] == min(sum(stated), 2**64 - 1)


def test_a_plan_depends_on_its_list_alone(client, tiny, tmp_path):
    """Two plans are the same, but for when they were made; one of another snapshot says so."""
    tiny.add("ONE", {2020: 200})
    client.index().expect(0)
    wanted = [client.bucket, "ONE", *client.access]
    first, second = plan(client.program, *wanted, shards=4), plan(client.program, *wanted, shards=4)
    assert (first.files, first.shards, first.snapshots) == (second.files, second.shards, second.snapshots)
    assert first.snapshots[0]["snapshot"] == "ONE" and first.snapshots[0]["source"] == client.bucket
    tiny.write(tiny.path("ONE", 2020), tiny.read(tiny.path("ONE", 2020)).replace(b",1000\n", b",1001\n"))
    client.index().expect(0)
    third = plan(client.program, *wanted, shards=4)
    assert third.snapshots != first.snapshots


def test_what_is_said_of_a_plan(heliodex, tmp_path):
    write_sizes(tmp_path / "list", [1000] * 100)
    done = heliodex("plan", "--keys-from", tmp_path / "list", "--shards", 4, "-o", tmp_path / "plan")
    digest = Plan((tmp_path / "plan").read_text()).head["digest"]
    done.expect(0, "100 files", digest, "4, each 25 to 25 files")
    assert done.out == ""
    done = heliodex("plan", "--keys-from", tmp_path / "list", "--shards", 400, "-o", tmp_path / "plan")
    done.expect(0, "300 of 400 shards are empty")
    done = heliodex("plan", "--keys-from", tmp_path / "list", "--shards", 4, "-o", tmp_path / "plan", "--progress", "json")
    told = json.loads(done.err.splitlines()[-1])
    assert told["event"] == "summary" and told["shards"] == 4 and told["bytes"] == 100000


def test_where_a_plan_is_written_to(heliodex, tmp_path):
    write_sizes(tmp_path / "list", [1] * 10)
    make = lambda *target, **options: heliodex("plan", "--keys-from", tmp_path / "list", "--shards", 2, *target, **options)
    printed = make().expect(0).out
    make("-o", tmp_path / "plan").expect(0)
    strip = lambda text: Plan(text).files
    assert strip((tmp_path / "plan").read_text()) == strip(printed)
    assert strip(make("-o", "/dev/stdout").expect(0).out) == strip(printed)
    make("-o", "/dev/null").expect(0)
    assert not os.path.isfile("/dev/null")
    make("-o", tmp_path).expect(2)
    make("-o", tmp_path / "none" / "plan").expect(6, "none/plan")
    make("-o", "/dev/full").expect(6)
    (tmp_path / "old").write_text("old")
    (tmp_path / "list").write_text("datakey\n\"\n")
    make("-o", tmp_path / "old").expect(7)
    assert (tmp_path / "old").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "list", "old", "plan"]


# ---- opening ----

def merge(program, *arguments):
    return program("merge", *arguments, "--json")


def test_a_plan_that_was_changed_is_refused(heliodex, tmp_path):
    """(Each byte of one is changed in tests/unit/job/test_plan.c.)"""
    write_sizes(tmp_path / "list", [3, None])
    heliodex("plan", "--keys-from", tmp_path / "list", "--shards", 2, "-o", tmp_path / "plan").expect(0)
    (tmp_path / "report").write_text("")
    whole = (tmp_path / "plan").read_bytes()
    merge(heliodex, tmp_path / "plan", tmp_path / "report").expect(1)
    for name, text, told in [("changed", whole.replace(b"bucket/0/0", b"bucket/0/1"), "changed: the plan was changed"),
                             ("cut", whole[:-1], "cut off"), ("shorter", b"".join(whole.splitlines(True)[:-1]), "cut off"),
                             ("other", b"s3://b/a\n", "no plan"), ("empty", b"", "no plan")]:
        (tmp_path / name).write_bytes(text)
        merge(heliodex, tmp_path / name, tmp_path / "report").expect(7, told)
    merge(heliodex, tmp_path / "none", tmp_path / "report").expect(3, "none")


# ---- reports ----

class Mission:
    """A plan of 40 files in 4 shards, and reports that are written by hand."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        write_sizes(folder / "list", [100] * 40)
        program("plan", "--keys-from", folder / "list", "--shards", 4, "-o", folder / "mission.plan").expect(0)
        self.plan = Plan((folder / "mission.plan").read_text())

    def line(self, file, shard, state="fetched", **members):
        return {"status": "OK", "exit": 0, "kind": "file", "location": file["datakey"], "id": None, "path": "p",
                "state": state, "size": 100, "bytes": 100, "checks": ["size"],
                "shard": shard and f"{shard}-of-4-{self.plan.head['digest'][:8]}", "message": None,
                "start": None, "stop": None, "filesize": 100, **members}

    def report(self, name, lines):
        (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return self.folder / name

    def whole(self, shard, name=None):
        return self.report(name or f"{shard}.ndjson", [self.line(file, shard) for file in self.plan.of_shard(shard)])

    def merge(self, code, *reports):
        done = self.program("merge", self.folder / "mission.plan", *reports, "--json").expect(code)
        return [json.loads(line) for line in done.lines], done


@pytest.fixture
def mission(heliodex, tmp_path):
    return Mission(heliodex, tmp_path)


def test_reports_that_cover_the_plan(mission):
    rows, done = mission.merge(0, *(mission.whole(shard) for shard in (1, 2, 3, 4)))
    assert rows == [] and "40 of 40 files, 4 of 4 shards" in done.err
    states = ["unchanged", "resumed", "fetched"]
    whole = mission.report("all", [mission.line(file, None, states[i % 3]) for i, file in enumerate(mission.plan.files)])
    assert mission.merge(0, whole)[0] == []


def test_a_shard_is_one_of_the_plan(mission):
    for shard in "1/3", "4/5":
        done = mission.program("mirror", "--plan", mission.folder / "mission.plan", "--shard", shard, "--dest", "d")
        done.expect(2, f"--shard {shard}: the plan has 4 shards")
    mission.program("mirror", "--plan", mission.folder / "none", "--dest", "d").expect(3, "none")


def test_the_summary_of_a_merge_for_machines(mission):
    done = mission.program("merge", mission.folder / "mission.plan", mission.whole(1), mission.whole(2), "--progress", "json")
    told, = (event for event in map(json.loads, done.expect(1).err.splitlines()) if event["event"] == "summary")
    assert (told["shards"], told["shards_complete"]) == (4, 2)
    assert told["complete"] + told["missing"] == told["files"] and told["failed"] == told["foreign"] == 0


def test_what_no_report_has_is_missing(mission):
    first = mission.line(mission.plan.of_shard(3)[0], 3)
    rows, done = mission.merge(1, mission.whole(4), mission.whole(1), mission.report("3", [first]))
    missing = mission.plan.of_shard(2) + mission.plan.of_shard(3)[1:]
    assert [(row["state"], row["shard"], row["datakey"], row["filesize"], row["report"]) for row in rows] == \
        [("missing", file["shard"], file["datakey"], 100, None) for file in missing]
    assert "21 of 40 files, 2 of 4 shards" in done.err


def test_the_latest_report_counts(mission):
    files = mission.plan.of_shard(2)
    early = mission.report("early", [mission.line(files[0], 2, "failed", message="first"),
                                     mission.line(files[1], 2), mission.line(files[2], 2, "left")])
    late = mission.report("late", [mission.line(files[0], 2), mission.line(files[1], 2, "failed", message="gone"),
                                   *(mission.line(file, 2) for file in files[3:])])
    others = [mission.whole(shard) for shard in (1, 3, 4)]
    rows, done = mission.merge(1, *others, early, late)
    assert [(row["state"], row["datakey"], row["report"]) for row in rows] == \
        [("failed", files[2]["datakey"], str(early)), ("failed", files[1]["datakey"], str(late))]
    assert rows[1]["message"] == "gone" and "38 of 40 files, 3 of 4 shards" in done.err
    rows, _ = mission.merge(1, *others, late, early)
    assert [(row["datakey"], row["message"]) for row in rows] == \
        [(files[0]["datakey"], "first"), (files[2]["datakey"], "a run that ended early has left it")]


def test_a_shard_keeps_to_its_own(mission):
    stray = mission.report("stray", [mission.line(mission.plan.of_shard(1)[0], 2)])
    rows, _ = mission.merge(1, *(mission.whole(shard) for shard in (1, 2, 3, 4)), stray)
    assert [(row["state"], row["shard"], row["report"]) for row in rows] == [("overlap", 1, str(stray))]
    assert "shard 2 has it" in rows[0]["message"]


def test_files_that_the_plan_does_not_have(mission):
    strange = mission.report("strange", [mission.line({"datakey": "s3://other/x"}, None),
                                         mission.line({"datakey": "s3://other/y"}, None, "deleted")])
    rows, _ = mission.merge(1, *(mission.whole(shard) for shard in (1, 2, 3, 4)), strange)
    assert [(row["state"], row["shard"], row["datakey"]) for row in rows] == [("foreign", None, "s3://other/x")]


def test_what_was_deleted_is_missing(mission):
    last = mission.plan.files[-1]
    deleted = mission.report("deleted", [{"kind": "file", "state": "deleted", "location": last["datakey"], "shard": None}])
    rows, _ = mission.merge(1, *(mission.whole(shard) for shard in (1, 2, 3, 4)), deleted)
    assert [(row["state"], row["datakey"]) for row in rows] == [("missing", last["datakey"])]


def test_rows_of_merge_are_a_list(mission):
    rows, done = mission.merge(1, mission.whole(1), mission.whole(2))
    (mission.folder / "todo").write_text(done.out)
    again = plan(mission.program, "--keys-from", mission.folder / "todo")
    assert [file["datakey"] for file in again.files] == [row["datakey"] for row in rows]


def test_a_list_that_nobody_writes_is_not_waited_for_after_an_interruption(heliodex, tmp_path):
    os.mkfifo(tmp_path / "list")
    process = heliodex.start("cat", "--keys-from", tmp_path / "list")
    asleep = 0
    while asleep < 20:  # it waits for whoever writes the list
        time.sleep(0.01)
        asleep = asleep + 1 if Path(f"/proc/{process.pid}/stat").read_text().split()[2] == "S" else 0
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130 and b"interrupted by SIGINT" in process.stderr.read()


def test_reports_from_pipes(mission):
    whole = mission.report("all", [mission.line(file, None) for file in mission.plan.files[1:]] +
                           [mission.line(mission.plan.files[0], 1, "failed", message="why")])
    with open(whole, "rb") as file:
        done = mission.program("merge", mission.folder / "mission.plan", "-", "--json", stdin=file).expect(1)
    assert [json.loads(line)["message"] for line in done.lines] == ["why"]


@pytest.mark.parametrize("change, told", [
    ({"shard": "1-of-4-00000000"}, "not of this plan"),
    ({"shard": "1-of-4"}, "not of this plan"),
    ({"shard": "5-of-4-DIGEST"}, "not of this plan"),
    ({"shard": "0-of-4-DIGEST"}, "not of this plan"),
    ({"state": "lost"}, "found 'lost'"),
    ({"state": None}, "state: expected"),
    ({"location": None}, "expected a datakey"),
    ({"location": 3}, "expected a string"),
    ({"kind": None}, "kind"),
])
def test_a_malformed_report_names_file_and_line(mission, change, told):
    change = {name: value.replace("DIGEST", mission.plan.head["digest"][:8]) if isinstance(value, str) else value
              for name, value in change.items()}
    first = mission.plan.files[0]
    report = mission.report("bad", [mission.line(first, 1), {**mission.line(first, 1), **change}])
    mission.program("merge", mission.folder / "mission.plan", report).expect(7, "bad: line 2: ", told)


def test_a_report_that_is_none(mission):
    (mission.folder / "bad").write_text("{\n")
    mission.program("merge", mission.folder / "mission.plan", mission.folder / "bad").expect(7, "bad: line 1: JSON")
    mission.program("merge", mission.folder / "mission.plan", mission.folder / "none").expect(3, "none")
    mission.program("merge", mission.folder / "mission.plan").expect(2)
    other = mission.report("other", [{"kind": "bad row", "line": 3}, *(mission.line(f, None) for f in mission.plan.files)])
    assert mission.merge(0, other)[0] == []
