"""Mirrors: what is downloaded, where it goes, what a rerun does."""

import os

from conftest import TINY
from mirror import content, partial, report, tree
from origin import Behaviour

MB = 1 << 20


def small(count, prefix="data/2020"):
    return {f"{prefix}/{i:03}.cdf": content(1 + i * 37 % 5000, i) for i in range(count)}


def test_files_of_a_query_are_there_with_their_bytes_and_times(archive, mirror):
    files = small(40) | {"data/empty.cdf": b"", "data/large.cdf": content(3 * MB + 17, "large")}
    archive.dataset("d", files)
    mirror("d", "--part-size", "256K").expect(0, "42 fetched")
    assert tree(mirror.dest) == files
    assert partial(mirror.dest) == []
    for key in files:
        changed = archive.tiny.origin.objects[f"/{TINY}/{key}"][1]
        assert int((mirror.dest / key).stat().st_mtime) == int(changed)
    assert mirror("d").expect(0, "42 unchanged")


def test_p3_a_rerun_asks_for_nothing_that_is_complete(archive, mirror):
    archive.dataset("d", small(30))
    mirror("d").expect(0)
    archive.tiny.origin.clear()
    mirror("d").expect(0, "30 unchanged")
    assert archive.data_requests() == 0


def test_conditions_choose_files(archive, mirror):
    files = small(20)
    archive.dataset("d", files)
    mirror("d", "--start", "2020-01-01T00:05", "--stop", "2020-01-01T00:09", "--match", "start").expect(0)
    assert sorted(tree(mirror.dest)) == sorted(files)[5:9]
    mirror("d", "--key", "*7.cdf").expect(0)
    assert sorted(tree(mirror.dest)) == sorted(sorted(files)[5:9] + ["data/2020/017.cdf"])


def test_layouts(archive, mirror, tmp_path):
    files = small(3)
    archive.dataset("d", files)
    mirror("d", "--flat", dest=tmp_path / "flat").expect(0)
    assert tree(tmp_path / "flat") == {key.split("/")[-1]: data for key, data in files.items()}
    mirror("d", "--layout", "{id}/{start:%Y/%m/%H%M}-{name}", dest=tmp_path / "template").expect(0)
    assert sorted(tree(tmp_path / "template")) == [f"d/2020/01/000{i}-00{i}.cdf" for i in range(3)]
    mirror("d", "--layout", "{nonsense}", dest=tmp_path / "none").expect(2, "nonsense")
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_gone_or_changed_here_is_fetched_again(archive, mirror):
    files = small(5)
    archive.dataset("d", files)
    mirror("d").expect(0)
    (mirror.dest / "data/2020/001.cdf").unlink()
    with open(mirror.dest / "data/2020/002.cdf", "ab") as file:
        file.write(b"!")
    path = mirror.dest / "data/2020/003.cdf"
    path.write_bytes(files["data/2020/003.cdf"])  # the same bytes, another time
    archive.tiny.origin.clear()
    mirror("d").expect(0, "3 fetched", "2 unchanged")
    assert tree(mirror.dest) == files
    assert archive.data_requests() == 3


def test_refresh_asks_whether_complete_files_have_changed(archive, mirror):
    files = small(6)
    archive.dataset("d", files)
    mirror("d").expect(0)
    new = content(len(files["data/2020/004.cdf"]), "new")
    archive.tiny.origin.put(f"/{TINY}/data/2020/004.cdf", new)
    mirror("d").expect(0, "6 unchanged")
    archive.tiny.origin.clear()
    mirror("d", "--refresh").expect(0, "1 fetched", "5 unchanged")
    assert tree(mirror.dest) == files | {"data/2020/004.cdf": new}
    assert sorted(r.status for r in archive.tiny.origin.requests() if "/data/" in r.path) == [200] + [304] * 5


def test_another_size_in_the_index_fetches_again(archive, mirror):
    files = small(4)
    archive.dataset("d", files)
    mirror("d").expect(0)
    files["data/2020/002.cdf"] = content(9999, "new")
    archive.tiny.entries.clear()
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    mirror("d").expect(0, "1 fetched", "3 unchanged")
    assert tree(mirror.dest) == files


def test_lists_of_keys(archive, mirror, tmp_path):
    files = small(4)
    archive.dataset("d", files)
    listed = tmp_path / "list"
    listed.write_text("".join(f"s3://{TINY}/{key}\n" for key in list(files)[:2]) + f"{list(files)[3]}\n")
    mirror("--keys-from", listed).expect(0, "3 fetched")
    assert sorted(tree(mirror.dest)) == [sorted(files)[i] for i in (0, 1, 3)]
    rows = mirror.client.query("d").expect(0)
    (tmp_path / "rows.csv").write_text(rows.out)
    mirror("--keys-from", tmp_path / "rows.csv").expect(0, "1 fetched", "3 unchanged")


def test_a_file_that_is_listed_twice_is_fetched_once(archive, mirror, tmp_path):
    archive.dataset("d", small(2))
    listed = tmp_path / "list"
    listed.write_text(f"s3://{TINY}/data/2020/000.cdf\n" * 3)
    mirror("--keys-from", listed).expect(0, "1 fetched", "2 named twice")
    assert archive.data_requests() == 1


def test_dry_run_writes_nothing(archive, mirror):
    files = small(10)
    archive.dataset("d", files)
    mirror("d", "--dry-run").expect(0, "would mirror 10 files", "would fetch  10 files", "by about 10 requests")
    mirror("d", "--dry-run", "--report", "x").expect(2, "--report")
    assert not mirror.dest.exists() and archive.data_requests() == 0
    mirror("d", "--limit", "4").expect(0)
    mirror("d", "--dry-run", "--progress", "json").expect(0)
    assert tree(mirror.dest) == dict(list(files.items())[:4])


def test_what_is_not_wanted_any_more_is_deleted_on_request(archive, mirror):
    files = small(6)
    archive.dataset("d", files)
    mirror("d").expect(0)
    (mirror.dest / "data/2020/mine.txt").write_text("not heliodex's")
    left = dict(list(files.items())[:4])
    mirror("d", "--limit", "4").expect(0, "4 unchanged")
    mirror("d", "--limit", "4", "--delete-extra", "--dry-run").expect(0, "would delete 2 files")
    assert len(tree(mirror.dest)) == 7
    mirror("d", "--limit", "4", "--delete-extra", "--max-delete", "1").expect(8, "nothing is deleted")
    mirror("d", "no-such-*", "--limit", "4", "--delete-extra").expect(0, "nothing is deleted", "no-such-*")
    assert len(tree(mirror.dest)) == 7
    mirror("d", "--limit", "4", "--delete-extra").expect(0, "2 deleted")
    assert tree(mirror.dest) == left | {"data/2020/mine.txt": b"not heliodex's"}
    mirror("d").expect(0, "2 fetched")


def test_nothing_is_deleted_where_anything_failed(archive, mirror):
    files = small(6)
    archive.dataset("d", files)
    mirror("d").expect(0)
    archive.tiny.origin.remove(f"/{TINY}/data/2020/001.cdf")
    (mirror.dest / "data/2020/001.cdf").unlink()
    mirror("d", "--limit", "3", "--delete-extra").expect(1, "data/2020/001.cdf")
    assert len(tree(mirror.dest)) == 5


def test_nothing_is_deleted_where_rows_may_be_missing(archive, mirror):
    """A year that cannot be refreshed may have rows that nobody knows of."""
    files = small(6)
    archive.dataset("d", files)
    mirror("d").expect(0)
    archive.tiny.origin.always(archive.tiny.path("d", 2020), Behaviour(status=500))
    mirror.client.index("--retries", "0").expect(5)
    mirror("d", "--limit", "3", "--delete-extra").expect(0, "nothing is deleted")
    assert tree(mirror.dest) == files


def test_nothing_is_deleted_where_an_index_file_is_gone(archive, mirror):
    """It may be back tomorrow."""
    files = small(6)
    archive.dataset("d", files)
    archive.dataset("e", {"e.cdf": b"x"})
    mirror("d", "e").expect(0)
    archive.tiny.origin.remove(archive.tiny.path("d", 2020))
    mirror("d", "e", "--refresh", "--delete-extra").expect(0, "gone", "nothing is deleted")
    assert tree(mirror.dest) == files | {"e.cdf": b"x"}


def test_p2_the_report_has_every_file_and_failed_files_can_be_had_again(archive, mirror, tmp_path):
    files = small(8)
    archive.dataset("d", files, algorithm="sha256")
    lost = f"/{TINY}/data/2020/005.cdf"
    archive.tiny.origin.remove(lost)
    mirror("d", "--report", tmp_path / "r", "--failed-out", tmp_path / "f").expect(1, "005.cdf", "1 failed")
    lines = report(tmp_path / "r")
    assert len(lines) == 8
    good, bad = lines[f"s3://{TINY}/data/2020/003.cdf"], lines[f"s3://{TINY}/data/2020/005.cdf"]
    assert (good["state"], good["status"], good["exit"]) == ("fetched", "OK", 0)
    assert good["path"] == "data/2020/003.cdf" and good["size"] == len(files["data/2020/003.cdf"])
    assert set(good["checks"]) == {"size", "md5", "sha256"}
    assert (bad["state"], bad["status"], bad["exit"], bad["checks"]) == ("failed", "NOT_FOUND", 3, [])
    archive.tiny.origin.put(lost, files["data/2020/005.cdf"])
    mirror("--from-failed", tmp_path / "f").expect(0, "1 fetched")
    assert tree(mirror.dest) == files


def test_p1_verify_finds_every_kind_of_damage_offline(archive, mirror):
    files = small(9) | {"data/large.cdf": content(2 * MB, "l")}
    archive.dataset("d", files)
    mirror("d", "--part-size", "256K").expect(0)
    mirror.verify().expect(0, "10 files")
    archive.tiny.origin.stop()
    path = mirror.dest / "data/2020/004.cdf"
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (mirror.dest / "data/2020/005.cdf").unlink()
    with open(mirror.dest / "data/large.cdf", "r+b") as file:
        file.truncate(MB)
    done = mirror.verify().expect(7, "3 of 10 files")
    assert {line.split(",")[0]: line.split(",")[2] for line in done.lines[1:]} == {
        "data/2020/004.cdf": "corrupt", "data/2020/005.cdf": "missing", "data/large.cdf": "corrupt"}
    mirror.verify("-o", mirror.dest.parent / "bad.csv").expect(7)
    assert (mirror.dest.parent / "bad.csv").read_text() == done.out
    mirror.verify("--failed-out", mirror.dest.parent / "f").expect(2, "--recheck")


def test_recheck_fetches_damaged_files_anew(archive, mirror):
    files = small(4)
    archive.dataset("d", files)
    mirror("d").expect(0)
    path = mirror.dest / "data/2020/002.cdf"
    times = path.stat()
    path.write_bytes(bytes(len(files["data/2020/002.cdf"])))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    mirror("d").expect(0, "4 unchanged")
    mirror("d", "--recheck").expect(0, "1 fetched", "3 unchanged")
    assert tree(mirror.dest) == files
    mirror.verify().expect(0)


def test_adopt_takes_files_that_are_there(archive, mirror):
    files = small(5)
    archive.dataset("d", files, algorithm="md5")
    for key, data in files.items():
        (mirror.dest / key).parent.mkdir(parents=True, exist_ok=True)
        (mirror.dest / key).write_bytes(data)
    (mirror.dest / "data/2020/001.cdf").write_bytes(bytes(len(files["data/2020/001.cdf"])))  # the right size alone
    mirror("d", "--adopt").expect(0, "1 fetched", "4 unchanged")
    assert tree(mirror.dest) == files and archive.data_requests() == 1
    mirror("d").expect(0, "5 unchanged")
    mirror.verify().expect(0)


def test_limits_end_a_run_that_can_be_gone_on_with(archive, mirror):
    files = {f"data/{i}.cdf": content(200_000, i) for i in range(40)}
    archive.dataset("d", files)
    mirror("d", "--max-bytes", "1M", "-j", "2", "--limit-rate", "4M").expect(8, "left")
    had = tree(mirror.dest)
    assert 0 < len(had) < 40 and had.items() <= files.items()
    archive.tiny.origin.clear()
    mirror("d").expect(0)
    assert tree(mirror.dest) == files
    assert archive.data_requests() <= 40 - len(had)
    mirror("d", "--max-duration", "1ms", "--recheck").expect(0, "unchanged")


def test_a_limit_of_bytes_is_passed_by_no_more_than_the_first_file(archive, mirror):
    files = {f"data/{i}.cdf": content(100_000, i) for i in range(20)}
    archive.dataset("d", files)
    mirror("d", "--max-bytes", "450000").expect(8, "4 fetched", "16 left")
    mirror("d", "--max-bytes", "50000").expect(8, "1 fetched")
    mirror("d", "--max-bytes", "2M").expect(0, "15 fetched")


def test_every_run_gets_on_however_slow_the_line(archive, mirror):
    """What came of a file is kept when the run ends, although it fills no block."""
    files = {f"data/{i}.cdf": content(MB, i) for i in range(4)}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    for key in files:
        archive.tiny.origin.script(f"/{TINY}/{key}", Behaviour(stall=100_000))
    mirror("d", "--max-duration", "500ms").expect(8, "4 left")
    mirror("d").expect(0, "4 resumed", "390.6 KiB kept")
    assert tree(mirror.dest) == files
    assert all(archive.asked(key)[-1].headers["range"] == f"bytes=100000-{MB - 1}" for key in files)


def test_usage(archive, mirror, tmp_path):
    archive.dataset("d", small(1))
    client = mirror.client
    client.program("mirror", client.bucket, "d", *client.access).expect(2, "--dest")
    client.program("mirror", "--dest", mirror.dest).expect(2, "BUCKET")
    mirror("d", "--flat", "--layout", "{key}").expect(2, "exclude")
    mirror("d", "--flat", env={"HELIODEX_LAYOUT": "{id}/{name}"}, dest=tmp_path / "flat").expect(0)
    assert list(tree(tmp_path / "flat")) == ["000.cdf"]
    mirror("d", dest="s3://other/").expect(2, "a folder")
    mirror("d", "--max-delete", "1").expect(2, "--delete-extra")
    mirror("d", "--keys-from", "x").expect(2)
    mirror("d", "--shard", "3/2").expect(2, "--shard")
    mirror("d", "--shard", "2").expect(2, "--shard")
    (tmp_path / "file").write_text("")
    mirror("d", dest=tmp_path / "file").expect(2, "file")
    mirror("no-such").expect(3, "no-such")
    mirror("d", "--start", "2021", "--stop", "2022", "--error-on-empty").expect(9)
