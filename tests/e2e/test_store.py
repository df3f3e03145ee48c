"""Snapshots through bad times: interrupted runs, several at once, full disks, corrupt and foreign files. (Killed ones:
test_index_kill.py.)"""

import json
import os
import random
import resource
import signal
import subprocess
import threading

import pytest

from conftest import TINY, Program
from origin import Behaviour
from session import Session

DATASETS = ("a", "b", "c")
YEARS = range(2010, 2020)


@pytest.fixture
def filled(tiny, client):
    """Three datasets of ten years."""
    for name in DATASETS:
        tiny.add(name, {year: 50 for year in YEARS})
    return client


def held_by(client):
    """What every dataset answers now, without the network; None where it is not held."""
    return {name: done.out if (done := client.query(name, "--offline")).code == 0 else None for name in DATASETS}


def change_everything(client):
    for name in DATASETS:
        for year in YEARS:
            path = client.tiny.path(name, year)
            client.tiny.write(path, client.tiny.read(path) + f"{year}-12-31T01:00:00Z,{year}-12-31T02:00:00Z,added,1\n".encode())


def leftovers(client):
    """Files of the store that are neither snapshots nor documents nor locks."""
    return [path for path in client.program.store.rglob("*")
            if path.is_file() and path.suffix not in (".hdx", ".json", ".meta") and path.name != ".lock"]


# ---- what is named


def test_what_is_named_must_be_held(filled):
    bucket = filled.bucket
    filled.index().expect(0)

    def program(*arguments):
        return filled.program(*arguments, *filled.access)

    def listed(*ids):
        return [json.loads(line)["id"] for line in program("store", "list", bucket, *ids, "--json").expect(0).lines]

    assert listed("b") == ["b"] and listed("c", "a") == ["c", "a"] and listed() == list(DATASETS)
    program("verify", bucket, "b", "a").expect(0)
    program("verify", bucket, "b", "--json").expect(0)
    for verb in ("store", "list"), ("verify",):
        program(*verb, bucket, "nowhere").expect(3, f"{bucket}nowhere: nothing is held of it")
    for verb in ("store", "list"), ("store", "remove"), ("verify",):
        program(*verb, bucket, "../a").expect(3, "../a: not the id of a dataset")
    program("store", "remove", bucket, "b").expect(0)
    assert listed() == ["a", "c"]
    program("store", "remove", bucket).expect(0)
    program("verify", bucket).expect(3, "nothing of it is held")
    program("verify").expect(0, "no snapshot is held")


def test_37_a_list_of_the_store_names_what_cannot_be_read(filled):
    filled.index().expect(0)
    one, *_ = filled.program.store.rglob("b.hdx")
    one.write_bytes(b"not a snapshot" * 100)
    done = filled.program("store", "list", "--json").expect(7, str(one), "1 snapshots cannot be read")
    rows = {row["path"]: row["id"] for row in map(json.loads, done.lines)}
    assert len(rows) == 3 and rows[str(one)] is None
    for verb in ("store", "list"), ("verify",):
        done = filled.program(*verb, filled.bucket, "b", "nowhere", *filled.access)
        done.expect(3, str(one), f"{filled.bucket}nowhere: nothing is held of it")
        assert str(one) in done.out


# ---- interrupted


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_35_interrupted_run_ends_and_resumes(filled, number, code):
    gate = threading.Event()
    origin = filled.tiny.origin
    for year in YEARS:
        origin.always(filled.tiny.path("c", year), Behaviour(until=gate))
    process = filled.program.start("index", filled.bucket, *filled.access)
    snapshots = filled.program.store
    assert origin.wait_for(lambda: len(list(snapshots.rglob("[ab].hdx"))) == 2 and origin.requests_now >= 10)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)  # although the origin says nothing
    filled.program.finished(["index"], process.returncode, out, err).expect(code, "interrupted")
    gate.set()
    held = held_by(filled)
    assert held["a"] and held["b"] and held["c"] is None
    for year in YEARS:
        origin.always(filled.tiny.path("c", year), None)
    origin.clear()
    filled.index().expect(0)
    assert {request.status for request in origin.of(filled.tiny.path("a", 2015))} == {304}
    filled.check()
    assert leftovers(filled) == []


def test_35_second_interrupt_is_immediate(filled):
    gate = threading.Event()
    for year in YEARS:
        filled.tiny.origin.always(filled.tiny.path("c", year), Behaviour(until=gate))
    process = filled.program.start("index", filled.bucket, *filled.access)
    assert filled.tiny.origin.wait_for(lambda: filled.tiny.origin.requests_now >= 10)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)
    gate.set()
    filled.index().expect(0)
    filled.check()


# ---- several at once


def test_36_eight_at_once(filled):
    """Each waits for the others; what is held is whole."""
    processes = [filled.program.start("index", filled.bucket, *filled.access) for _ in range(8)]
    for process in processes:
        out, err = process.communicate(timeout=200)
        filled.program.finished(["index"], process.returncode, out, err).expect(0)
    filled.check()
    assert leftovers(filled) == []


def test_36_p5_queries_while_indexing(filled):
    filled.index().expect(0)
    old = held_by(filled)
    change_everything(filled)
    new = filled.tiny.reference().dataset("a")
    process = filled.program.start("index", filled.bucket, *filled.access)
    while process.poll() is None:
        assert filled.query("a", "--offline").expect(0).out in (old["a"], new.csv(new.answer()))
    process.communicate()
    assert process.returncode == 0
    filled.check()


# ---- the disk


def grow(client):
    """Gives every dataset rows that do not compress."""
    for name in DATASETS:
        client.tiny.write(client.tiny.path(name, 2015), "".join(
            f"2015-03-01T00:00:00Z,2015-03-02T00:00:00Z,{random.Random(i).getrandbits(400):x},{i}\n" for i in range(4000)))


def test_29_file_size_limit(filled):
    """As a full disk: said, exit 6, what was held stays."""
    filled.index().expect(0)
    old = held_by(filled)
    grow(filled)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40 * 1024, 40 * 1024))

    filled.index(preexec_fn=limit).expect(6)
    assert held_by(filled) == old
    assert leftovers(filled) == []
    filled.index().expect(0)
    filled.check()


def test_29_file_size_limit_of_a_process_with_the_library(filled):
    grow(filled)
    with Session(filled.program, filled.tiny.origin.url) as session:
        resource.prlimit(session.process.pid, resource.RLIMIT_FSIZE, (40 * 1024, 40 * 1024))
        session("index", filled.bucket).expect("IO", "File too large")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_28_full_disk(filled, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        grow(filled)
        filled.index("--store", place / "store").expect(6, "space")
        assert not list(place.rglob("*.hdx")) and not list(place.rglob("*.tmp"))
    finally:
        subprocess.run(["umount", place], check=True)


def test_31_store_that_is_a_file(filled, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert filled.index("--store", tmp_path / "file").code in (2, 6)
    assert (tmp_path / "file").read_text() == "mine"
    assert not filled.tiny.asked()  # said before anything is fetched


def test_32_few_file_descriptors(tiny, client):
    tiny.add("a", {year: 3 for year in range(1960, 2020)})

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    client.index(preexec_fn=limit).expect(0)
    client.check()


def test_p8_nothing_outside_of_the_store(filled):
    filled.index().expect(0)
    assert sorted(path.name for path in filled.program.home.iterdir()) == ["store"]


# ---- corrupt snapshots


@pytest.fixture
def snapshot(filled):
    """The path of a snapshot that is held, of many blocks' worth of rows."""
    filled.tiny.add("big", {2019: 20000})
    filled.index("big").expect(0)
    path, = filled.program.store.rglob("big.hdx")
    return path


def test_37_p5_flipped_bytes_are_found(filled, snapshot):
    """Wherever a byte is wrong: exit 7 and never a wrong row."""
    good = snapshot.read_bytes()
    dataset = filled.tiny.reference().dataset("big")
    right = dataset.csv(dataset.answer())
    chance = random.Random(37)
    places = [0, 7, len(good) // 3, len(good) // 2, len(good) - 1, len(good) - 30, *(chance.randrange(len(good)) for _ in range(14))]
    for place in places:
        snapshot.write_bytes(good[:place] + bytes([good[place] ^ (1 << chance.randrange(8))]) + good[place + 1:])
        done = filled.query("big", "--offline")
        assert done.code == 7, (place, done)
        assert right.startswith(done.out), place
        filled.program("verify").expect(7, "big.hdx")
    snapshot.write_bytes(good)
    filled.program("verify").expect(0)


def test_37_corrupt_block_is_named(filled, snapshot):
    good = snapshot.read_bytes()
    snapshot.write_bytes(good[:200] + bytes([good[200] ^ 255]) + good[201:])
    filled.query("big", "--offline").expect(7, "block", "big.hdx")
    filled.program("verify").expect(7, "block")


@pytest.mark.parametrize("what", ["empty", "half", "short", "longer", "foreign"])
def test_37_truncated_or_foreign_files(filled, snapshot, what):
    good = snapshot.read_bytes()
    snapshot.write_bytes({"empty": b"", "half": good[:len(good) // 2], "short": good[:-1], "longer": good + b"\0",
                          "foreign": b"SQLite format 3\0" + bytes(5000)}[what])
    done = filled.query("big", "--offline").expect(7, "big.hdx")
    assert done.out == ""


def test_37_index_replaces_a_corrupt_snapshot(filled, snapshot):
    good = snapshot.read_bytes()
    snapshot.write_bytes(good[:-20] + bytes(20))
    filled.index("big").expect(0)
    filled.check("big")


def test_37_another_datasets_snapshot_is_refused(filled):
    filled.index().expect(0)
    a, = filled.program.store.rglob("a.hdx")
    (a.parent / "b.hdx").write_bytes(a.read_bytes())
    done = filled.query("b", "--offline").expect(7)
    assert done.out == ""


# ---- store list, store remove


def test_list_and_remove(filled):
    filled.index().expect(0)
    listed = filled.program("store", "list", "--format", "csv").expect(0)
    assert len(listed.lines) == 4 and all(any(f",{name}," in f",{line}," for line in listed.lines) for name in DATASETS)
    filled.program("store", "remove", filled.bucket, "a", *filled.access).expect(0)
    assert held_by(filled)["a"] is None and held_by(filled)["b"]
    filled.program("store", "remove", filled.bucket, "a", *filled.access).expect(3)
    mine = filled.program.store / "mine.txt"
    mine.write_text("keep")
    filled.program("store", "remove").expect(0)
    assert not list(filled.program.store.rglob("*.hdx"))
    assert mine.read_text() == "keep"


def test_default_places(build, tmp_path, filled):
    """$XDG_CACHE_HOME/heliodex, otherwise ~/.cache/heliodex."""
    program = Program(tmp_path)
    del program.environment["HELIODEX_STORE"]
    program("index", filled.bucket, "a", *filled.access).expect(0)
    assert list((tmp_path / ".cache" / "heliodex").rglob("a.hdx"))
    program("index", filled.bucket, "b", *filled.access, env={"XDG_CACHE_HOME": str(tmp_path / "xdg")}).expect(0)
    assert list((tmp_path / "xdg" / "heliodex").rglob("b.hdx"))


def test_prefix_of_a_bucket(tiny, client):
    """A bucket's prefix is a source of its own."""
    tiny.add("a", {2019: 3})
    tiny.write(f"/{TINY}/sub/dir/catalog.json", tiny.read(tiny.catalog_path))
    bucket = f"s3://{TINY}/sub/dir/"
    client.program("index", bucket, *client.access).expect(0)
    assert len(client.program("query", bucket, "a", *client.access, "--format", "csv").expect(0).lines) == 4
    client.query("a", "--offline").expect(3)


# ---- damage


def test_37_damaged_block_is_fetched_anew_by_index(client, tiny):
    """Its footer is sound, so that nothing but its bytes tell; the server says that nothing has changed."""
    tiny.add("one", {2019: 300})
    client.index().expect(0)
    path, = client.program.store.rglob("one.hdx")
    content = bytearray(path.read_bytes())
    content[40] ^= 1  # in the first block, which begins behind a header of 16 bytes
    path.write_bytes(content)
    client.program("verify").expect(7, "one.hdx", "heliodex index")
    client.index().expect(0, "fetched anew", "1 fetched")
    client.program("verify").expect(0)
    client.check()
