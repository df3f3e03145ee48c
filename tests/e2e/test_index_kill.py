"""kill -9 at random moments of index runs: what is held is sound, answers without the network are the old ones or the
new ones, and a rerun ends with those of an undisturbed run.

HELIODEX_TEST_KILLS says how often in all, HELIODEX_TEST_SEED with which seed.
"""

import concurrent.futures
import os
import random
import shutil
import threading
import time

import pytest

from conftest import rows

KILLS = int(os.environ.get("HELIODEX_TEST_KILLS", "40"))
SEED = int(os.environ.get("HELIODEX_TEST_SEED", "20261126"))
DATASETS = ("a", "b", "c", "large")
YEARS = range(2015, 2020)
NOTHING_IS_HELD = None


class Archive:
    """A bucket whose index files come in versions; each process that asks is killed, or ends."""

    def __init__(self, tiny, client, chance):
        self.tiny, self.client, self.chance, self.version = tiny, client, chance, 0
        self.usual = 1.0  # seconds that a run takes
        for name in DATASETS:
            tiny.add(name, {year: self.content(name, year) for year in YEARS})

    def content(self, name, year):
        count = 4000 if name == "large" else 20
        return rows(name, year, count).replace(".cdf,", f"_v{self.version}.cdf,")

    def change(self):
        """Publishes another version of most index files."""
        self.version += 1
        for name in DATASETS:
            for year in YEARS:
                if self.chance.random() < 0.8:
                    self.tiny.write(self.tiny.path(name, year), self.content(name, year))

    def answers(self):
        """What the reference answers now, by dataset."""
        bucket = self.tiny.reference()
        datasets = {name: bucket.dataset(name) for name in DATASETS}
        return {name: dataset.csv(dataset.answer()) for name, dataset in datasets.items()}

    def held(self):
        """What is answered without the network, by dataset."""
        def ask(name):
            done = self.client.query(name, "--offline")
            return done.expect(3) and NOTHING_IS_HELD if done.code == 3 else done.expect(0).out

        with concurrent.futures.ThreadPoolExecutor(len(DATASETS)) as pool:
            return dict(zip(DATASETS, pool.map(ask, DATASETS)))

    def run(self, processes):
        """Index runs at the same time, each killed at a moment of its own; how many were killed."""
        def start():
            options = ["--threads", self.chance.choice("13"), "--jobs", self.chance.choice(["1", "64"])]
            return self.client.program.start("index", self.client.bucket, *self.client.access, *options, "-q")

        running = [start() for _ in range(processes)]
        timers = [threading.Timer(self.chance.uniform(0, 1.2) * self.usual, process.kill) for process in running]
        for timer in timers:
            timer.start()
        told = [process.communicate(timeout=100)[1].decode() for process in running]
        for timer in timers:
            timer.cancel()
        codes = [process.returncode for process in running]
        assert set(codes) <= {0, -9}, told
        return codes.count(-9)


@pytest.fixture
def archive(tiny, client):
    it = Archive(tiny, client, random.Random(SEED))
    begun = time.monotonic()
    client.index("--store", client.program.home / "measure").expect(0)
    it.usual = time.monotonic() - begun
    return it


def run_until_one_ends(archive, kills, *, possible):
    """Runs and kills until a run ends by itself, or all kills are spent; after each, every dataset answers one of
    `possible` ({dataset: answers}). Returns how many kills are left."""
    while kills > 0:
        killed = archive.run(min(archive.chance.choice([1, 1, 1, 3]), kills))
        kills -= killed
        told = f"seed {SEED}, {kills} kills before the end"
        archive.client.program("verify").expect(0)
        for name, answer in archive.held().items():
            assert answer in possible[name], f"{told}: {name} answers neither as before nor as an undisturbed run"
        if not killed:
            break
    return kills


def finish(archive, right):
    """A run that nobody disturbs."""
    archive.client.index().expect(0)
    assert archive.held() == right, f"seed {SEED}"
    files = [path for path in archive.client.program.store.rglob("*") if path.is_file()]
    left = [path for path in files if path.suffix not in (".hdx", ".json", ".meta") and path.name != ".lock"]
    assert left == [], f"seed {SEED}"


def test_34_p3_kill_while_a_bucket_is_indexed_for_the_first_time(archive):
    kills, right, store = KILLS // 2, archive.answers(), archive.client.program.store
    possible = {name: (NOTHING_IS_HELD, answer) for name, answer in right.items()}
    while kills > 0:
        shutil.rmtree(store, ignore_errors=True)
        kills = run_until_one_ends(archive, kills, possible=possible)
    finish(archive, right)


def test_34_p3_p5_kill_while_a_changed_bucket_is_refreshed(archive):
    kills = KILLS - KILLS // 2
    archive.client.index().expect(0)
    new = archive.answers()
    while kills > 0:
        old = new
        archive.change()
        new = archive.answers()
        kills = run_until_one_ends(archive, kills, possible={name: (old[name], new[name]) for name in DATASETS})
        finish(archive, new)
