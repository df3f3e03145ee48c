"""Disks, outputs and limits of this machine: stores, reports and standard output that are full, broken, not to be
written to, or read by nobody. (Destinations of mirrors: test_mirror_disk.py, test_mirror_faults.py.)
"""

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import threading

import pytest

from conftest import FAULTS, TINY
from mirror import STATE, content, tree
from origin import Behaviour
from usage import Watch

MB = 1 << 20
YEARS = range(2010, 2020)
DEVICE = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


@pytest.fixture
def held(tiny, client):
    """Two datasets that are held, and have changed since."""
    for name in ("a", "b"):
        tiny.add(name, {year: 50 for year in YEARS})
    client.index().expect(0)
    client.old = answers(client)
    for name in ("a", "b"):
        for year in YEARS:
            tiny.write(tiny.path(name, year), tiny.read(tiny.path(name, year)).replace(b".cdf,", b"_v1.cdf,"))
    client.new = {name: tiny.reference().dataset(name) for name in ("a", "b")}
    client.new = {name: dataset.csv(dataset.answer()) for name, dataset in client.new.items()}
    return client


def answers(client):
    return {name: client.query(name, "--offline").expect(0).out for name in ("a", "b")}


class Shim:
    """The program with calls that fail below a folder, or of one file."""

    def __init__(self, program, below, count):
        self.below, self.count = below, count
        self.options = program.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"

    def environment(self, fault=""):
        return {"LD_PRELOAD": str(FAULTS), "HDX_FAULTS": fault, "HDX_FAULTS_BELOW": str(self.below),
                "HDX_FAULTS_COUNT": str(self.count), "ASAN_OPTIONS": self.options}

    def counts(self):
        return {name: int(count) for name, count in map(str.split, self.count.read_text().splitlines())}


needs_shim = pytest.mark.skipif(not FAULTS.exists(), reason=f"{FAULTS} was not built")


# ---- the store


@needs_shim
@pytest.mark.parametrize("call, error", [("pwrite", "ENOSPC"), ("pwrite", "EIO"), ("fsync", "EIO"),
                                         ("rename", "ENOSPC"), ("close", "EIO"), ("pwrite", "EDQUOT"),
                                         ("rename", "EDQUOT")])
def test_28_29_30_p5_a_store_on_a_disk_that_fails(held, tmp_path, call, error):
    """Each dataset answers as before or as the archive is now; a run that could not write says so and ends with 6."""
    shim = Shim(held.program, held.program.store, tmp_path / "count")
    held.index(env=shim.environment()).expect(0)
    count = shim.counts()[call]
    assert count > 0
    for n, on in {(1, ""), (1 + count // 2, ":on"), (count, "")}:
        for name in ("a", "b"):
            for year in YEARS:
                now = held.tiny.read(held.tiny.path(name, year))
                held.tiny.write(held.tiny.path(name, year), now.replace(b".cdf,", b"x.cdf,"))
        old, reference = answers(held), held.tiny.reference()
        new = {name: reference.dataset(name).csv(reference.dataset(name).answer()) for name in ("a", "b")}
        done = held.index("--report", tmp_path / "report", env=shim.environment(f"{call}:{n}:{error}{on}"))
        now = answers(held)
        assert all(now[name] in (old[name], new[name]) for name in now), f"{call} {n} of {count}: {done}"
        # What a lock says may be lost, and so may the close of what was only read.
        harmless = call in ("pwrite", "close") and not on
        assert done.code in (1, 6) or (harmless and done.code == 0 and now == new), f"{call} {n} of {count}: {done}"
        if done.code == 1:
            assert '"exit":6' in (tmp_path / "report").read_text(), done
        if done.code == 6:
            assert "cannot be" in done.err and str(held.program.store) in done.err, done
        held.index().expect(0)
        assert answers(held) == new
        held.program("verify").expect(0)


@needs_shim
def test_30_p5_what_cannot_be_synced_does_not_get_its_name(held, tmp_path):
    """Though all of it may be there: after a crash it might not."""
    (path,) = held.program.store.rglob("a.hdx")
    shim = Shim(held.program, path.parent / ".a.hdx.", tmp_path / "count")  # what temporary files of it begin with
    held.index(env=shim.environment("fsync:1:EIO:on")).expect(1, "a.hdx", "cannot be synced")
    assert answers(held) == {"a": held.old["a"], "b": held.new["b"]}
    held.index().expect(0)
    assert answers(held) == held.new


@needs_shim
def test_30_a_query_whose_snapshot_cannot_be_renewed_says_so(held, tmp_path):
    shutil.copytree(held.program.store, tmp_path / "twin")
    shim = Shim(held.program, tmp_path, tmp_path / "count")
    held.query("a", "--refresh", "--store", tmp_path / "twin", env=shim.environment()).expect(0)
    last = f"rename:{shim.counts()['rename']}:EIO"  # documents come before
    shim.below = held.program.store
    told = "a: what is held could not be renewed", ".hdx", "could not be refreshed; these are the rows held"
    done = held.query("a", "--refresh", env=shim.environment(last)).expect(1, *told)
    assert done.out == held.old["a"]
    assert held.query("a", "--refresh").expect(0, "").out == held.new["a"]


def test_28_a_store_on_a_full_disk_goes_on_when_there_is_room(held, disk):
    store = disk / "store"
    held.index("--store", store).expect(0)
    ballast = os.open(disk / "ballast", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError):
        while True:
            os.write(ballast, bytes(4096))
    os.close(ballast)
    for name in ("a", "b"):
        held.tiny.write(held.tiny.path(name, 2015), "".join(
            f"2015-03-01T00:00:00Z,2015-03-02T00:00:00Z,s3://b/{hashlib.sha512(b'%d' % i).hexdigest()},{i}\n"
            for i in range(4000)))
    held.index("--store", store).expect(6, "space")
    for name in ("a", "b"):
        assert held.query(name, "--offline", "--store", store).expect(0).out == held.new[name]
    assert [path for path in store.rglob("*") if path.suffix == ".tmp"] == []
    os.unlink(disk / "ballast")
    held.index("--store", store).expect(0)
    reference = held.tiny.reference().dataset("a")
    assert held.query("a", "--offline", "--store", store).expect(0).out == reference.csv(reference.answer())


def test_31_a_store_that_cannot_be_written_to(tiny, client, disk, tmp_path):
    """It is said before any index file is asked for."""
    tiny.add("a", {year: 3 for year in YEARS})
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for arguments in (["index", client.bucket], ["query", client.bucket, "a"]):
        done = client.program(*arguments, *client.access, "--store", disk / "store")
        done.expect(6, "read-only", str(disk / "store"))
        assert tiny.asked() == [], done
    (tmp_path / "file").write_text("mine")
    client.index("--store", tmp_path / "file" / "below").expect(6, "file")
    assert (tmp_path / "file").read_text() == "mine" and tiny.asked() == []


def test_31_an_output_that_cannot_be_written_to_is_said_first(tiny, client, archive, tmp_path):
    archive.dataset("d", {"data/a.cdf": content(10, 1)})
    client.index().expect(0)
    tiny.origin.clear()
    nowhere = tmp_path / "no" / "where"
    done = [client.query("d", "-o", nowhere), client.program("cat", client.bucket, "d", *client.access, "-o", nowhere)]
    for verb, more in [("mirror", ["--dest", tmp_path / "dest"]), ("cat", []), ("index", [])]:
        ids = ["d"] if verb != "index" else []
        done.append(client.program(verb, client.bucket, *ids, *client.access, *more, "--report", nowhere))
    for each in done:
        each.expect(6, str(nowhere))
    assert archive.data_requests() == 0


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_31_places_without_permission(archive, mirror, client, tmp_path):
    """As anybody would meet them: root without its privilege to write everywhere."""
    archive.dataset("d", {"data/a.cdf": content(10, 1)})
    client.index().expect(0)
    if os.geteuid() == 0:
        wrapper = tmp_path / "wrapper"
        wrapper.write_text("#!/bin/sh\nexec setpriv --bounding-set=-dac_override,-dac_read_search "
                           f"'{client.program.path}' \"$@\"\n")
        wrapper.chmod(0o755)
        client.program.path = wrapper
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    client.tiny.origin.clear()
    mirror("d", dest=closed / "dest").expect(6, str(closed), "permission denied")
    mirror("d", dest=closed).expect(6, str(closed), "permission denied")
    client.index("--store", closed / "store").expect(6, str(closed), "permission denied")
    client.query("d", "-o", closed / "rows").expect(6, str(closed), "permission denied")
    mirror("d", "--report", closed / "report").expect(6, str(closed), "permission denied")
    assert archive.data_requests() == 0 and client.tiny.asked() == [] and list(closed.iterdir()) == []
    mirror("d").expect(0)


# ---- reports and outputs


@DEVICE
@pytest.mark.parametrize("option", ["--report", "--stats"])
def test_28_a_report_that_finds_no_room(archive, mirror, cat, option):
    """What was to be done is done; that it is not reported is told, and the run has failed."""
    files = {f"data/{i}.cdf": content(100, i) for i in range(5)}
    archive.dataset("d", files)
    mirror.client.index(option, "/dev/full").expect(6, "/dev/full", "space")
    mirror.client.check("d")
    mirror("d", option, "/dev/full").expect(6, "/dev/full", "space")
    assert tree(mirror.dest) == files
    assert cat("d", option, "/dev/full").expect(6, "/dev/full", "space").raw == b"".join(files.values())
    mirror("d").expect(0, "5 unchanged")


@DEVICE
def test_28_p2_a_report_that_finds_no_room_beside_what_has_failed(archive, mirror, cat):
    """What is not in it is told all the same: the exit status is that of the run, which has failed by itself."""
    archive.dataset("d", {"data/a.cdf": content(100, 1), "data/b.cdf": content(100, 2)})
    archive.tiny.origin.remove(f"/{TINY}/data/b.cdf")
    mirror.client.index().expect(0)
    for option in ("--report", "--failed-out"):
        for run in (mirror, cat):
            run("d", option, "/dev/full").expect(1, "data/b.cdf", "/dev/full: not written: No space left on device")
    archive.tiny.origin.always(archive.tiny.path("d", 2020), Behaviour(status=400))
    for option in ("--report", "--failed-out"):
        mirror.client.index(option, "/dev/full").expect(7, "d_2020.csv", "/dev/full: not written: No space left on device")
    for path in mirror.client.program.store.rglob("d.hdx"):
        path.write_bytes(path.read_bytes()[:-1])
    mirror.client.program("verify", "--report", "/dev/full").expect(7, "d.hdx", "/dev/full: not written")


@DEVICE
def test_28_standard_output_that_is_full(archive, cat, client):
    """Every verb that prints says so; cat and query fetch nothing further."""
    archive.dataset("d", {f"data/{i:03}.cdf": content(100_000, i) for i in range(200)})
    client.index().expect(0)
    with open("/dev/full", "wb") as full:
        client.query("d", stdout=full).expect(6, "standard output", "space")
        for verb in ("datasets", "validate"):
            client.program(verb, client.bucket, *client.access, stdout=full).expect(6, "standard output", "space")
        client.program("info", client.bucket, "d", *client.access, stdout=full).expect(6, "standard output", "space")
        for verb in ("version", "help", "help cat", "completion bash", "store list", "verify"):
            client.program(*verb.split(), stdout=full).expect(6, "standard output", "space")
        archive.tiny.origin.clear()
        for i in range(200):
            archive.tiny.origin.always(f"/{TINY}/data/{i:03}.cdf", Behaviour(delay=0.05))
        cat("d", "--jobs", "4", stdout=full).expect(6, "standard output", "space")
        assert archive.data_requests() < 100
        cat("d", "--tar", "--jobs", "4", stdout=full).expect(6, "standard output", "space")


def test_28_an_output_file_on_a_full_disk_does_not_appear(archive, cat, client, disk):
    archive.dataset("d", {f"data/{i}.cdf": content(MB, i) for i in range(4)})
    cat("d", "-o", disk / "bytes").expect(6, "space")
    client.tiny.add("much", {2019: 60_000})
    client.index("much").expect(0)
    client.query("much", "-o", disk / "rows.csv").expect(6, "space")
    assert list(disk.iterdir()) == []


@needs_shim
@pytest.mark.parametrize("call, error", [("pwrite", "ENOSPC"), ("fsync", "EIO"), ("pwrite", "EDQUOT")])
def test_28_29_30_p3_a_journal_that_cannot_be_written(archive, mirror, tmp_path, call, error):
    """The journal alone fails, at its beginning or later: the run ends with 6, and a rerun goes on."""
    files = {f"data/{i:02}.cdf": content(2000, i) for i in range(30)}
    archive.dataset("d", files)
    for n in (1, 2):
        mirror.dest = tmp_path / f"dest-{n}"
        shim = Shim(mirror.client.program, mirror.dest / STATE / "journal", tmp_path / "count")
        done = mirror("d", env=shim.environment(f"{call}:{n}:{error}:on"))
        assert tree(mirror.dest).items() <= files.items()
        if n == 1 or shim.counts()[call] >= n:
            done.expect(6, "journal")
        mirror("d").expect(0)
        assert tree(mirror.dest) == files
        mirror.verify().expect(0)


# ---- limits


@pytest.mark.parametrize("count", [40, 64, 100])
def test_32_few_file_descriptors_are_told(tiny, client, count):
    """An index run with fewer connections than are allowed: it says why, and nothing is lost."""
    tiny.add("a", {year: 3 for year in range(1800, 2020)})
    for year in range(1800, 2020):
        tiny.origin.always(tiny.path("a", year), Behaviour(delay=0.05))

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

    client.index(preexec_fn=limit).expect(0, "warning", f"only {count} files")
    assert tiny.origin.connections_max < count
    client.check()


def test_29_a_limit_of_file_sizes_leaves_the_output_as_it_was(archive, cat, client, tmp_path):
    archive.dataset("d", {"data/a.cdf": content(3 * MB, 1)})
    (tmp_path / "out").write_text("old")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (MB, MB))

    cat("d", "-o", tmp_path / "out", preexec_fn=limit).expect(6)
    assert (tmp_path / "out").read_text() == "old"


@pytest.mark.parametrize("verb", [["query"], ["plan", "--shards", 2]], ids=lambda verb: verb[0])
def test_29_a_limit_of_file_sizes_is_told_by_what_asks_no_server(tiny, client, tmp_path, verb):
    tiny.add("a", {2020: 20_000})
    client.index().expect(0)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    out = tmp_path / "out"
    done = client.program(verb[0], client.bucket, "a", *verb[1:], "-o", out, *client.access, "--offline", preexec_fn=limit)
    done.expect(6, f"{out}: not written: File too large")
    assert not out.exists()


# ---- others


def test_36_who_has_the_store_is_told(tiny, client, tmp_path):
    """With process and machine; the second one waits, and then finds everything as it is."""
    tiny.add("a", {year: 3 for year in YEARS})
    gate = threading.Event()
    tiny.origin.always(tiny.path("a", 2015), Behaviour(until=gate))
    first = client.program.start("index", client.bucket, *client.access)
    assert tiny.origin.wait_for(lambda: tiny.origin.requests_now >= 1)
    with open(tmp_path / "told", "wb") as err:
        second = client.program.start("index", client.bucket, *client.access, stderr=err)
    holder = f"pid {first.pid} on {os.uname().nodename}"
    waits = tiny.origin.wait_for(lambda: holder in (tmp_path / "told").read_text(), seconds=20)
    gate.set()
    for process in (first, second):
        process.communicate(timeout=30)
    assert waits and (first.returncode, second.returncode) == (0, 0), (tmp_path / "told").read_text()
    client.check()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("verb", ["query", "cat"])
def test_35_a_signal_ends_what_waits_for_its_reader(archive, client, verb, number, code):
    archive.dataset("d", {f"data/{i}.cdf": content(MB, i) for i in range(8)})
    client.tiny.add("much", {2019: 60_000})
    client.index().expect(0)
    process = client.program.start(verb, client.bucket, "d" if verb == "cat" else "much", *client.access)
    process.stdout.read(10)  # and no further
    process.send_signal(number)
    assert process.wait(30) == code
    assert b"interrupted" in process.stderr.read()


@pytest.mark.skipif(os.environ.get("HDX_BUILD", "").endswith("tsan"), reason="its shadow memory counts as ours")
def test_40_p4_a_query_waits_for_its_reader_in_bounded_memory(tiny, client):
    """Rows of far more bytes than the memory allowed, to a reader that takes its time."""
    content = "".join(f"2019-{1 + i // 28000:02}-{1 + i // 1000 % 28:02}T{i % 1000 // 60:02}:{i % 1000 % 60:02}:00Z,"
                      f"2019-12-31T00:00:00Z,s3://b/{i:06}{'k' * 1000},{i}\n" for i in range(100_000))
    tiny.add("much", {2019: content})
    client.index().expect(0)
    right = hashlib.sha256(b"start,stop,datakey,filesize\n" + content.encode()).digest()
    lean = {"ASAN_OPTIONS": client.program.environment["ASAN_OPTIONS"] + ":quarantine_size_mb=1"}
    process = client.program.start("query", client.bucket, "much", *client.access, "--offline", "--format", "csv",
                                   "--memory", "16M", env=lean)
    digest, length = hashlib.sha256(), 0
    with Watch(process) as used:
        while block := os.read(process.stdout.fileno(), 65536):
            digest.update(block)
            length += len(block)
    process.stdout.close()
    assert process.wait(30) == 0, process.stderr.read()
    assert digest.digest() == right and length > 96 * MB
    assert used.memory < (16 + 64) * MB, f"{used.memory / MB:.0f} MiB"


def test_40_who_reads_nothing_holds_up_what_is_fetched(archive, cat):
    """However long nobody reads, no more is asked for than memory has room; then it goes on."""
    files = {f"data/{i:03}.cdf": content(MB, i) for i in range(80)}
    archive.dataset("d", files)
    process = cat.start("d", "--memory", "16M")
    first = process.stdout.read(1)
    counts = []
    while len(counts) < 10 or len(set(counts[-10:])) > 1:  # until nothing has been asked for a while
        archive.tiny.origin.wait_for(lambda: False, seconds=0.1)
        with archive.tiny.origin.lock:
            counts.append(len(archive.tiny.origin.log))
    assert counts[-1] < 40
    assert first + process.stdout.read() == b"".join(files.values())
    assert process.wait(30) == 0, process.stderr.read()


def test_30_an_output_that_cannot_be_looked_at_is_not_replaced(client, tiny, failing):
    """Nobody knows what it is: a device or a pipe would have become a file."""
    tiny.add("d", {2020: 3})
    client.index().expect(0)
    output = client.program.home / "output"
    for option in ["-o", "--stats"]:
        os.mkfifo(output)
        done = failing("stat:1:EIO", "query", client.bucket, "d", option, output, env={"HDX_FAULTS_BELOW": str(output)})
        done.expect(6, f"{output}: cannot be written")
        assert output.is_fifo()
        output.unlink()
