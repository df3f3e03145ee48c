"""What programs are told that cannot be written, is not wanted any more, or breaks off: rows, lists, archives, reports;
and what the caller's process limits and descriptors make of it."""

import gzip
import json
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import TINY, rows
from mirror import content
from origin import Behaviour
from test_info import page
from test_terminal import on_terminal


@pytest.fixture
def one(tiny, client):
    tiny.add("plain", {2019: 40, 2020: 40})
    client.index().expect(0)
    return client


def pending(pid):
    """The signals that a process has not yet been given."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["ShdPnd"], 16) | int(lines["SigPnd"], 16)


def registry(client, *endpoints, path="/registry.json"):
    """Options that name a registry of buckets."""
    entries = [{"name": f"N{i}", "endpoint": endpoint, "region": "us-east-1"} for i, endpoint in enumerate(endpoints)]
    client.tiny.origin.put(path, json.dumps({"registry": entries}).encode())
    return ["--registry", client.tiny.origin.url + path, *client.access]


# ---- the caller


@pytest.mark.parametrize("number", range(3))
def test_32_a_stand_in_that_cannot_be_opened(one, failing, number):
    """The caller has closed a standard descriptor, and nothing can be put in its place: what is read is read."""
    done = failing("open:1:EACCES", "store", "list", "-o", "rows", "--format", "csv", preexec_fn=lambda: os.close(number))
    assert done.code in (0, 6) and TINY in (one.program.home / "rows").read_text(), done


def test_32_the_limit_of_files_is_raised_as_far_as_it_may_be(one):
    """Programs that use select() have a small one, which is none of ours."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for soft, told in (24, False), (hard, False):
        done = one.program("index", one.bucket, *one.access,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)))
        assert ("descriptors" in done.expect(0).err) is told, done


def test_33_a_small_limit_of_stacks(archive, client):
    """It is what threads have, too, unless they are given one: parsing, packing and looking for credentials need more."""
    archive.dataset("d", {f"data/{i}.cdf": content(3000, i) for i in range(20)}, algorithm="sha256")
    client.tiny.add("packed", {2020: gzip.compress(rows("packed", 2020, 5000).encode())})
    config = client.program.home / ".aws" / "config"
    config.parent.mkdir()
    keys = {"Version": 1, "AccessKeyId": "AKIATEST000000000001", "SecretAccessKey": "s"}
    config.write_text(f"[default]\ncredential_process = echo '{json.dumps(keys)}'\n")

    client.access = [each.replace("127.0.0.1", "localhost") for each in client.access]  # libcurl resolves on a thread

    def small():
        resource.setrlimit(resource.RLIMIT_STACK, (128 << 10, resource.getrlimit(resource.RLIMIT_STACK)[1]))

    for command in (["index", client.bucket, "--sign"], ["query", client.bucket, "*", "--refresh"],
                    ["mirror", client.bucket, "d", "--dest", "dest"], ["verify"], ["verify", "--mirror", "dest"],
                    ["cat", client.bucket, "d", "--exec", "cksum"]):
        access = [] if command[0] == "verify" else client.access
        client.program(*command, *access, preexec_fn=small).expect(0)


@pytest.mark.parametrize("variable, value", [("HELIODEX_MAP", "no-map"), ("HELIODEX_WHERE", "x"), ("HELIODEX_MAP", "a=b c")])
def test_lists_in_the_environment_that_are_malformed(one, variable, value):
    one.query("plain", "--offline", env={variable: value}).expect(2, variable)


# ---- readers that have gone


@pytest.mark.parametrize("verb", ["ls", "merge", "validate"])
def test_35_40_a_reader_that_has_gone_ends_what_is_under_way(one, verb):
    """Quietly, and without the rest being asked for."""
    program, arguments = one.program, []
    if verb == "ls":
        for number in range(100):
            keys = [f"i/{'k' * 100}{number:04}{i:04}" for i in range(1000)]
            one.tiny.origin.script(f"/{TINY}/", Behaviour(status=200, body=page(keys, truncated=True).replace(
                b">more<", b">%d<" % number)))
        arguments = ["ls", one.bucket, "-r", *one.access]
    elif verb == "merge":
        (program.home / "list").write_text("".join(f"s3://b/{'k' * 100}{i}\n" for i in range(5000)))
        program("plan", "--keys-from", "list", "--shards", "1", "-o", "plan").expect(0)
        (program.home / "report").write_text("")
        arguments = ["merge", "plan", "report"]
    else:
        text = "".join(f"bad{i},2020-01-02T00:00:00Z,s3://a/{'k' * 100},1\n" for i in range(5000))
        one.tiny.write(one.tiny.path("plain", 2019), text)
        arguments = ["validate", one.bucket, "--deep", "--findings", "0", *one.access]
    process = program.start(*arguments, "--format", "csv")
    assert process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in (0, 141, -signal.SIGPIPE) and err == b"", err
    assert verb != "ls" or len(one.tiny.origin.of(f"/{TINY}/")) < 100


def test_a_list_on_a_terminal(one):
    """The live line makes room for the rows."""
    one.tiny.origin.always(f"/{TINY}/", Behaviour(status=200, body=page(["i/a", "i/b"])))
    got = on_terminal(one, "ls", one.bucket, "-r", *one.access)
    assert "i/a" in got and "i/b" in got


# ---- files that cannot be written


def test_31_a_file_on_a_disk_that_is_read_only(one, disk):
    target = disk / "rows"
    target.write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    one.query("plain", "--offline", "-o", target).expect(6, "rows: cannot be written")
    assert target.read_text() == "old"
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    one.query("plain", "--offline", "-o", target).expect(0)
    assert target.read_text() == one.query("plain", "--offline").out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("verb", ["search", "merge", "datasets"])
def test_28_answers_that_find_no_room(one, verb):
    arguments = {"search": ["search", "plain", *registry(one, one.bucket)], "datasets": ["datasets", one.bucket, *one.access],
                 "merge": ["merge", "plan", "report"]}[verb]
    one.program("plan", one.bucket, "plain", "--shards", "1", "-o", "plan", *one.access).expect(0)
    (one.program.home / "report").write_text("")
    with open("/dev/full", "wb") as full:
        one.program(*arguments, stdout=full).expect(6, "standard output", "No space left")


# ---- what is in lists and archives


def test_keys_that_aria2_cannot_be_told(tiny, client):
    """Each is left out and told, and the others are listed."""
    good = f"s3://{TINY}/good.cdf"
    rows = ["http://h.example/" + "k" * 8300, good]
    tiny.add("d", {2020: "".join(f"2020-01-0{i + 1}Z,2020-01-0{i + 1}Z,{key},1\n" for i, key in enumerate(rows))})
    client.index().expect(0)
    done = client.program("query", client.bucket, "d", *client.access, "--format", "aria2")
    assert done.code == 1 and done.lines[0].endswith("/good.cdf") and len(done.lines) == 2, done
    folder = (client.tiny.folder / TINY).as_uri() + "/"
    client.program("index", folder).expect(0)
    done = client.program("query", folder, "d", "--format", "aria2", "--key", "good.cdf")
    assert done.code == 7 and "not fetched by http" in done.err, done
    done = client.program("query", folder, "d", "--format", "urls", "--url-style", "presigned", "--key", "good.cdf",
                          env={"AWS_ACCESS_KEY_ID": "AKIATEST000000000001", "AWS_SECRET_ACCESS_KEY": "s"})
    assert done.code in (2, 7) and "cannot be presigned" in done.err, done


def test_19_a_member_of_an_archive_has_the_size_in_front_of_it(archive, cat):
    """The server does not say how long the body is: the index does."""
    files = {"data/a.cdf": content(5000, 1), "data/b.cdf": b"b"}
    archive.dataset("d", files)
    archive.tiny.origin.always(f"/{TINY}/data/a.cdf", Behaviour(chunked=True, ignore_range=True, headers={"ETag": None}))
    assert files["data/a.cdf"] in cat("d", "--tar").expect(0).raw


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_28_many_findings_that_find_no_room(one):
    """What is under way ends, and why is told: nobody has interrupted it."""
    text = "".join(f"bad{i},2020-01-02T00:00:00Z,s3://a/{'k' * 100},1\n" for i in range(5000))
    one.tiny.write(one.tiny.path("plain", 2019), text)
    with open("/dev/full", "wb") as full:
        done = one.program("validate", one.bucket, "--deep", "--findings", "0", *one.access, stdout=full)
    done.expect(6, "standard output", "No space left")
    assert "interrupted" not in done.err


def test_what_a_dry_run_does_not_know(archive, mirror):
    files = {"data/a.cdf": content(5000, 1), "data/b.cdf": b"b"}
    archive.dataset("d", files, sizes={"data/b.cdf": None})
    mirror("d", "--dry-run", "--refresh").expect(0, "the size of 1 is not known", "neither files nor servers were looked at")
    assert archive.data_requests() == 0


# ---- buckets and datasets that cannot be read


def test_23_a_registry_that_is_not_there(one):
    missing = ["--registry", f"{one.tiny.origin.url}/none.json"]
    for arguments in (["index", "--all"], ["registry", "endpoint", "N"], ["search", "x"]):
        assert one.program(*arguments, *missing).expect(3, "none.json").out == ""


def test_23_ids_in_buckets_that_cannot_be_read(one):
    """Whether they have the id is not known, so that it is not said that none has it."""
    options = registry(one, one.bucket, "s3://other-bucket/")
    done = one.program("index", "--all", "plain", "nosuch", *options)
    assert done.code == 1 and "other-bucket" in done.err, done
    assert "nosuch" in one.program("index", "--all", "nosuch", *registry(one, one.bucket)).expect(3).err


def test_37_a_pattern_that_matches_what_cannot_be_read(one):
    """It has matched something, also where --error-on-empty is given."""
    snapshot = next(one.program.store.rglob("plain.hdx"))
    snapshot.write_bytes(b"damaged")
    one.tiny.add("other", {2020: 3})
    one.index("other").expect(0)
    done = one.program("query", one.bucket, "pl*", "oth*", *one.access, "--offline", "--error-on-empty")
    assert done.code == 1 and "plain" in done.err and "matches no dataset" not in done.err, done


@pytest.mark.parametrize("options", [["--summary"], ["--count-by", "day"]])
def test_37_sums_of_a_snapshot_that_is_damaged_further_on(tiny, client, options):
    """Where blocks have to be read; of those that are within the range zone maps tell."""
    tiny.add("d", {2020: 30000})
    client.index().expect(0)
    snapshot = next(client.program.store.rglob("*.hdx"))
    data = bytearray(snapshot.read_bytes())
    data[len(data) // 3] ^= 1
    snapshot.write_bytes(data)
    done = client.program("query", client.bucket, "d", *client.access, "--offline", *options, "--start", "2020-02-15T03:04",
                          "--stop", "2020-09-15T03:04", "--key", "*5.cdf")
    assert done.code == 7 and "block" in done.err and not any(line.startswith("d,") for line in done.lines), done


# ---- ends that cannot wait


@pytest.mark.parametrize("option", ["-o", "--stats", "--report", "--failed-out"])
def test_35_an_output_that_waits_for_its_reader_can_be_interrupted(one, tmp_path, option):
    """A pipe that nobody has opened yet."""
    os.mkfifo(tmp_path / "pipe")
    verb = ["query", one.bucket, "plain"] if option == "-o" else ["index", one.bucket]
    process = one.program.start(*verb, *one.access, option, tmp_path / "pipe")
    waits = Path(f"/proc/{process.pid}/wchan")
    assert one.tiny.origin.wait_for(lambda: waits.read_text() == "wait_for_partner")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.startswith(b"heliodex: interrupted by SIGINT") and err.count(b"\n") == 1, err


def test_35_the_second_signal_is_immediate(archive, cat, tmp_path):
    """The first one waits for the command that runs; what was begun of the report goes all the same."""
    archive.dataset("d", {"a": b"1", "b": b"2"})
    os.mkfifo(tmp_path / "begun")
    report = tmp_path / "out" / "report"
    report.parent.mkdir()
    process = cat.start("d", "--exec", f"echo $$ > {tmp_path}/begun; exec sleep 600", "-P", "1", "--report", report)
    with open(tmp_path / "begun") as begun:
        child = int(begun.read())
    try:
        assert [path.name.startswith(".") for path in report.parent.iterdir()] == [True]
        process.send_signal(signal.SIGTERM)
        assert archive.tiny.origin.wait_for(lambda: not pending(process.pid) & 1 << signal.SIGTERM - 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
        assert list(report.parent.iterdir()) == []
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def test_37_a_snapshot_that_is_cut_while_it_is_read(tiny, client):
    """Somebody writes to it: no row is made up, and it is told. A disk that cannot read does the same."""
    tiny.add("d", {2020: 200000})
    client.index().expect(0)
    snapshot = next(client.program.store.rglob("*.hdx"))
    whole = client.query("d", "--offline").expect(0).raw
    process = client.program.start("query", client.bucket, "d", *client.access, "--offline", "--format", "csv")
    first = os.read(process.stdout.fileno(), 10)
    os.truncate(snapshot, 4096)
    rest, err = process.communicate(timeout=60)
    assert whole.startswith((first + rest).rpartition(b"\n")[0])
    assert process.returncode == 6 and b"cannot be read any more" in err, err
    client.query("d", "--offline").expect(7, "d.hdx")
    client.index().expect(0)
    assert client.query("d", "--offline").expect(0).raw == whole
