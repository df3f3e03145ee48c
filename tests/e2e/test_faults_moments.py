"""What others do at one moment, just before a call of the program, and other things that seldom come together."""

import datetime
import io
import json
import shutil
import socket
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import TINY
from mirror import STATE, content, partial, report, tree
from origin import Behaviour
from test_faults_access import faketime_library, needs_faketime
from test_s3_credentials import process
from test_tar import path, put

MB = 1 << 20


# ---- others change files just then


def test_36_files_that_somebody_else_deletes_just_then_are_deleted(archive, mirror, failing, tmp_path):
    files = {f"data/{i}.cdf": b"%d" % i for i in range(4)}
    archive.dataset("d", files)
    mirror("d").expect(0)
    done = failing("unlink:1:RUN", "mirror", mirror.client.bucket, "d", "--key", "*/3.cdf", "--dest", mirror.dest,
                   *mirror.client.access, "--delete-extra", env={"HDX_FAULTS_BELOW": str(mirror.dest / "data"),
                                                                 "HDX_FAULTS_RUN": f"rm {mirror.dest}/data/[012].cdf"})
    done.expect(0, "3 deleted")
    assert tree(mirror.dest) == {"data/3.cdf": b"3"}
    mirror("d").expect(0, "3 fetched, 1 unchanged")


def test_36_a_plan_that_is_changed_while_it_is_read(archive, client, failing):
    """It has fewer files then than it says: no summary tells that all are complete."""
    archive.dataset("d", {f"data/{i}.cdf": content(100, i) for i in range(40)})
    client.index().expect(0)
    client.program("plan", client.bucket, "d", "--shards", "2", "-o", "plan", *client.access).expect(0)
    for shard in "12":
        client.program("mirror", "--plan", "plan", "--shard", shard, "--dest", "dest", "--report", f"report-{shard}",
                       *client.access).expect(0)
    plan = client.program.home / "plan"
    written = plan.read_bytes()
    (client.program.home / "shorter").write_bytes(b"".join(written.splitlines(True)[:-10]))
    told = []
    for number in range(1, 20):
        plan.write_bytes(written)
        try:
            done = failing(f"pread:{number}:RUN", "merge", "plan", "report-1", "report-2",
                           env={"HDX_FAULTS_BELOW": str(plan), "HDX_FAULTS_RUN": "cat shorter >plan"})
        except AssertionError as error:
            assert "no call failed" in str(error)
            break
        assert done.code in (0, 7), done
        told.append(done.err)
    assert any("plan: it changed while it was read" in err for err in told), told


# ---- calls that fail


@pytest.mark.parametrize("fault", ["unlink:1:EACCES", "unlink:1:EIO"])
def test_30_the_file_of_another_version_that_cannot_be_removed(archive, mirror, failing, fault):
    """It could pass for the new one, as its size and time are the same: it stays, and is known to be the old one."""
    key, other = "data/a.cdf", "data/b.cdf"
    archive.dataset("d", {key: b"old bytes", other: b"other"})
    mirror("d").expect(0)
    archive.tiny.origin.objects[path(key)] = (b"new bytes", archive.tiny.origin.objects[path(key)][1])
    told = mirror.client.program.home / "report"
    done = failing(fault, "mirror", mirror.client.bucket, "d", "--dest", mirror.dest, *mirror.client.access,
                   "--refresh", "--report", told, env={"HDX_FAULTS_BELOW": str(mirror.dest / "data")})
    assert done.code != 0 and key in done.err, done
    assert report(told)[f"s3://{TINY}/{key}"]["exit"] != 0
    assert tree(mirror.dest) == {key: b"old bytes", other: b"other"}
    mirror("d", "--refresh").expect(0, "1 fetched, 1 unchanged")
    assert tree(mirror.dest) == {key: b"new bytes", other: b"other"}


def test_30_a_partial_file_that_cannot_be_cut(archive, mirror, failing, tmp_path):
    """Of another version: nothing of it is taken for the new one."""
    key = "data/a.cdf"
    archive.dataset("d", {key: content(600_000, "old")})
    archive.tiny.origin.always(path(key), Behaviour(cut=400_000))
    mirror("d", "--retries", "0").expect(5)
    assert len(partial(mirror.dest)) == 1
    archive.tiny.origin.clear()
    archive.tiny.origin.put(path(key), content(600_000, "new"))
    failed = 0
    for number in range(1, 5):
        dest = tmp_path / f"dest-{number}"
        shutil.copytree(mirror.dest, dest)
        try:
            done = failing(f"ftruncate:{number}:EIO", "mirror", mirror.client.bucket, "d", "--dest", dest,
                           *mirror.client.access, env={"HDX_FAULTS_BELOW": str(dest / STATE / "partial")})
        except AssertionError as error:
            assert "no call failed" in str(error)
            break
        if done.code:
            done.expect(6, key, "truncating")
            failed += 1
            assert tree(dest) == {}
            mirror("d", dest=dest).expect(0, "1 fetched")
        assert tree(dest) == {key: content(600_000, "new")}
    assert failed


def test_30_a_list_from_standard_input_without_room_to_keep_it(heliodex, failing):
    heliodex.store.mkdir()
    done = failing("open:1:EMFILE:on", "plan", "--shards", "1", "--keys-from", "-", "-o", "-",
                   env={"HDX_FAULTS_BELOW": str(heliodex.store)})
    done.expect(6, "a temporary file cannot be made")


def test_30_a_list_from_standard_input_that_is_kept_under_a_name_for_a_moment(archive, client, failing):
    """Where a file system has no files without names. A read that a signal interrupts is made again."""
    archive.dataset("d", {"data/0.cdf": b"0"})
    listed = client.program.home / "list"
    listed.write_text(f"s3://{TINY}/data/0.cdf\n")
    client.program.store.mkdir()
    for fault, below in ("open:1:EMFILE", client.program.store), ("read:1:EINTR", client.program.home):
        with open(listed, "rb") as file, subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as process:
            done = failing(fault, "plan", "--shards", "1", "--keys-from", "-", stdin=process.stdout,
                           env={"HDX_FAULTS_BELOW": str(below)} if fault.startswith("open") else {})
        assert done.expect(0).raw.count(b"data/0.cdf") == 1
        assert list(client.program.store.rglob(".input*")) == []


def test_30_a_registry_beside_a_working_directory_that_is_gone(heliodex, failing):
    failing("path:1:ENOENT", "registry", "--registry", "registry.json").expect(2, "the working directory cannot be told")


def test_30_urls_that_are_signed_into_a_file_that_others_could_read(client, failing):
    client.tiny.add("d", {2020: 3})
    client.index().expect(0)
    env = {"AWS_ACCESS_KEY_ID": "AKIATORTURE000000001", "AWS_SECRET_ACCESS_KEY": "secret"}
    arguments = ["query", client.bucket, "d", *client.access, "--format", "urls", "--url-style", "presigned", "-o", "urls"]
    failing("chmod:2", *arguments, env=env).expect(6, "Operation not permitted")
    assert not (client.program.home / "urls").exists()


def test_30_a_standard_output_that_does_not_wait(client):
    """Another process has set it so: it is waited for."""
    client.tiny.add("d", {2020: 30_000})
    client.index().expect(0)
    expected = client.query("d", "--offline").expect(0).raw
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours:
        process = client.program.start("query", client.bucket, "d", *client.access, "--offline", "--format", "csv",
                                       stdout=theirs)
        theirs.close()
        with ours.makefile("rb") as file:
            assert file.read() == expected
        assert process.wait(timeout=60) == 0


def test_30_commands_whose_end_no_event_can_tell(archive, cat, failing):
    """They are waited for one after the other."""
    archive.dataset("d", {f"data/{i}.cdf": b"%d" % i for i in range(3)})
    cat.client.index().expect(0)
    done = failing("pidfd:1:EMFILE:on", "cat", cat.client.bucket, "d", *cat.client.access, "--exec", "cat", "-P", "2")
    assert sorted(done.expect(0).raw) == sorted(b"012")


# ---- what seldom comes together


@pytest.fixture
def private_keys(client):
    """Keys for a time, by a command."""
    class User:
        program = client.program

        @staticmethod
        def write(name, text):
            file = client.program.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            return file

    until = datetime.datetime.utcnow() + datetime.timedelta(minutes=30)
    User.write(".aws/config", "[default]\n" + process(User, Expiration=f"{until:%Y-%m-%dT%H:%M:%SZ}"))
    return User


def test_presigned_urls_hold_as_long_as_the_credentials(client, private_keys):
    client.tiny.add("d", {2020: 5})
    client.index().expect(0)
    done = client.program("query", client.bucket, "d", "--format", "urls", "--url-style", "presigned",
                          "--expires", "2h", *client.access).expect(0)
    assert done.err.count("as long as the credentials that sign them") == 1, done
    lifetimes = {int(url.split("X-Amz-Expires=")[1].split("&")[0]) for url in done.lines}
    assert len(done.lines) == 5 and all(1700 < seconds <= 1800 for seconds in lifetimes)


def test_keys_of_a_list_beside_a_copy_of_a_bucket(archive, client):
    """They are of the bucket of which it is a copy."""
    archive.dataset("d", {"data/0.cdf": b"0"})
    (client.program.home / "list").write_text("data/0.cdf\n")
    done = client.program("plan", f"file://{client.tiny.folder}/{TINY}/", "--shards", "1", "--keys-from", "list")
    assert f"s3://{TINY}/data/0.cdf" in done.expect(0).out


def test_37_a_pattern_whose_datasets_all_fail_matches_all_the_same(client):
    """What is wrong with them is told, and not that there are none."""
    client.tiny.add("good", {2020: 3})
    client.tiny.add("bad-1", {2020: 3})
    client.index().expect(0)
    snapshot, = client.program.store.rglob("bad-1.hdx")
    snapshot.write_bytes(b"no snapshot")
    done = client.program("query", client.bucket, "good", "bad*", *client.access, "--offline", "--format", "csv")
    done.expect(1, "bad-1.hdx")
    assert "no dataset matches" not in done.err and len(done.lines) == 4


def test_a_member_whose_size_the_index_alone_states(archive, cat):
    """Of a file that is begun before all of it has come."""
    files = {"a": content(20 * MB, 1)}
    archive.tiny.origin.always(path("a"), Behaviour(ignore_range=True, chunked=True, drip=(256 * 1024, 0.005),
                                                    headers={"Content-Length": None}))
    put(archive, "d", files)
    with tarfile.open(fileobj=io.BytesIO(cat("d", "--tar").expect(0).raw)) as it:
        assert it.extractfile("a").read() == files["a"]
    archive.tiny.entries.clear()
    archive.dataset("d", files, sizes={"a": 20 * MB - 1})
    done = cat("d", "--tar", "--ignore-size", "--refresh").expect(7, "it has another size than was stated")
    assert "the output is broken" in done.err


def test_p4_files_that_wait_for_a_slow_disk_are_bounded(archive, mirror, failing, tmp_path):
    """No more are asked for than are kept in memory until the disk has taken those before."""
    count, asked, go = 6000, archive.tiny.origin, tmp_path / "go"
    (tmp_path / "list").write_text("datakey\n" + "".join(f"s3://{TINY}/data/{i}\n" for i in range(count)))
    for i in range(count):
        asked.put(f"/{TINY}/data/{i}", b"x")
    command = ["mirror", mirror.client.bucket, "--keys-from", tmp_path / "list", "--dest", mirror.dest, *mirror.client.access]
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(failing, "syncfs:1:RUN", *command,
                           env={"HDX_FAULTS_RUN": f"while [ ! -e {go} ]; do sleep 0.02; done"})
        seen, held = [], lambda: len(asked.requests()) >= count or (len(seen) > 60 and seen[-60] == seen[-1] > 2048)
        try:
            assert asked.wait_for(lambda: seen.append(len(asked.requests())) or held())
            assert len(asked.requests()) < count
        finally:
            go.touch()
        done.result().expect(0, "6,000 fetched")
    assert len(tree(mirror.dest)) == count


@needs_faketime
def test_years_that_were_confirmed_at_different_times(client):
    client.tiny.add("d", {2019: 2, 2020: 3})
    then = {"LD_PRELOAD": faketime_library(), "FAKETIME": "-2d", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": client.program.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
    client.index(env=then).expect(0)
    client.tiny.origin.always(client.tiny.path("d", 2019), Behaviour(status=403))
    client.index().expect(1)
    shown = client.program("info", client.bucket, "d", *client.access, "--offline", "--format", "csv").expect(0)
    held, = [line for line in shown.lines if line.startswith("held as of")]
    first, second = held.split(",")[1].split(" to ")
    apart = datetime.datetime.fromisoformat(second[:19]) - datetime.datetime.fromisoformat(first[:19])
    assert datetime.timedelta(days=2) <= apart < datetime.timedelta(days=2, hours=1)


def test_30_a_search_that_finds_more_than_memory_has_room_for(client):
    """The buckets that still had room are told, and which had none."""
    entry = {"index": f"s3://{TINY}/i/", "title": "the " + "x" * 100_000, "start": "2020-01-01T00:00:00Z",
             "stop": "2020-12-31T00:00:00Z"}
    names = ["one-bucket", "two-bucket", "three-bucket"]
    for name in names:
        catalog = {"Cloudy": "1.0", "endpoint": f"s3://{name}/", "name": name,
                   "status": {"code": 1200, "message": "OK"}, "catalog": [{**entry, "id": f"d{i}"} for i in range(30)]}
        client.tiny.origin.put(f"/{name}/catalog.json", json.dumps(catalog).encode())
    client.tiny.origin.put("/registry.json", json.dumps({"registry": [
        {"endpoint": f"s3://{name}/", "name": name, "region": "us-east-1"} for name in names]}).encode())
    done = client.program("search", "the", "--registry", f"{client.tiny.origin.url}/registry.json", *client.access,
                          "--memory", "16M", "--json").expect(1, "more is found than memory is allowed for")
    assert 0 < len({json.loads(line)["name"] for line in done.lines}) < len(names)
    with open("/dev/full", "wb") as full:
        client.program("search", "the", "--registry", f"{client.tiny.origin.url}/registry.json", *client.access,
                       "--json", stdout=full).expect(6, "No space left")


def test_a_catalog_that_little_memory_has_no_room_for(client):
    client.tiny.extra["about"] = "x" * (12 * MB)
    client.tiny.add("a", {2020: 1})
    client.index("--memory", "16M").expect(8, "which is what --memory has room for")
    client.index("--memory", "300M").expect(0)
