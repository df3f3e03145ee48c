"""Mirrors against servers, disks and users that do what they should not: each file fails alone, nothing that is not
heliodex's is lost, and what the journal says stays true."""

import fcntl
import json
import os
import resource

import pytest

from conftest import TINY
from mirror import STATE, content, partial, tree
from origin import Behaviour

MB = 1 << 20
KEY = "data/a.cdf"
PATH = f"/{TINY}/{KEY}"


def small(count):
    return {f"data/{i:03}.cdf": content(100 + i, i) for i in range(count)}


def test_a_mirrored_file_that_is_adopted_has_its_own_checksum(archive, mirror):
    files = small(3)
    archive.dataset("d", files)
    mirror("d").expect(0)
    os.utime(mirror.dest / "data/001.cdf", (1, 1))
    mirror("d", "--adopt").expect(0, "3 unchanged")
    mirror.verify().expect(0)


@pytest.mark.parametrize("day", range(7))
def test_refresh_by_date_on_every_day_of_the_week(archive, mirror, day):
    files = {KEY: content(1000, "a")}
    archive.dataset("d", files)
    changed = 1577836800 + day * 86400
    archive.tiny.origin.objects[PATH] = (files[KEY], changed)
    archive.tiny.origin.always(PATH, Behaviour(headers={"ETag": None}))
    mirror("d").expect(0)
    mirror("d", "--refresh").expect(0, "1 unchanged")


def test_19_a_body_without_end_is_not_taken(archive, mirror):
    files = {KEY: content(1000, "a"), "data/b.cdf": content(1000, "b")}
    archive.dataset("d", files)
    archive.tiny.origin.always(PATH, Behaviour(body=bytes(64 * MB), chunked=True))
    mirror("d").expect(1, KEY, "expected 1000")
    assert sum(request.sent for request in archive.asked(KEY)) < 32 * MB
    assert tree(mirror.dest) == {"data/b.cdf": files["data/b.cdf"]}


def test_28_a_length_that_no_disk_has_fails_that_file_alone(archive, mirror):
    files = {KEY: content(1000, "a")} | small(60)
    archive.dataset("d", files, sizes=dict.fromkeys(files))
    archive.tiny.origin.always(PATH, Behaviour(length=1 << 60, body=content(MB, "a"), stall=MB, ignore_range=True))
    mirror("d", "-j", "2").expect(1, KEY, "free", "60 fetched, 1 failed")
    assert partial(mirror.dest) == []


def test_37_a_damaged_journal_is_named_with_its_destination(archive, mirror):
    """Of several destinations one looks for the right one."""
    archive.dataset("d", small(3))
    mirror("d").expect(0)
    journal = mirror.dest / STATE / "journal"
    header, first, *rest = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([header, first.swapcase(), *rest]))
    for done in mirror.verify(), mirror("d", "--adopt"):
        done.expect(0, f"{journal}, line 2: damaged")
    journal.write_bytes(b"something else\n")
    for done in mirror.verify(), mirror("d"):
        done.expect(7, f"{journal}: not a journal")


def test_nothing_is_deleted_by_an_empty_list(archive, mirror):
    files = small(3)
    archive.dataset("d", files)
    mirror("d").expect(0)
    mirror("d", "--start", "2021", "--stop", "2022", "--delete-extra").expect(0, "nothing is deleted")
    assert tree(mirror.dest) == files


def test_what_somebody_has_changed_is_not_deleted(archive, mirror):
    files = small(3)
    archive.dataset("d", files)
    mirror("d").expect(0)
    (mirror.dest / "data/002.cdf").write_text("notes of mine")
    mirror("d", "--limit", "1", "--delete-extra").expect(0, "1 deleted", "data/002.cdf", "changed")
    assert tree(mirror.dest) == {"data/000.cdf": files["data/000.cdf"], "data/002.cdf": b"notes of mine"}


def test_what_another_layout_left_is_deleted_on_request(archive, mirror):
    files = small(3)
    archive.dataset("d", files)
    mirror("d", "--flat").expect(0)
    mirror("d", "--delete-extra", "--dry-run").expect(0, "would delete 3 files")
    mirror("d", "--delete-extra").expect(0, "3 fetched", "3 deleted")
    assert tree(mirror.dest) == files
    mirror("d", "--delete-extra").expect(0, "3 unchanged")
    mirror.verify().expect(0)


def test_32_many_files_that_are_not_complete_need_few_descriptors(archive, mirror):
    files = {f"data/{i:03}.cdf": content(MB + 100_000, i) for i in range(40)}
    archive.dataset("d", files)
    for key in files:
        archive.tiny.origin.script(f"/{TINY}/{key}", Behaviour(cut=MB + 50_000))
    mirror("d", "--retries", "0").expect(5)
    assert len(partial(mirror.dest)) == 40

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (44, 44))

    mirror("d", preexec_fn=limit).expect(0, "40 resumed")
    assert tree(mirror.dest) == files


def test_a_limit_that_all_files_keep_is_none(archive, mirror):
    """A run that has all its files has not been ended by what it may take."""
    files = small(3)
    archive.dataset("d", files)
    mirror("d", "--max-bytes", str(sum(map(len, files.values())))).expect(0)


def test_21_what_index_and_server_contradict_each_other_about_is_not_asked_for_again(archive, mirror):
    files = {KEY: content(1000, "a"), "data/b.cdf": content(1000, "b")}
    archive.dataset("d", files, algorithm="md5")
    archive.tiny.origin.put(PATH, content(1000, "other"))
    mirror("d").expect(1, KEY, "md5", "as the index states")
    assert len(archive.asked(KEY)) == 1


def test_36_shards_agree_on_places_whichever_comes_first(archive, mirror, tmp_path):
    """A file that another shard's file needs for a folder, and names that are the same."""
    files = {f"{i}/{name}": content(100 + i, name) for i in range(8) for name in ("both", "both/below.cdf")}
    archive.dataset("d", files)
    archive.dataset("e", {f"{folder}/{i}.cdf": content(50, f"{folder}{i}") for folder in "ab" for i in range(8)})
    mirror("d").expect(0, "16 fetched")
    for k in (3, 2, 1):
        mirror("d", "--shard", f"{k}/3", dest=tmp_path / "shards").expect(0)
    assert tree(tmp_path / "shards") == tree(mirror.dest)
    mirror("e", "--flat", dest=tmp_path / "one").expect(1, "8 fetched, 8 failed")
    mirror.client.program("plan", mirror.client.bucket, "e", *mirror.client.access, "--shards", "3", "--output",
                          tmp_path / "plan").expect(0)
    for way, wanted in ("hash", ["e", "--flat", "--shard", "{}/3"]), ("plan", ["--flat", "--plan", tmp_path / "plan", "--shard", "{}"]):
        alone = {}
        for k in (1, 2, 3):
            mirror(*[str(part).format(k) for part in wanted], dest=tmp_path / f"{way}-{k}")
            found = tree(tmp_path / f"{way}-{k}") if (tmp_path / f"{way}-{k}").exists() else {}
            assert not found.keys() & alone.keys(), way
            alone |= found
        assert alone == tree(tmp_path / "one"), way


def test_nothing_is_deleted_where_rows_name_no_file(archive, mirror, tmp_path):
    files = small(3)
    archive.dataset("d", files)
    listed = tmp_path / "list"
    listed.write_text("".join(f"s3://{TINY}/{key}\n" for key in files))
    mirror("--keys-from", listed).expect(0)
    listed.write_text(f"s3://{TINY}/{next(iter(files))}\ns3://{TINY}/\n")
    done = mirror("--keys-from", listed, "--delete-extra", "--progress", "json").expect(1, "nothing is deleted")
    assert mirror.summary(done)["refused"] == 1
    assert tree(mirror.dest) == files


@pytest.mark.parametrize("hidden", [{"ETag": None}, {"ETag": None, "Last-Modified": None}], ids=["date", "nothing"])
def test_14_versions_are_not_mixed_where_the_server_knows_no_conditions(archive, mirror, hidden):
    """Neither among the ranges of one run, nor by a run that goes on with another one's."""
    old, new = content(2 * MB, "old"), content(2 * MB, "new")
    archive.dataset("d", {KEY: old})
    archive.tiny.origin.objects[PATH] = (old, 1577836800)
    plain = Behaviour(headers=hidden, ignore_conditions=True)
    changes = Behaviour(headers=hidden, ignore_conditions=True, replace=new)
    archive.tiny.origin.script(PATH, plain, plain, changes, *[plain] * 50)
    mirror("d", "--part-size", "256K", "-j", "1")
    assert tree(mirror.dest).get(KEY) in (old, new, None)
    archive.tiny.origin.script(PATH, *[plain] * 50)
    mirror("d", "--part-size", "256K").expect(0)
    assert tree(mirror.dest)[KEY] in (old, new)


def test_14_a_partial_file_of_a_version_that_has_no_name_is_not_gone_on_with(archive, mirror):
    old, new = content(4 * MB, "old"), content(4 * MB, "new")
    archive.dataset("d", {KEY: old})
    hidden = {"ETag": None, "Last-Modified": None}
    archive.tiny.origin.script(PATH, *[Behaviour(headers=hidden, ignore_conditions=True, cut=3 * MB) for _ in range(3)])
    mirror("d", "--part-size", "8M", "--retries", "0").expect(5)
    archive.tiny.origin.put(PATH, new)
    archive.tiny.origin.always(PATH, Behaviour(headers=hidden, ignore_conditions=True))
    mirror("d", "--part-size", "8M").expect(0)
    assert tree(mirror.dest) == {KEY: new}


def test_p3_what_a_power_cut_has_spoilt_is_not_gone_on_with(archive, mirror):
    """The journal is on the disk and speaks of bytes that are not, or are others; nothing else would tell."""
    files = {f"data/{name}.cdf": content(2 * MB, name) for name in ("flipped", "short", "sound")}
    archive.dataset("d", files)
    for key in files:
        archive.tiny.origin.script(f"/{TINY}/{key}", Behaviour(cut=MB + 500_000))
    mirror("d", "--retries", "0").expect(5)
    for name in partial(mirror.dest):
        path = mirror.dest / STATE / "partial" / name
        data = bytearray(path.read_bytes())
        if data.startswith(files["data/flipped.cdf"][:1000]):
            data[500_000] ^= 1
        elif data.startswith(files["data/short.cdf"][:1000]):
            del data[1000:]
        path.write_bytes(data)
    archive.tiny.origin.clear()
    mirror("d", "--ignore-checksums").expect(0, "2 fetched", "1 resumed")
    assert tree(mirror.dest) == files and partial(mirror.dest) == []


def test_36_the_partial_file_of_another_process_is_left_to_it(archive, mirror):
    """Runs that have the destination each alone, or shards of one count, never meet; shards of several counts may."""
    files = {KEY: content(2 * MB, "a"), "data/b.cdf": content(1000, "b")}
    archive.dataset("d", files)
    archive.tiny.origin.script(PATH, *[Behaviour(cut=MB + 500_000)] * 2)
    mirror("d", "--retries", "0", "--shard", "1/1").expect(1, "1 fetched, 1 failed")
    (name,) = partial(mirror.dest)
    (mirror.dest / STATE / "journal-1-of-1").unlink()  # so that nobody knows of it
    with open(mirror.dest / STATE / "partial" / name, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        mirror("d", "--shard", "1/1").expect(1, "another process")
        assert partial(mirror.dest) == [name] and KEY not in tree(mirror.dest)
    mirror("d").expect(0)
    assert tree(mirror.dest) == files and partial(mirror.dest) == []


# ---- what names no file


NO_FILES = [f"s3://{TINY}/", "s3://../x", "ftp://host/\x1b[2Jx", f"s3://{TINY}/" + "k" * 9000]


def told(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def out(tmp_path):
    return ["--report", tmp_path / "report", "--failed-out", tmp_path / "failed"]


def test_p2_lines_that_name_no_file_are_reported(archive, mirror, tmp_path):
    """And in --failed-out, whose lines are read again, and refused again."""
    files = small(2)
    archive.dataset("d", files)
    first, second = (f"s3://{TINY}/{key}" for key in files)
    listed = tmp_path / "list"
    listed.write_bytes("\0".join([first, *NO_FILES, second]).encode())
    done = mirror("--keys-from", listed, "--null", *out(tmp_path), "--progress", "json").expect(1)
    assert mirror.summary(done)["refused"] == len(NO_FILES)
    lines = told(tmp_path / "report")
    refused = [line for line in lines if line["state"] == "refused"]
    cut = [key[:8193] for key in NO_FILES]
    assert [line["location"] for line in refused] == cut and len(lines) == 2 + len(cut)
    assert {line["exit"] for line in refused} == {7} and all(line["message"] for line in refused)
    assert "\x1b" not in (tmp_path / "report").read_text()
    failed = told(tmp_path / "failed")
    assert [line["datakey"] for line in failed] == cut
    again = tmp_path / "again"
    again.mkdir()
    for way in "--from-failed", "--keys-from":
        (tmp_path / "failed").rename(tmp_path / "before")
        mirror(way, tmp_path / "before", *out(tmp_path), bucket=[], dest=again).expect(7, "files     0: 4 refused")
        assert told(tmp_path / "failed") == failed


def test_p2_rows_that_name_no_file_are_reported(archive, mirror, tmp_path):
    """Of an index, and where there are no others, too."""
    files = small(2)
    archive.dataset("d", files)
    first, second = files
    rows = "".join(f"2020-01-01T00:0{i}:00Z,2020-01-01T00:0{i}:30Z,{key},5\n" for i, key in
                   enumerate([f"s3://{TINY}/{first}", "s3://../x", "file:///etc/passwd", f"s3://{TINY}/{second}"]))
    archive.tiny.add("e", {2020: "start,stop,datakey,filesize\n" + rows})
    archive.tiny.add("f", {2020: "start,stop,datakey,filesize\n" + rows.splitlines()[1] + "\n"})
    mirror("e", "--ignore-size", *out(tmp_path)).expect(1, "2 fetched, 2 refused")
    lines = [line for line in told(tmp_path / "report") if line["state"] == "refused"]
    assert [(line["location"], line["id"], line["start"], line["filesize"]) for line in lines] == [
        ("s3://../x", "e", "2020-01-01T00:01:00Z", 5), ("file:///etc/passwd", "e", "2020-01-01T00:02:00Z", 5)]
    assert [line["datakey"] for line in told(tmp_path / "failed")] == ["s3://../x", "file:///etc/passwd"]
    mirror("f", *out(tmp_path), dest=tmp_path / "f").expect(7, "files     0: 1 refused")
    assert [line["location"] for line in told(tmp_path / "report")] == ["s3://../x"]
    assert [line["datakey"] for line in told(tmp_path / "failed")] == ["s3://../x"]


def test_p10_a_password_in_what_names_no_file_is_told_nowhere(archive, mirror, tmp_path):
    archive.dataset("d", small(1))
    listed = tmp_path / "list"
    listed.write_text("https://user:hush@host/x\nftp://user:hush@host/x\ns3://user:hush@bucket/x\n"
                      f"https://user:hush{'h' * 9000}@host/x\n")
    done = mirror("--keys-from", listed, *out(tmp_path)).expect(7, "4 refused")
    for text in done.err, (tmp_path / "report").read_text(), (tmp_path / "failed").read_text():
        assert "hush" not in text
    assert len(told(tmp_path / "report")) == len(told(tmp_path / "failed")) == 4
    mirror("--from-failed", tmp_path / "failed", bucket=[], dest=tmp_path / "again").expect(7, "4 refused")


def test_p2_what_a_bucket_refuses_of_a_plan_is_no_report_of_another_one(archive, mirror, tmp_path):
    """A plan of its user's own may name files of this machine; read through a bucket of the network it may not."""
    files = small(2)
    archive.dataset("d", files)
    (tmp_path / "own").write_bytes(b"mine")
    listed, plan, lines = tmp_path / "list", tmp_path / "plan", tmp_path / "report"
    listed.write_text("".join(f"s3://{TINY}/{key}\n" for key in files) + f"file://{tmp_path}/own\n")
    program = mirror.client.program
    program("plan", "--keys-from", listed, "--shards", "1", "-o", plan).expect(0)
    mirror("--plan", plan, "--shard", "1", "--report", lines).expect(1, "2 fetched, 1 refused")
    merged = program("merge", plan, lines, "--json").expect(1)
    assert [(row["state"], row["datakey"]) for row in map(json.loads, merged.lines)] == \
        [("failed", f"file://{tmp_path}/own")]


def test_many_lines_that_name_no_file_are_told_in_part(archive, mirror, tmp_path):
    archive.dataset("d", small(1))
    listed = tmp_path / "list"
    listed.write_text("".join(f"s3://../{i}\n" for i in range(5000)))
    done = mirror("--keys-from", listed, *out(tmp_path)).expect(7, "… and 4980 more failures", "5,000 refused")
    assert done.err.count("is left out") == 20
    assert [line["location"] for line in told(tmp_path / "report")] == [f"s3://../{i}" for i in range(5000)]
