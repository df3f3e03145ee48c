"""Promises that no single fault shows: whatever fails is told, a rerun converges, order depends on the data alone."""

import json
import os
import random
import shutil
import signal
import subprocess
import threading
from collections import Counter

import pytest

from conftest import TINY
from mirror import STATE, Cat, Mirror, content, partial, report, tree
from origin import Behaviour, redirect

SEED = int(os.environ.get("HELIODEX_TEST_SEED", "20261126"))
FAST = ["--retries", "1", "--stall-time", "900ms"]
# What may happen to one item, and the exit status of that item alone (None: nothing is wrong with it).
FAILURES = {
    "fine": (None, None),
    "missing": (Behaviour(status=404), 3),
    "denied": (Behaviour(status=403), 4),
    "refused": (Behaviour(status=400), 7),
    "unavailable": (Behaviour(status=503), 5),
    "reset": (Behaviour(cut=-1), 5),
    "silent": (Behaviour(stall=-1), 5),
    "cut": (Behaviour(cut=20, ignore_range=True), 5),
    "no http": (Behaviour(raw=b"220 smtp.example ESMTP\r\n"), 5),
    "head cut off": (Behaviour(raw=b"HTTP/1.1 200 OK\r\nContent-Le"), 5),
    "another range": (Behaviour(status=206, headers={"Content-Range": "bytes 7-9/10"}, body=b"789"), 7),
    "page": (Behaviour(body=b"<!DOCTYPE html><p>Sign in</p>"), 7),
    "sent to a file": (redirect("file:///etc/passwd"), 4),
    "sent round": (redirect(""), 7),
}


# ---- P2: whatever failed is told


def items(tiny):
    """A dataset with one file for each failure, by name."""
    return {name: f"data/{name.replace(' ', '-')}.cdf" for name in FAILURES}


@pytest.mark.parametrize("verb", ["mirror", "cat"])
def test_p2_every_file_that_failed_has_a_line(archive, client, tmp_path, verb):
    keys = items(archive.tiny)
    archive.dataset("d", {key: content(1000, key) for key in keys.values()})
    client.index().expect(0)
    for name, (behaviour, _) in FAILURES.items():
        archive.tiny.origin.always(f"/{TINY}/{keys[name]}", behaviour)
    run = Mirror(client, tmp_path / "dest") if verb == "mirror" else Cat(client)
    done = run("d", *FAST, "--report", tmp_path / "r", "--failed-out", tmp_path / "failed").expect(1)
    lines = report(tmp_path / "r")
    assert len(lines) == len(keys)
    for name, (_, code) in FAILURES.items():
        line = lines[f"s3://{TINY}/{keys[name]}"]
        if code is None:
            assert (line["state"], line["exit"]) == ("fetched", 0)
            continue
        assert line["state"] == "failed" and line["exit"] == code and line["message"], (name, line)
        assert keys[name] in done.err, name  # and is told where one looks first
    failed = [json.loads(line)["datakey"] for line in (tmp_path / "failed").read_text().splitlines()]
    assert sorted(failed) == sorted(f"s3://{TINY}/{keys[name]}" for name, (_, code) in FAILURES.items() if code)
    for name, (_, code) in FAILURES.items():  # each alone gives the run its exit status
        if code:
            run("d", "--key", os.path.basename(keys[name]), *FAST).expect(code)


def test_p2_every_index_file_that_failed_has_a_line(tiny, client, tmp_path):
    names = {name: name.replace(" ", "_") for name in FAILURES if name not in ("missing",)}  # that is a gap
    for identifier in names.values():
        tiny.add(identifier, {2018: 5, 2019: 5})
    for name, identifier in names.items():
        tiny.origin.always(tiny.path(identifier, 2019), FAILURES[name][0])
    done = client.index(*FAST, "--report", tmp_path / "r", "--failed-out", tmp_path / "failed").expect(1)
    lines = [json.loads(line) for line in (tmp_path / "r").read_text().splitlines()]
    lines = {(line["id"], line["year"]): line for line in lines if "state" in line}
    for name, identifier in names.items():
        code = FAILURES[name][1]
        line = lines[identifier, 2019]
        if code is None:
            assert line["exit"] == 0
            continue
        assert line["state"] == "failed" and line["exit"] == code and line["message"], (name, line)
        assert f"{identifier}_2019.csv" in done.err or f"{identifier} 2019" in done.err, name
        client.query(identifier, *FAST).expect(code)
    failed = (tmp_path / "failed").read_text().splitlines()
    assert sorted(failed) == sorted(identifier for name, identifier in names.items() if FAILURES[name][1])
    tiny.origin.constant.clear()
    client.index(*failed).expect(0)
    client.check()


def test_p2_quiet_runs_tell_their_errors_too(tiny, client):
    tiny.add("a", {2019: 3})
    tiny.origin.always(tiny.path("a", 2019), Behaviour(status=400))
    client.index("-q").expect(7, "a_2019.csv", "400")


def test_p2_p3_what_an_interruption_leaves_has_lines(archive, mirror, tmp_path):
    """Every file of a mirror that was interrupted is there, or is told to be left, in a list that can be had."""
    files = {f"data/{i:02}.cdf": content(1000, i) for i in range(40)}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    gate = threading.Event()
    for i in range(20, 40):
        archive.tiny.origin.always(f"/{TINY}/data/{i:02}.cdf", Behaviour(until=gate))
    client = mirror.client
    process = client.program.start("mirror", client.bucket, "d", *client.access, "--dest", mirror.dest, "--report",
                                   tmp_path / "r", "--failed-out", tmp_path / "failed")
    assert archive.tiny.origin.wait_for(lambda: len(tree(mirror.dest)) >= 10 and archive.tiny.origin.requests_now >= 8)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    gate.set()
    lines, found = report(tmp_path / "r"), tree(mirror.dest)
    assert len(lines) == 40 and {line["state"] for line in lines.values()} == {"fetched", "left"}
    assert {key for key in files if lines[f"s3://{TINY}/{key}"]["state"] == "fetched"} == set(found)
    mirror("--from-failed", tmp_path / "failed").expect(0, f"{40 - len(found)} fetched")
    assert tree(mirror.dest) == files


def test_p2_35_an_interruption_leaves_a_line_of_what_was_not_looked_at_yet(archive, mirror, tmp_path):
    """However long the list is: what was not asked for is in --failed-out as well."""
    count, origin = 6000, archive.tiny.origin
    (tmp_path / "list").write_text("datakey\n" + "".join(f"s3://{TINY}/data/{i}\n" for i in range(count)))
    for i in range(count):
        origin.put(f"/{TINY}/data/{i}", b"x")
    gate = threading.Event()
    for i in range(100, count):
        origin.always(f"/{TINY}/data/{i}", Behaviour(until=gate))
    client = mirror.client
    process = client.program.start("mirror", client.bucket, "--keys-from", tmp_path / "list", *client.access, "--dest",
                                   mirror.dest, "--report", tmp_path / "r", "--failed-out", tmp_path / "failed")
    assert origin.wait_for(lambda: len(tree(mirror.dest)) == 100 and origin.requests_now >= 8)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    gate.set()
    lines = report(tmp_path / "r")
    assert Counter(line["state"] for line in lines.values()) == {"fetched": 100, "left": count - 100}
    mirror("--from-failed", tmp_path / "failed").expect(0, "5,900 fetched")


# ---- P3, P1: a rerun after anything


def test_p3_p1_a_mirror_converges_through_every_kind_of_failure(archive, mirror):
    """Each run has other faults, until there are none: no name ever means other bytes, and the end is the archive."""
    chance = random.Random(SEED)
    files = {f"data/{i:02}.cdf": content(chance.randrange(0, 200_000), i) for i in range(30)}
    archive.dataset("d", files, algorithm="sha256")
    mirror.client.index().expect(0)
    kinds = [behaviour for behaviour, code in FAILURES.values() if code]
    for _ in range(6):
        for key in files:
            faults = [chance.choice(kinds), Behaviour(flip=0 if not files[key] else chance.randrange(len(files[key]))),
                      Behaviour(cut=chance.randrange(0, 50_000)), None, None]
            faults = [fault for fault in faults if files[key] or fault is None or fault.flip is None]
            archive.tiny.origin.script(f"/{TINY}/{key}", *[chance.choice(faults) for _ in range(3)])
        mirror("d", *FAST, "--part-size", "64K")
        found = tree(mirror.dest)
        assert found.items() <= files.items(), f"seed {SEED}"
        archive.tiny.origin.scripts.clear()
    mirror("d").expect(0)
    assert tree(mirror.dest) == files and partial(mirror.dest) == []
    mirror.verify().expect(0)


# ---- P8: nothing outside


def everything_but(folder, *left_out):
    found = subprocess.run(["find", folder, "-printf", "%p %y %s %T@\n"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if not any(line.startswith(str(each)) for each in left_out)]


def test_p8_nothing_but_the_store_and_the_destination_is_written(archive, client, tmp_path):
    """Ids, keys and names of a hostile archive; all verbs; the home and everything around it stay as they are."""
    archive.dataset("d", {"../../up.cdf": b"1", "data/a.cdf": b"2", str(tmp_path / "absolute"): b"3"})
    entry = {"title": "x", "start": "2019", "stop": "2019"}
    client.tiny.entries += [{"id": "../../evil", "index": f"s3://{TINY}/i/", **entry},
                            {"id": "..", "index": f"s3://{TINY}/../../", **entry}]
    client.tiny.add("good", {2019: 3}, index=f"s3://{TINY}/i/../i/")
    outer = tmp_path / "outer"
    dest, kept = outer / "dest", outer / "kept"
    outer.mkdir()
    ours = [client.program.store, dest, kept, client.tiny.folder, f"{outer} ", f"{client.program.home} "]
    before = everything_but(tmp_path, *ours)
    run = client.program
    client.index("--keep-index", kept)
    client.query("d").expect(0)
    Mirror(client, dest)("d").expect(0)
    Cat(client)("d").expect(0)
    run("verify").expect(0)
    run("verify", "--mirror", dest).expect(0)
    run("plan", client.bucket, "d", *client.access, "--shards", "2", "-o", outer / "dest" / STATE / "plan").expect(0)
    assert everything_but(tmp_path, *ours) == before
    assert sorted(os.listdir(outer)) == ["dest", "kept"]
    assert all("evil" not in str(path) for path in [*kept.rglob("*"), *client.program.store.rglob("*")])


# ---- P9: order


SETTINGS = [["--jobs", "1", "--threads", "1"],
            ["--jobs", "64", "--threads", "4", "--memory", "16M", "--part-size", "64K"],
            ["--jobs", "7", "--threads", "2", "--max-connections-per-host", "3"]]


def shuffle(tiny, paths, chance):
    """Answers come in another order than they were asked for."""
    for path in paths:
        tiny.origin.always(path, Behaviour(delay=chance.choice([0, 0, 0.02, 0.05])))


def test_p9_rows_do_not_depend_on_what_came_first(tiny, client):
    """The same bytes of each format, whatever the settings of the run that indexed and of the query."""
    chance = random.Random(SEED)
    twins = "".join(f"2019-01-01T00:00:00Z,2019-01-02T00:00:00Z,s3://{TINY}/{i % 7},{i % 5}\n" for i in range(300))
    for name in ("a", "b", "c"):
        tiny.add(name, {2018: 30, 2019: twins, 2020: 4000})
    paths = [tiny.path(name, year) for name in ("a", "b", "c") for year in (2018, 2019, 2020)]
    told, held = set(), set()
    for settings in SETTINGS:
        shuffle(tiny, paths, chance)
        shutil.rmtree(client.program.store, ignore_errors=True)
        fetched = client.query("*", *settings).expect(0).raw  # while it is fetched
        outputs = [client.program("query", client.bucket, "*", *client.access, "--offline", "--format", form, *settings)
                   .expect(0).raw for form in ("csv", "tsv", "ndjson", "json", "keys", "s5cmd")]
        assert outputs[0] == fetched
        told.add(tuple(outputs))
        held.add(client.program("store", "list", "--format", "csv", "--offline").expect(0).out.count("\n"))
    assert len(told) == 1 and held == {4}


def test_p9_datasets_searches_and_plans_do_not_depend_on_it(tiny, client):
    chance = random.Random(SEED)
    for i in range(20):
        tiny.add(f"set{chance.randrange(10_000):04}", {2019: 20}, title="The same title")
    paths = [tiny.catalog_path, *(tiny.path(entry["id"], 2019) for entry in tiny.entries)]
    told = set()
    for settings in SETTINGS:
        shuffle(tiny, paths, chance)
        shutil.rmtree(client.program.store, ignore_errors=True)
        outputs = [client.program(*verb, *client.access, *settings).expect(0).raw for verb in [
            ("plan", client.bucket, "*", "--shards", "3", "-o", "-"),
            ("datasets", client.bucket, "--format", "csv"),
            ("query", client.bucket, "*", "--summary", "--format", "csv"),
            ("store", "list", client.bucket, "--format", "keys"),
            ("validate", client.bucket, "--deep", "--severity", "note", "--format", "csv")]]
        # A plan also says when it was made, and of which snapshots, which say when they were.
        outputs[0] = b"".join(line for line in outputs[0].splitlines(True) if b'"digest"' not in line)
        assert outputs[0].count(b"\n") >= 400
        held = [os.path.basename(path) for path in outputs[3].decode().split()]
        assert held == sorted(f"{entry['id']}.hdx" for entry in tiny.entries)
        told.add(tuple(outputs))
    assert len(told) == 1


def test_p9_bytes_and_archives_do_not_depend_on_it(archive, client, tmp_path):
    chance = random.Random(SEED)
    files = {f"data/{i:02}.cdf": content(chance.randrange(0, 100_000), i) for i in range(40)}
    archive.dataset("d", files)
    client.index().expect(0)
    told = set()
    for number, settings in enumerate(SETTINGS):
        shuffle(archive.tiny, [f"/{TINY}/{key}" for key in files], chance)
        bytes_of = Cat(client)("d", *settings).expect(0).raw
        assert bytes_of == b"".join(files.values())
        told.add((bytes_of, Cat(client)("d", "--tar", *settings).expect(0).raw))
    assert len(told) == 1
