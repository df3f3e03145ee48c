"""Mirrors on a disk that fails: whichever call it is, the run says so, no name means other bytes than the file's, and a
rerun ends with the tree of an undisturbed run. (The library faults has the n-th call fail.)

HELIODEX_TEST_FAULTS says how many calls of each function fail, one a run (3 by default; any large number: all)."""

import os

import pytest

from conftest import FAULTS, TINY
from mirror import Archive, Mirror, content, partial, report, tree

MB = 1 << 20
SOME_CALLS = int(os.environ.get("HELIODEX_TEST_FAULTS", "3"))  # of each function fail, from the first to the last


@pytest.fixture
def archive(tiny):
    it = Archive(tiny)
    it.dataset("d", {f"data/{i % 3}/{i:02}.cdf": content(1000 + i, i) for i in range(40)}
               | {"data/large.cdf": content(MB + 300_000, "l"), "data/empty.cdf": b""})
    return it


class Disk:
    """The verb with a disk that fails."""

    def __init__(self, client, folder):
        self.client, self.folder, self.made = client, folder, 0

    def mirror(self, fault, *arguments):
        """A run to a destination of its own; returns it and what became of the run."""
        self.made += 1
        mirror = Mirror(self.client, self.folder / f"dest-{self.made}")
        return mirror, self.again(mirror, fault, *arguments)

    def again(self, mirror, fault, *arguments):
        environment = self.client.program.environment
        return mirror("d", "--part-size", "256K", *arguments, env={
            "LD_PRELOAD": str(FAULTS), "HDX_FAULTS": fault, "HDX_FAULTS_BELOW": str(mirror.dest),
            "HDX_FAULTS_COUNT": str(self.folder / "count"),
            "ASAN_OPTIONS": environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"})

    def counts(self):
        return {name: int(count) for name, count in map(str.split, (self.folder / "count").read_text().splitlines())}


@pytest.fixture
def disk(client, tmp_path):
    if not FAULTS.exists():
        pytest.skip(f"{FAULTS} was not built")
    client.index().expect(0)
    return Disk(client, tmp_path)


def test_30_p3_a_file_that_could_not_be_replaced_is_not_taken_for_the_new_one(archive, disk, tiny):
    """Size and time of both are the same."""
    mirror, done = disk.mirror("")
    path = f"/{TINY}/data/1/04.cdf"
    old, changed = tiny.origin.objects[path]
    new = content(len(old), "new")
    tiny.origin.objects[path] = (new, changed)
    disk.again(mirror, "rename:1:EIO", "--refresh").expect(6)
    assert tree(mirror.dest).get("data/1/04.cdf") != new
    mirror("d").expect(0, "1 fetched")
    assert tree(mirror.dest) == archive.files | {"data/1/04.cdf": new}


def some(count):
    return sorted({1 + i * (count - 1) // max(1, SOME_CALLS - 1) for i in range(min(SOME_CALLS, count))})


@pytest.mark.parametrize("call, error", [("open", "ENOSPC"), ("pwrite", "ENOSPC"), ("pwrite", "EIO"), ("fallocate", "ENOSPC"),
                                         ("ftruncate", "EIO"), ("futimens", "EIO"), ("fsync", "EIO"), ("syncfs", "EIO"),
                                         ("rename", "ENOSPC"), ("close", "EIO"), ("mkdir", "ENOSPC"),
                                         ("pwrite", "EDQUOT"), ("fallocate", "EDQUOT"), ("rename", "EDQUOT")])
@pytest.mark.parametrize("on", ["", ":on"])
def test_28_29_30_any_call_that_fails(archive, disk, tmp_path, call, error, on):
    disk.mirror("")
    count = disk.counts()[call]
    if call == "syncfs" and count == 0:
        pytest.skip("files came so slowly that no batch of them was large enough to be synced at once")
    assert count > 0
    for n in some(count):
        mirror, done = disk.mirror(f"{call}:{n}:{error}{on}", "--report", tmp_path / "r")
        told = f"{call} {n} of {count}: {done}"
        found = tree(mirror.dest) if mirror.dest.exists() else {}
        assert found.items() <= archive.files.items(), told
        assert done.code != 0 or found == archive.files, told
        assert done.code in ((0, 6) if error in ("ENOSPC", "EDQUOT") and on else (0, 1, 6)), told
        if 0 < len(found) < len(archive.files):
            lines = report(tmp_path / "r").values()
            assert any(line["state"] in ("failed", "left") and line["message"] for line in lines), told
        mirror("d").expect(0)
        assert tree(mirror.dest) == archive.files and partial(mirror.dest) == [], told
        mirror.verify().expect(0)
