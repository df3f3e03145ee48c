"""Mirrors when archives, networks and disks fail: the rows of the table of faults that are about downloads. A test's
name begins with the number of its row."""

import base64
import hashlib
import json
import os
import resource
import signal
import subprocess

import pytest

from conftest import TINY
from mirror import STATE, content, partial, report, tree
from origin import Behaviour

MB = 1 << 20
KEY = "data/a.cdf"
PATH = f"/{TINY}/{KEY}"
RANGED = ["--part-size", "64K"]


def one(archive, size=100_000, **options):
    """A dataset with one file, and another one beside it that is always well."""
    files = {KEY: content(size, "a"), "data/b.cdf": content(1000, "b")}
    archive.dataset("d", files, **options)
    return files


def only_b(files):
    return {"data/b.cdf": files["data/b.cdf"]}


def test_02_refused_and_reset_before_the_head(archive, mirror):
    files = one(archive)
    archive.tiny.origin.script(PATH, Behaviour(cut=-1), Behaviour(cut=-1, cut_by="fin"))
    mirror("d").expect(0, "2 fetched")
    assert tree(mirror.dest) == files
    assert len(archive.asked(KEY)) == 3


def test_03_a_file_goes_on_from_every_byte(archive, mirror):
    """Each file of a size is cut at another byte, in one run."""
    size = 64
    files = {f"data/{k:02}": content(size, k) for k in range(size)}
    archive.dataset("d", files)
    for k in range(size):
        archive.tiny.origin.script(f"/{TINY}/data/{k:02}", Behaviour(cut=k))
    mirror("d").expect(0)
    assert tree(mirror.dest) == files
    for k in range(1, size):
        asked = archive.asked(f"data/{k:02}")
        assert asked[-1].headers["range"] == f"bytes={k}-{size - 1}" and asked[-1].headers["if-match"]
        assert sum(request.sent for request in asked) == size


def test_03_parts_of_a_large_file_go_on(archive, mirror):
    files = one(archive, 3 * MB)
    archive.tiny.origin.script(PATH, *[Behaviour(cut=30_000 + 1000 * i) if i % 2 else None for i in range(30)])
    mirror("d", *RANGED).expect(0)
    assert tree(mirror.dest) == files


def test_04_a_stall_ends_an_attempt(archive, mirror):
    files = one(archive)
    archive.tiny.origin.script(PATH, Behaviour(stall=5000))
    mirror("d", "--stall-time", "200ms").expect(0, "came for 0.2 s: asking again on another connection")
    assert tree(mirror.dest) == files


def test_11_a_missing_file_fails_alone(archive, mirror):
    files = one(archive)
    archive.tiny.origin.remove(PATH)
    mirror("d").expect(1, KEY, "1 fetched, 1 failed")
    assert tree(mirror.dest) == only_b(files)
    mirror("d", "--key", "a.cdf").expect(3, KEY)


def test_13_an_object_that_shrank_is_fetched_anew(archive, mirror):
    files = one(archive, 300_000, sizes={KEY: None})
    new = content(100_000, "shrunk")
    archive.tiny.origin.script(PATH, None, None, Behaviour(replace=new))
    mirror("d", *RANGED, "-j", "1").expect(0)
    assert tree(mirror.dest) == files | {KEY: new}


def test_14_an_object_that_changes_once_is_fetched_anew(archive, mirror):
    files = one(archive, 300_000)
    new = content(300_000, "changed")
    archive.tiny.origin.script(PATH, None, None, Behaviour(replace=new))
    mirror("d", *RANGED, "-j", "1").expect(0)
    assert tree(mirror.dest) == files | {KEY: new}


def test_14_an_object_that_goes_on_changing_fails(archive, mirror):
    files = one(archive, 300_000)
    archive.tiny.origin.script(PATH, *[Behaviour(replace=content(300_000, f"version {i}")) for i in range(100)])
    mirror("d", *RANGED).expect(1, "changed while it was fetched")
    assert tree(mirror.dest) == only_b(files)
    assert partial(mirror.dest) == []


def test_15_a_server_that_asks_for_patience_gets_it(archive, mirror):
    files = {f"data/{i:03}.cdf": content(500, i) for i in range(150)}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    archive.tiny.origin.throttle(rate=200, burst=20, retry_after=None)
    mirror("d").expect(0, "150 fetched")
    assert tree(mirror.dest) == files


def test_16_bursts_of_server_errors(archive, mirror):
    files = one(archive)
    archive.tiny.origin.script(PATH, Behaviour(status=500), Behaviour(status=502), Behaviour(status=504))
    mirror("d").expect(0, "3 retried")
    assert tree(mirror.dest) == files


def test_17_a_whole_object_in_place_of_a_range(archive, mirror):
    files = one(archive, 300_000)
    archive.tiny.origin.always(PATH, Behaviour(ignore_range=True))
    mirror("d", *RANGED).expect(0)
    assert tree(mirror.dest) == files


def test_18_a_wrong_range_or_length_is_never_taken(archive, mirror):
    files = one(archive, 300_000)
    archive.tiny.origin.always(PATH, Behaviour(headers={"Content-Range": "bytes 5-70000/300000"}))
    mirror("d", *RANGED, "--retries", "1").expect(1, "Content-Range")
    archive.tiny.origin.always(PATH, Behaviour(headers={"Content-Length": None}, close=True))
    mirror("d", *RANGED).expect(0)
    assert tree(mirror.dest) == files


@pytest.mark.parametrize("by", [-10, 10])
def test_19_a_body_of_another_length_is_never_renamed(archive, mirror, by):
    files = one(archive, 5000)
    archive.tiny.origin.always(PATH, Behaviour(length=5000 + by, body=content(5000, "a")))
    mirror("d", "--retries", "1", "--stall-time", "300ms").expect(1, KEY)
    assert tree(mirror.dest) == only_b(files)


def test_20_a_page_in_place_of_a_file(archive, mirror, tmp_path):
    files = one(archive)
    archive.tiny.origin.always(PATH, Behaviour(body=b"<html>please log in</html>"))
    mirror("d", "--report", tmp_path / "r").expect(1, "26 bytes, expected 100000")
    assert tree(mirror.dest) == only_b(files)
    assert report(tmp_path / "r")[f"s3://{TINY}/{KEY}"]["exit"] == 7


def test_20_unless_the_size_is_to_be_ignored(archive, mirror):
    one(archive, sizes={KEY: 17})
    mirror("d").expect(1, "the server has 100000 bytes, expected 17")
    mirror("d", "--ignore-size").expect(0, "1 fetched")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_21_a_flipped_bit_is_found_by_the_index(archive, mirror, algorithm):
    files = one(archive, algorithm=algorithm)
    archive.tiny.origin.script(PATH, Behaviour(flip=77, headers={"ETag": '"opaque"'}))
    archive.tiny.origin.always(PATH, Behaviour(headers={"ETag": '"opaque"'}))
    mirror("d").expect(0, algorithm, "fetched anew")
    assert tree(mirror.dest) == files
    assert len(archive.asked(KEY)) == 2
    os.unlink(mirror.dest / KEY)
    archive.tiny.origin.always(PATH, Behaviour(flip=77, headers={"ETag": '"opaque"'}))
    mirror("d").expect(1, algorithm)
    assert tree(mirror.dest) == only_b(files)
    assert partial(mirror.dest) == []


def test_21_checksums_that_cannot_be_read_are_told(archive, mirror, cat, tmp_path):
    """Nothing but the size would be checked, without a word."""
    files = {f"data/{name}": b"0123456789" for name in "abcd"}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    rows = "data/a,5b32,md5\ndata/b,abc,blake3\ndata/c,deadbeef,\ndata/d,,md5\n"
    (tmp_path / "list").write_text("datakey,checksum,checksum_algorithm\n" + rows)
    told = ['/data/a: its checksum "5b32" (md5) cannot be read', '/data/b: its checksum "abc" (blake3) cannot be read',
            '/data/c: its checksum "deadbeef" (of no algorithm) cannot be read']
    done = mirror("--keys-from", tmp_path / "list").expect(0, *told)
    assert "/data/d" not in done.err and tree(mirror.dest) == files
    cat("--keys-from", tmp_path / "list").expect(0, *told)
    assert "cannot be read" not in cat("--keys-from", tmp_path / "list", "--ignore-checksums").err


def test_21_a_flipped_bit_is_found_by_the_entity_tag(archive, mirror):
    files = one(archive, 300_000)
    archive.tiny.origin.script(PATH, None, None, Behaviour(flip=130_000), Behaviour(flip=130_000), None)
    mirror("d", *RANGED, "-j", "1").expect(0, "md5")
    assert tree(mirror.dest) == files


def test_21_a_flipped_bit_is_found_by_the_checksums_of_s3(archive, mirror):
    files = one(archive, 300_000)
    digest = base64.b64encode(hashlib.sha256(files[KEY]).digest()).decode()
    told = {"ETag": '"0123456789abcdef0123456789abcdef-3"', "x-amz-checksum-sha256": digest,
            "x-amz-checksum-type": "FULL_OBJECT"}
    archive.tiny.origin.script(PATH, Behaviour(headers=told), Behaviour(headers=told), Behaviour(headers=told, flip=200_000))
    archive.tiny.origin.always(PATH, Behaviour(headers=told, flip=200_000))
    mirror("d", *RANGED, "-j", "1").expect(1, "sha256")
    assert tree(mirror.dest) == only_b(files)
    assert archive.asked(KEY)[0].method == "HEAD"
    assert archive.asked(KEY)[0].headers["x-amz-checksum-mode"] == "ENABLED"
    archive.tiny.origin.always(PATH, Behaviour(headers=told))
    mirror("d", *RANGED).expect(0, "1 sha256")
    assert tree(mirror.dest) == files


def test_41_all_parts_of_a_large_file_are_sent_elsewhere_at_once(archive, mirror):
    """However many they are, that is one redirect."""
    files = one(archive, size=4 * MB)
    archive.tiny.origin.put("/moved", files[KEY])
    away = Behaviour(status=302, headers={"Location": f"{archive.tiny.origin.url}/moved"}, delay=0.2)
    archive.tiny.origin.script(PATH, None, None, *[away] * 64)
    mirror("d", *RANGED).expect(0, "2 fetched")
    assert tree(mirror.dest) == files
    assert len([asked for asked in archive.asked(KEY) if asked.status == 302]) > 5


def test_22_an_encoding_that_nobody_asked_for(archive, mirror):
    files = one(archive)
    archive.tiny.origin.always(PATH, Behaviour(headers={"Content-Encoding": "gzip"}))
    mirror("d").expect(0)
    assert tree(mirror.dest) == files


def test_28_too_little_room_is_said_before_anything_comes(archive, mirror, disk, tmp_path):
    files = {f"data/{i}.cdf": content(400_000, i) for i in range(10)}
    archive.dataset("d", files)
    dest, lines, failed = disk / "dest", tmp_path / "report", tmp_path / "failed"
    done = mirror("d", "--keep-free", "1500K", dest=dest, *("--report", lines, "--failed-out", failed))
    done.expect(6, "3.8 MiB are to come and 1.5 MiB are to be kept free, but only ", "nothing was begun", "10 left")
    assert archive.data_requests() == 0 and tree(dest) == {}
    told = report(lines)
    assert sorted(told) == sorted(f"s3://{TINY}/{key}" for key in files)
    assert {(line["state"], line["exit"]) for line in told.values()} == {("left", 6)}
    assert all("nothing was begun" in line["message"] for line in told.values())
    keys = [json.loads(line)["datakey"] for line in failed.read_text().splitlines()]
    assert sorted(keys) == sorted(told)
    mirror("--from-failed", failed, dest=tmp_path / "elsewhere").expect(0, "10 fetched")
    assert tree(tmp_path / "elsewhere") == files


def test_28_each_number_of_too_little_room_has_its_unit(archive, mirror, disk):
    archive.dataset("d", {"a.cdf": b"abc", "b.cdf": content(2000, 1)})
    archive.dataset("e", {"a.cdf": b"abc"})
    mirror("d", "--keep-free", "3T", dest=disk / "dest").expect(
        6, "2.0 KiB are to come and 3.0 TiB are to be kept free, but only 2.0 MiB are free")
    mirror("e", "--keep-free", "3T", dest=disk / "dest").expect(6, ": 3 bytes are to come and 3.0 TiB are to be")


def test_28_too_little_room_leaves_what_is_complete(archive, mirror, disk, tmp_path):
    """Files that are there are none that were left."""
    files = {f"data/{i}.cdf": content(1000, i) for i in range(3)}
    archive.dataset("d", files)
    archive.dataset("e", files | {"data/large.cdf": content(4_000_000, 9)})
    dest, lines = disk / "dest", tmp_path / "report"
    mirror("d", "--keep-free", "0", dest=dest).expect(0)
    mirror("e", "--keep-free", "0", "--recheck", "--report", lines, dest=dest).expect(6, "nothing was begun", "4: ")
    assert report(lines)[f"s3://{TINY}/data/large.cdf"]["state"] == "left"
    mirror("e", "--keep-free", "0", "--report", lines, dest=dest).expect(6, "3 unchanged, 1 left")
    assert tree(dest) == files


def test_28_a_full_disk_ends_the_run_and_a_rerun_goes_on(archive, mirror, disk):
    files = {f"data/{i}.cdf": content(400_000, i) for i in range(10)}
    archive.dataset("d", files, sizes=dict.fromkeys(files))  # so that nobody knows beforehand
    dest = disk / "dest"
    mirror("d", "--keep-free", "0", "-j", "2", dest=dest).expect(6, "space", "left")
    had = tree(dest)
    assert had.items() <= files.items() and len(had) < 10
    subprocess.run(["mount", "-o", "remount,size=20M", disk], check=True)
    mirror("d", "--keep-free", "0", dest=dest).expect(0, f"{len(had)} unchanged" if had else "10 fetched")
    assert tree(dest) == files


def test_28_a_disk_that_is_to_be_kept_free(archive, mirror, disk):
    files = {f"data/{i}.cdf": content(100_000, i) for i in range(10)}
    archive.dataset("d", files)
    mirror("d", "--keep-free", "1500K", dest=disk / "dest").expect(6, "kept free")
    mirror("d", "--keep-free", "100K", dest=disk / "dest").expect(0, "10 fetched")


def test_29_a_limit_of_file_sizes(archive, mirror):
    files = one(archive, 3 * MB)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (MB, MB))

    mirror("d", preexec_fn=limit).expect(6)
    assert KEY not in tree(mirror.dest)
    mirror("d").expect(0)
    assert tree(mirror.dest) == files


def test_31_a_destination_that_cannot_be_written_to(archive, mirror, tmp_path, disk):
    one(archive)
    (tmp_path / "file").write_text("")
    mirror("d", dest=tmp_path / "file").expect(2, "file")
    mirror("d", dest=tmp_path / "file" / "below").expect(2, "file")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    mirror("d", dest=disk / "dest").expect(6, "read-only")
    assert archive.data_requests() == 0


@pytest.mark.parametrize("most", [24, 28, 64])
def test_32_few_file_descriptors(archive, mirror, most):
    files = {f"data/{i:03}.cdf": content(3000, i) for i in range(200)}
    archive.dataset("d", files)

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    mirror("d", preexec_fn=limit).expect(0, f"only {most} files")
    assert tree(mirror.dest) == files


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_35_a_signal_leaves_what_a_rerun_goes_on_with(archive, mirror, number, code):
    files = one(archive, 8 * MB)
    archive.tiny.origin.script(PATH, None, None, *[Behaviour(drip=(64 << 10, 0.02)) for _ in range(10)])
    client = mirror.client
    process = client.program.start("mirror", client.bucket, "d", *client.access, "--dest", mirror.dest, "--part-size",
                                   "4M", stderr=subprocess.PIPE)

    def written():
        try:
            data = [(mirror.dest / STATE / "partial" / name).read_bytes() for name in partial(mirror.dest)]
        except FileNotFoundError:  # the small one got its name meanwhile
            return False
        return any(len(each) - each.count(0) > 2 * MB for each in data)  # where nothing was written yet it is zero

    assert archive.tiny.origin.wait_for(written)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert KEY not in tree(mirror.dest) and len(partial(mirror.dest)) == 1
    archive.tiny.origin.clear()
    mirror("d", "--part-size", "4M").expect(0, "1 resumed", "kept of earlier runs")
    assert tree(mirror.dest) == files
    assert sum(r.sent for r in archive.asked(KEY)) < 7 * MB


def test_36_eight_processes_on_one_destination(archive, mirror):
    files = {f"data/{i:03}.cdf": content(20_000, i) for i in range(60)} | {"data/l": content(2 * MB, "l")}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    client = mirror.client
    processes = [client.program.start("mirror", client.bucket, "d", *client.access, "--dest", mirror.dest,
                                      stderr=subprocess.PIPE) for _ in range(8)]
    told = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, told
    assert tree(mirror.dest) == files
    assert archive.data_requests() == len(files) + sum(r.method == "HEAD" for r in archive.asked("data/l"))
    assert any("waiting" in text and "process" in text for text in told)
    mirror.verify().expect(0)


def test_36_shards_work_at_the_same_time(archive, mirror):
    files = {f"data/{i:03}.cdf": content(5_000, i) for i in range(80)}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    client = mirror.client
    processes = [client.program.start("mirror", client.bucket, "d", *client.access, "--dest", mirror.dest, "--shard",
                                      f"{k}/8", stderr=subprocess.PIPE) for k in range(1, 9)]
    told = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, told
    assert tree(mirror.dest) == files
    assert archive.data_requests() == len(files)
    mirror("d").expect(0, "80 unchanged")
