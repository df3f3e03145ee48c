"""Lists of files, plans and reports that cannot be read, or are not what they should be; queries that break off while
what they find is mirrored or planned."""

import socket
import subprocess

import pytest

from conftest import TINY
from mirror import content
from origin import Behaviour

KEYS = [f"s3://{TINY}/data/{number}.cdf" for number in range(4)]


@pytest.fixture
def planned(archive, client):
    """A plan of two shards, and the reports of those who did them."""
    archive.dataset("d", {f"data/{number}.cdf": content(100, number) for number in range(4)})
    client.index().expect(0)
    client.program("plan", client.bucket, "d", "--shards", "2", "-o", "plan", *client.access).expect(0)
    for shard in "12":
        client.program("mirror", "--plan", "plan", "--shard", shard, "--dest", "dest", "--report", f"report-{shard}",
                       *client.access).expect(0)
    return client


def listed(heliodex, *lines):
    path = heliodex.home / "list"
    path.write_bytes(b"".join(line.encode() + b"\n" for line in lines))
    return path


# ---- reading


@pytest.mark.parametrize("fault", ["open:1:EACCES", "pread:1:EIO", "pread:2:EIO"])
def test_30_a_list_that_cannot_be_read_is_not_a_shorter_one(heliodex, failing, fault):
    path = listed(heliodex, *KEYS)
    arguments = ["plan", "--shards", "1", "--keys-from", path, "-o", "plan"]
    done = failing(fault, *arguments, env={"HDX_FAULTS_BELOW": str(path)})
    done.expect(6, str(path), "cannot be opened" if fault.startswith("open") else "cannot be read")
    assert not (heliodex.home / "plan").exists()
    heliodex(*arguments).expect(0)


@pytest.mark.parametrize("number", range(1, 12))
def test_30_a_plan_that_cannot_be_read(planned, failing, number):
    """Wherever it happens: neither the plan's file nor a report is half read."""
    told = planned.program("merge", "plan", "report-1", "report-2").expect(0)
    path = planned.program.home / ("plan" if number < 7 else "report-2")
    fault = f"pread:{number if number < 7 else number - 6}:EIO"
    try:
        done = failing(fault, "merge", "plan", "report-1", "report-2", env={"HDX_FAULTS_BELOW": str(path)})
    except AssertionError as error:  # there are not so many
        assert number > 3 and "no call failed" in str(error)
    else:
        done.expect(6, path.name, "cannot be read")
    assert planned.program("merge", "plan", "report-1", "report-2").expect(0).raw == told.raw


def test_30_standard_input_that_cannot_be_read(heliodex, failing):
    with open(listed(heliodex, *KEYS), "rb") as file:
        process = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        done = failing("read:1:EIO", "plan", "--shards", "1", "--keys-from", "-", stdin=process.stdout)
        done.expect(6, "standard input", "cannot be read")
        process.stdout.close()
        process.wait()


def test_standard_input_that_somebody_else_reads_too(heliodex):
    """It is told to be readable, and has nothing any more: it is waited for."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        process = heliodex.start("plan", "--shards", "1", "--keys-from", "-", stdin=ours)
        for key in KEYS:
            theirs.sendall(key.encode() + b"\n")
        theirs.shutdown(socket.SHUT_WR)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and all(key.encode() in out for key in KEYS), err


def test_31_no_folder_for_standard_input(heliodex):
    """What is read twice is kept in the store's folder."""
    (heliodex.home / "file").write_bytes(b"x")
    with open(listed(heliodex, *KEYS), "rb") as file:
        process = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        done = heliodex("plan", "--shards", "1", "--keys-from", "-", "--store", heliodex.home / "file" / "store",
                        stdin=process.stdout)
        done.expect(6, "file: a folder was expected")
        process.stdout.close()
        process.wait()


def test_a_list_that_is_a_circle(heliodex):
    (heliodex.home / "a").symlink_to("b")
    (heliodex.home / "b").symlink_to("a")
    heliodex("plan", "--shards", "1", "--keys-from", "a").expect(6, "a: cannot be opened")


# ---- what is in them


def test_a_report_with_a_line_that_is_too_long(planned):
    report = planned.program.home / "report-1"
    report.write_bytes(report.read_bytes() + b"x" * (3 << 20) + b"\n")
    planned.program("merge", "plan", "report-1", "report-2").expect(7, "report-1: line 3 has more than 1048576 bytes")


def test_a_report_with_empty_lines(planned):
    """As those have that were put together by hand."""
    told = planned.program("merge", "plan", "report-1", "report-2").expect(0)
    report = planned.program.home / "report-1"
    report.write_bytes(report.read_bytes().replace(b"\n", b"\n\n"))
    assert planned.program("merge", "plan", "report-1", "report-2").expect(0).raw == told.raw


def test_37_a_plan_with_something_behind_its_end(planned):
    """Its digest is that of all that it has."""
    plan = planned.program.home / "plan"
    text = plan.read_bytes()
    for more in (text.splitlines(True)[-1], b"x\n", b"\n"):
        plan.write_bytes(text + more)
        done = planned.program("mirror", "--plan", "plan", "--shard", "1", "--dest", "other", *planned.access)
        assert done.code == 7 and "plan" in done.err, done
        assert not (planned.program.home / "other").exists()


def test_sizes_that_no_number_holds(heliodex):
    """Their sum is as much as a number holds, and no small one."""
    path = listed(heliodex, "datakey,filesize", *(f"{key},{2**63 - 1}" for key in KEYS))
    done = heliodex("mirror", "--keys-from", path, "--dest", "dest", "--dry-run").expect(0)
    assert "16.0 EiB" in done.err or "16384.0 PiB" in done.err, done


@pytest.mark.parametrize("location", ["gs://bucket", "s3://bucket", "gs:///a", "gs://bucket:x/a", "https://h"])
def test_locations_that_name_no_file(heliodex, location):
    path = listed(heliodex, KEYS[0], location)
    done = heliodex("plan", "--shards", "1", "--keys-from", path).expect(1, "line 2 is left out")
    assert KEYS[0] in done.out and location not in done.out


# ---- queries that break off


@pytest.mark.parametrize("verb", ["plan", "mirror", "cat", "query"])
def test_37_a_snapshot_that_is_damaged_further_on(tiny, client, verb):
    """What it says of files is not made use of in part: nothing is taken for all that there is."""
    tiny.add("d", {2020: 20000})
    client.index().expect(0)
    snapshot = next(client.program.store.rglob("*.hdx"))
    data = bytearray(snapshot.read_bytes())
    data[len(data) // 2] ^= 1
    snapshot.write_bytes(data)
    dest = {"mirror": ["--dest", "dest", "--dry-run"], "plan": ["--shards", "1", "-o", "out"]}.get(verb, ["-o", "out"])
    done = client.program(verb, client.bucket, "d", *client.access, *dest)
    assert done.code == 7 and "d.hdx" in done.err and "block" in done.err, done
    assert not (client.program.home / "out").exists() and not (client.program.home / "dest").exists()


def test_the_place_of_the_files_is_not_known(archive, client):
    """The rows are held, and the catalog that says where the bucket is cannot be had any more."""
    archive.dataset("d", {"data/a.cdf": b"abc"})
    client.index().expect(0)
    for path in client.program.store.rglob("catalog.json*"):
        path.unlink()
    archive.tiny.origin.always(archive.tiny.catalog_path, Behaviour(status=403))
    client.program("mirror", client.bucket, "d", "--dest", "dest", *client.access).expect(4, "catalog.json")
    assert not (client.program.home / "dest").exists()
