"""Snapshots are what their specification says: a reader made from it alone finds the rows that the program finds, and
those of the source. Files of released versions stay readable, by both.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import snapshot_kinds
import snapshot_reader
from conftest import ROOT, SAMPLE, TINY, Program, Tiny
from reference import Bucket
from snapshot_codec import xxh3
from snapshot_reader import Damaged, Snapshot

VECTORS = sorted((ROOT / "tests" / "vectors").glob("snapshot-v*/*.hdx"))


class Store:
    """A bucket in a folder, indexed; its source is the bucket's s3:// name, wherever the folder lies."""

    def __init__(self, home, folder, bucket):
        self.program, self.folder, self.name = Program(home), folder, bucket
        self.access = [f"s3://{bucket}/", "--map", f"s3://{bucket}/=file://{folder}/{bucket}/"]
        self.index()

    def index(self):
        self.program("index", *self.access).expect(0)
        self.bucket = Bucket(self.folder, self.name)
        self.files = {path.stem: path for path in self.program.store.rglob("*.hdx")}
        assert set(self.files) == set(self.bucket.ids)

    def query(self, identifier):
        bucket, *options = self.access
        return self.program("query", bucket, identifier, *options, "--offline", "--format", "csv").expect(0).raw


def made(home, folder, datasets):
    """The store of datasets made by hand."""
    tiny = Tiny(folder)
    for identifier, years in datasets:
        tiny.add(identifier, years)
        if identifier in snapshot_kinds.PARAMETERS:
            tiny.describe(identifier, snapshot_kinds.PARAMETERS[identifier])
    store = Store(home, folder, TINY)
    store.tiny = tiny
    return store


@pytest.fixture(scope="module")
def stores(build, sample, tmp_path_factory):
    """One of the generated bucket, and one of datasets made for every kind of thing."""
    home = tmp_path_factory.mktemp
    return [Store(home("home"), sample, SAMPLE), made(home("home"), home("made"), snapshot_kinds.datasets())]


def encoded(text):
    return text.encode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def snapshots(stores):
    """[(store, id, snapshot, its rows as CSV)]"""
    found = []
    for store in stores:
        for identifier, path in sorted(store.files.items()):
            snapshot = Snapshot(path)
            found.append((store, identifier, snapshot, encoded(snapshot.csv())))
    return found


def test_rows_are_those_of_the_program(snapshots):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda item: item[0].query(item[1]), snapshots)
        assert not [identifier for (_, identifier, _, rows), answer in zip(snapshots, answers) if rows != answer]
    assert len(snapshots) > 100


def test_p7_rows_are_those_of_the_source(snapshots):
    for store, identifier, _, rows in snapshots:
        dataset = store.bucket.dataset(identifier)
        assert not any(dataset.bad.values()), identifier
        assert rows == encoded(dataset.csv(dataset.answer())), identifier


def test_every_kind_occurs(snapshots):
    """And nothing else does: what is new in the format is to be listed, and made to occur."""
    assert set().union(*(snapshot.seen for _, _, snapshot, _ in snapshots)) == snapshot_kinds.EVERY


def test_what_the_footer_says_of_years(snapshots):
    for store, identifier, snapshot, _ in snapshots:
        dataset = store.bucket.dataset(identifier)
        held = {year["year"]: year["rows"] for year in snapshot.years if year["state"] == 0}
        assert held == {year: sum(row.year == year for row in dataset.rows) for year in dataset.years}, identifier
        assert {row.year for row in snapshot.rows()} <= set(held)
        assert snapshot.subject["id"] == identifier and snapshot.subject["source"] == store.access[0]


def fingerprint(said):
    """Of what a document says of extra columns."""
    def text(value):
        value = (value or "").encode()
        assert len(value) < 128
        return bytes([len(value)]) + value + b"\0"

    types = [None, "string", "int", "double"]
    return xxh3(b"".join(text(name) + bytes([types.index(kind)]) + text(units) + text(about) for name, kind, units, about in said))


def test_what_the_footer_says_of_forms(snapshots):
    snapshot, = (snapshot for _, identifier, snapshot, _ in snapshots if identifier == "forms")
    found = {year["year"]: tuple(year[name] for name in ("form", "repairs", "duplicates", "flags")) for year in snapshot.years}
    assert found == snapshot_kinds.FORMS
    said = {name: (kind, units or "", text or "") for name, kind, units, text in snapshot_kinds.PARAMETERS["forms"][4:]}
    assert snapshot.parameters == said
    assert snapshot.fingerprint == fingerprint(snapshot_kinds.PARAMETERS["forms"][4:])
    assert not any(snapshot.fingerprint for _, identifier, snapshot, _ in snapshots if identifier != "forms")


def test_blocks_that_are_kept(build, tmp_path):
    """A new version of one year leaves the others' blocks as they are, but for the numbers of templates and columns."""
    (tmp_path / "made").mkdir()
    (tmp_path / "home").mkdir()
    large = next(years for name, years in snapshot_kinds.datasets() if name == "large")
    store = made(tmp_path / "home", tmp_path / "made", [("large", large)])
    other = large[2018].replace("/d/", "/e/").splitlines()
    for content in ["".join(f"{line},{i % 7}\n" for i, line in enumerate(other)), large[2018], "\n".join(other[::50])]:
        store.tiny.write(store.tiny.path("large", 2018), content)
        store.index()
        dataset = store.bucket.dataset("large")
        rows = encoded(Snapshot(store.files["large"]).csv())
        assert rows == store.query("large") == encoded(dataset.csv(dataset.answer()))


def test_damage_is_noticed(stores, tmp_path):
    """A byte that differs, wherever it is, or a file that is cut short."""
    for identifier in ("tiny", "corpus_times", "heap_constant"):
        whole = stores[1].files[identifier].read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 97)):
            changed = bytearray(whole)
            changed[at] ^= 0x10
            for content in (changed, whole[:at]):
                (tmp_path / "damaged.hdx").write_bytes(content)
                with pytest.raises(Damaged):
                    Snapshot(tmp_path / "damaged.hdx").rows()


def test_as_a_program(stores):
    def run(*arguments):
        command = [sys.executable, "-B", snapshot_reader.__file__, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=60)

    path = stores[1].files["odd_bytes"]
    assert run(path).stdout == stores[1].query("odd_bytes")
    told = run("--describe", path).stdout.decode()
    assert told.startswith("file: ") and "block 0: 3 rows" in told and "starts " in told
    assert run(Path(__file__)).returncode == 1 and b"too short" in run("/dev/null").stderr


# ---- released versions

@pytest.mark.parametrize("path", VECTORS, ids=[f"{path.parent.name}/{path.stem}" for path in VECTORS])
def test_released_versions_stay_readable(heliodex, path):
    wanted = path.with_suffix(".csv").read_bytes()
    assert encoded(Snapshot(path).csv()) == wanted
    bucket = f"s3://{TINY}/"
    place = heliodex.store / "aws" / TINY
    place.mkdir(parents=True)
    shutil.copy(path, place)
    assert heliodex("verify", bucket, "--format", "csv").expect(0).lines[1].split(",")[5] == "sound"
    assert heliodex("query", bucket, path.stem, "--offline", "--format", "csv").expect(0).raw == wanted


def test_there_are_released_versions():
    assert [path.parent.name for path in VECTORS] == 3 * ["snapshot-v1"] + ["snapshot-v1.1"]
