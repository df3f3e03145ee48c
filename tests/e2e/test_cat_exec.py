"""cat --exec: a command for each file, with complete and verified bytes on its standard input."""

import hashlib
import json
import os
import signal
import subprocess

import pytest

from conftest import TINY
from mirror import content, report
from origin import Behaviour
from test_cat import path, small

MB = 1 << 20


def lines(done):
    return sorted(done.out.splitlines())


def test_each_command_gets_its_file(archive, cat):
    files = small(30) | {"empty": b"", "large": content(11 * MB, "large")}
    archive.dataset("d", files)
    done = cat("d", "--exec", 'echo "$HELIODEX_FILE_KEY $(md5sum | cut -c-32)"', "-P", "4").expect(0, "32, ")
    assert lines(done) == sorted(f"{key} {hashlib.md5(data).hexdigest()}" for key, data in files.items())


def test_the_row_is_in_the_environment(archive, cat, tmp_path):
    files = {"data/a b.cdf": b"12345", "data/2.cdf": b""}
    archive.dataset("d", files)
    show = ("printf '%s|' \"$HELIODEX_FILE_ID\" \"$HELIODEX_FILE_LOCATION\" \"$HELIODEX_FILE_KEY\" "
            "\"$HELIODEX_FILE_NAME\" \"$HELIODEX_FILE_START\" \"$HELIODEX_FILE_STOP\" \"$HELIODEX_FILE_SIZE\" "
            "\"$HELIODEX_FILE_NUMBER\" \"$OWN\"; echo")
    done = cat("d", "--exec", show, "-P", "1", env={"OWN": "mine", "HELIODEX_FILE_ID": "not this"}).expect(0)
    assert lines(done) == sorted([
        f"d|s3://{TINY}/data/a b.cdf|data/a b.cdf|a b.cdf|2020-01-01T00:00:00Z|2020-01-01T00:00:00Z|5|1|mine|",
        f"d|s3://{TINY}/data/2.cdf|data/2.cdf|2.cdf|2020-01-01T00:01:00Z|2020-01-01T00:01:00Z|0|2|mine|"])
    (tmp_path / "list").write_text("data/2.cdf\n")  # of which nothing else is known
    done = cat("--keys-from", tmp_path / "list", "--exec", "env", env={"HELIODEX_FILE_ID": "not this"}).expect(0)
    names = {line.split("=")[0] for line in done.lines if line.startswith("HELIODEX_FILE_")}
    assert names == {f"HELIODEX_FILE_{name}" for name in ("LOCATION", "KEY", "NAME", "SIZE", "NUMBER")}


def test_input_is_a_file_at_its_beginning_and_no_other_of_ours_is_open(archive, cat, tmp_path):
    archive.dataset("d", {"a": b"abcdef", "b": b"uvwxyz"})
    (tmp_path / "look.py").write_text("""
import os, stat
os.lseek(0, 3, 0)
links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if int(fd) > 2
         and os.path.exists(f"/proc/self/fd/{fd}")]
print(stat.S_ISREG(os.fstat(0).st_mode), os.fstat(0).st_size, os.read(0, 9).decode(), links)
""")
    done = cat("d", "--exec", f"/usr/bin/python3 {tmp_path}/look.py", "-P", "1").expect(0)
    assert done.out == "True 6 def []\nTrue 6 xyz []\n"


def test_a_command_need_not_read(archive, cat):
    archive.dataset("d", {"a": content(9 * MB, 1), "b": b"2"})
    cat("d", "--exec", "true").expect(0, "2, 9.0 MiB")


def test_commands_that_fail_are_told_and_the_others_go_on(archive, cat, tmp_path):
    files = {f"f{i}": b"%d" % i for i in range(8)}
    archive.dataset("d", files)
    archive.tiny.origin.remove(path("f6"))
    command = 'case $HELIODEX_FILE_NAME in f2) exit 3;; f4) kill -9 $$;; *) cat;; esac'
    told, failed = tmp_path / "report", tmp_path / "failed"
    done = cat("d", "--exec", command, "-P", "3", "--report", told, "--failed-out", failed).expect(
        1, "f2: the command ended with status 3", "f4: the command was ended by signal 9", "f6", "404", "3 of 8 files failed")
    assert sorted(done.out) == list("01357")
    rows = report(told)
    status = {key: rows[f"s3://{TINY}/{key}"]["status"] for key in files}
    assert status == {"f2": "PARTIAL", "f4": "PARTIAL", "f6": "NOT_FOUND", **{f"f{i}": "OK" for i in (0, 1, 3, 5, 7)}}
    assert rows[f"s3://{TINY}/f0"]["checks"] == ["size", "md5"]
    left = sorted(json.loads(line)["datakey"] for line in failed.read_text().splitlines())
    assert left == [f"s3://{TINY}/f{i}" for i in (2, 4, 6)]
    archive.tiny.origin.put(path("f6"), b"6")
    assert sorted(cat("--from-failed", failed, "--exec", "cat").expect(0).out) == list("246")


def test_all_commands_fail(archive, cat):
    archive.dataset("d", {"a": b"1", "b": b"2"})
    cat("d", "--exec", "exit 5").expect(1, "2 of 2 files failed")
    cat("d", "--exec", "no-such-program").expect(1, "status 127")


def test_files_that_are_not_what_they_should_be_reach_no_command(archive, cat):
    files = {"once": content(16 * MB, 3), "small": content(1000, 1), "large": content(10 * MB, 2), "well": b"4"}
    archive.dataset("d", files)
    archive.tiny.origin.always(path("small"), Behaviour(flip=7))
    archive.tiny.origin.always(path("large"), Behaviour(flip=7))
    # Of this one, bytes are on their way to the disk when its end shows that they are wrong.
    archive.tiny.origin.script(path("once"), None, Behaviour(flip=7, drip=(256 * 1024, 0.005)))
    done = cat("d", "--exec", 'echo "$HELIODEX_FILE_KEY $(md5sum | cut -c-32)"').expect(1, "small", "large", "md5")
    assert lines(done) == [f"once {hashlib.md5(files['once']).hexdigest()}", f"well {hashlib.md5(b'4').hexdigest()}"]


@pytest.mark.parametrize("count", [1, 3])
def test_so_many_at_a_time(archive, cat, tmp_path, count):
    archive.dataset("d", {f"{i}": b"x" for i in range(12)})
    board = tmp_path / "board"
    board.write_text("")
    # Each notes how many run while it does: it begins, waits until `count` have begun or all are through, and ends.
    script = tmp_path / "script.py"
    script.write_text(f"""
import fcntl, time
def board(step):
    with open({str(board)!r}, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        now = [int(n) for n in file.read().split()] or [0, 0, 0]
        now = step(*now)
        file.seek(0); file.truncate(); file.write(" ".join(map(str, now)))
        return now
running, most, begun = board(lambda running, most, begun: (running + 1, max(most, running + 1), begun + 1))
end = time.monotonic() + 20
while begun % {count} and time.monotonic() < end:
    time.sleep(0.005)
    running, most, begun = board(lambda *now: now)
board(lambda running, most, begun: (running - 1, most, begun))
""")
    cat("d", "--exec", f"/usr/bin/python3 {script}", "-P", count).expect(0)
    assert board.read_text() == f"0 {count} 12"


@pytest.mark.parametrize("count", [2, 20])
def test_35_an_interruption_waits_for_those_that_run(archive, cat, tmp_path, count):
    """Be it that all others have come already, or that they have not."""
    files = {f"f{i:02}": b"x" for i in range(count)}
    archive.dataset("d", files)
    os.mkfifo(tmp_path / "begun")
    os.mkfifo(tmp_path / "go")
    command = f'echo $HELIODEX_FILE_NAME > {tmp_path}/begun; read line < {tmp_path}/go; echo "done $HELIODEX_FILE_NAME"'
    failed = tmp_path / "failed"
    process = cat.start("d", "--exec", command, "-P", "1", "--failed-out", failed, "--report", tmp_path / "report")
    with open(tmp_path / "begun") as begun:
        assert begun.read() == "f00\n"
    assert archive.tiny.origin.wait_for(lambda: archive.data_requests() >= 2)
    process.send_signal(signal.SIGTERM)
    assert process.poll() is None
    with open(tmp_path / "go", "w") as go:
        go.write("go\n")
    out, told = process.communicate(timeout=30)
    assert process.returncode == 143 and out == b"done f00\n", told
    assert b"%d left" % (count - 1) in told
    names = [json.loads(line)["datakey"].split("/")[-1] for line in failed.read_text().splitlines()]
    assert sorted(names) == sorted(files)[1:]
    assert report(tmp_path / "report")[f"s3://{TINY}/f00"]["status"] == "OK"


def test_a_caller_that_ignores_children_changes_nothing(archive, cat, heliodex):
    archive.dataset("d", {"a": b"1", "b": b"2"})
    done = subprocess.run(["bash", "-c", 'trap "" CHLD; exec "$0" "$@"', heliodex.path, "cat", cat.client.bucket, "d", "--exec",
                           "exit $HELIODEX_FILE_NUMBER", *cat.client.access],
                          env=heliodex.environment, cwd=heliodex.home, capture_output=True, timeout=60)
    assert done.returncode == 1 and b"status 1" in done.stderr and b"status 2" in done.stderr, done.stderr


def test_28_a_full_disk_ends_the_run(archive, cat, tmp_path, heliodex):
    archive.dataset("d", {"a": content(3 * MB, 1), "b": b"2"})
    heliodex.environment["HELIODEX_STORE"] = str(heliodex.home / "store")
    cat.client.index().expect(0)
    limit = ["bash", "-c", 'ulimit -f 1024; exec "$0" "$@"']
    done = subprocess.run([*limit, heliodex.path, "cat", cat.client.bucket, "d", "--exec", "cat", *cat.client.access],
                          env=heliodex.environment, cwd=heliodex.home, capture_output=True, timeout=60)
    assert done.returncode == 6 and b"File too large" in done.stderr, done.stderr


def test_30_a_file_that_cannot_be_begun_anew(archive, cat, client, failing):
    """What came first was wrong, and it cannot be taken back: no command sees a mixture."""
    archive.dataset("d", {"a": content(24 * MB, 1), "b": content(10, 2)}, algorithm="sha256")
    archive.tiny.origin.script(f"/{TINY}/a", Behaviour(), Behaviour(flip=3))
    client.index().expect(0)
    done = failing("ftruncate:1:EIO", "cat", client.bucket, "d", *client.access, "--exec", "cksum", "--memory", "16M")
    assert done.expect(6, "truncate a temporary file").out == ""
    done = cat("d", "--exec", "sha256sum", "-P", "1").expect(0)
    assert [line.split()[0] for line in done.lines] == [hashlib.sha256(data).hexdigest() for data in archive.files.values()]


def test_32_few_file_descriptors_run_fewer_commands(archive, cat, heliodex):
    archive.dataset("d", {f"{i}": b"%d\n" % i for i in range(100)})
    cat.client.index().expect(0)
    limit = ["bash", "-c", 'ulimit -n 32; exec "$0" "$@"']
    done = subprocess.run([*limit, heliodex.path, "cat", cat.client.bucket, "d", "--exec", "sleep 0.01; cat", "-P", "64",
                           *cat.client.access], env=heliodex.environment, cwd=heliodex.home, capture_output=True, timeout=60)
    assert done.returncode == 0 and b"2 commands at once in place of 64" in done.stderr, done.stderr
    assert sorted(map(int, done.stdout.split())) == list(range(100))


def test_a_reader_that_goes_ends_the_run_quietly(archive, cat, tmp_path):
    archive.dataset("d", {f"{i}": b"%d\n" % i for i in range(2000)})
    process = cat.start("d", "--exec", "cat", "-P", "2", "--failed-out", tmp_path / "failed")
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""
    assert len((tmp_path / "failed").read_text().splitlines()) > 1000


def test_many_small_files(archive, cat):
    files = {f"f/{i}": b"%d\n" % i for i in range(100)}
    archive.dataset("d", files)
    done = cat("d", "--exec", "cat", "-P", "8").expect(0)
    assert sorted(done.out.split()) == sorted(str(i) for i in range(100))
