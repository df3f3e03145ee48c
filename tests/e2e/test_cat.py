"""Data files to standard output: in the list's order, verified, with bounded memory."""

import base64
import hashlib
import json
import os
import pty
import random
import threading

import pytest

from conftest import TINY
from mirror import content, report
from origin import Behaviour
from servers import Nginx
from usage import Watch

MB = 1 << 20


def small(count, prefix="data/2020"):
    return {f"{prefix}/{i:03}.cdf": content(1 + i * 37 % 5000, i) for i in range(count)}


def path(key):
    return f"/{TINY}/{key}"


def test_p9_files_come_in_the_order_of_the_list_whatever_their_answers_take(archive, cat):
    files = small(120) | {"data/empty.cdf": b"", "data/large.cdf": content(9 * MB + 17, "large"),
                          "data/behind.cdf": content(3000, "behind")}
    archive.dataset("d", files)
    late = random.Random(7)
    for key in files:
        archive.tiny.origin.always(path(key), Behaviour(delay=late.choice([0, 0, 0.02, 0.1])))
    done = cat("d", "--part-size", "1M").expect(0, "123, ", "123 size", "123 md5")
    assert done.raw == b"".join(files.values())
    backwards = cat("d", "--reverse").expect(0)
    assert backwards.raw == b"".join(reversed(files.values()))


def test_many_are_fetched_at_once(archive, cat):
    files = small(64)
    archive.dataset("d", files)
    for key in files:
        archive.tiny.origin.always(path(key), Behaviour(delay=0.2))
    assert cat("d").expect(0).raw == b"".join(files.values())
    assert archive.tiny.origin.requests_max > 8


def test_conditions_and_lists_choose_files(archive, cat, tmp_path):
    files = small(20)
    archive.dataset("d", files)
    names = sorted(files)
    done = cat("d", "--start", "2020-01-01T00:05", "--stop", "2020-01-01T00:09", "--match", "start").expect(0)
    assert done.raw == b"".join(files[name] for name in names[5:9])
    listed = tmp_path / "list"
    listed.write_text(f"{names[7]}\ns3://{TINY}/{names[2]}\n{names[7]}\n")
    assert cat("--keys-from", listed).expect(0).raw == files[names[7]] + files[names[2]] + files[names[7]]
    shards = [cat("--keys-from", listed, "--shard", f"{k}/3").expect(0).raw for k in (1, 2, 3)]
    assert sorted(b"".join(shards)) == sorted(files[names[7]] + files[names[2]] + files[names[7]])


def test_11_a_file_to_which_nothing_can_be_had_is_left_out(archive, cat, tmp_path):
    files = small(9)
    archive.dataset("d", files)
    gone = sorted(files)[4]
    archive.tiny.origin.remove(path(gone))
    lines, failed = tmp_path / "report", tmp_path / "failed"
    done = cat("d", "--report", lines, "--failed-out", failed).expect(1, gone, "404", "1 of 9 files failed")
    assert done.raw == b"".join(data for key, data in files.items() if key != gone)
    told = report(lines)
    assert len(told) == 9
    assert told[f"s3://{TINY}/{gone}"]["status"] == "NOT_FOUND" and told[f"s3://{TINY}/{gone}"]["state"] == "failed"
    well = told[f"s3://{TINY}/{sorted(files)[0]}"]
    assert well["status"] == "OK" and well["size"] == len(files[sorted(files)[0]]) and well["checks"] == ["size", "md5"]
    assert [json.loads(line)["datakey"] for line in failed.read_text().splitlines()] == [f"s3://{TINY}/{gone}"]
    archive.tiny.origin.put(path(gone), files[gone])
    assert cat("--from-failed", failed).expect(0).raw == files[gone]


def test_p2_what_names_no_file_is_reported(archive, cat, tmp_path):
    files = small(2)
    archive.dataset("d", files)
    first, second = sorted(files)
    listed, lines, failed = tmp_path / "list", tmp_path / "report", tmp_path / "failed"
    listed.write_text(f"{first}\ns3://../x\n{second}\ns3://{TINY}/\n")
    refused = ["s3://../x", f"s3://{TINY}/"]
    for way in [], ["--exec", "cat"]:
        done = cat("--keys-from", listed, "--report", lines, "--failed-out", failed, *way).expect(1, "2 refused")
        assert len(done.raw) == sum(map(len, files.values()))
        told = report(lines)
        assert len(told) == 4 and [key for key in told if told[key]["state"] == "refused"] == refused
        assert {(told[key]["status"], told[key]["exit"]) for key in refused} == {("INTEGRITY", 7)}
        assert [json.loads(line)["datakey"] for line in failed.read_text().splitlines()] == refused
        cat("--from-failed", failed, "--report", lines, *way).expect(7, "2 refused")
        assert list(report(lines)) == refused
    done = cat("--from-failed", failed, "--progress", "json").expect(7)
    summary = next(line for line in map(json.loads, done.err.splitlines()) if line.get("event") == "summary")
    assert summary["refused"] == 2


def test_nothing_is_said_of_what_names_no_file_to_a_reader_that_has_gone(archive, cat, tmp_path):
    archive.dataset("d", {"a": content(5 * MB, 1)})
    listed, lines = tmp_path / "list", tmp_path / "report"
    behind = [f"s3://../{i}" for i in range(9000)]
    listed.write_text("".join(f"{key}\n" for key in ["a"] * 6000 + behind))
    process = cat.start("--keys-from", listed, "--report", lines)
    process.stdout.read(100)
    process.stdout.close()
    assert process.wait(60) == 141 and process.stderr.read() == b""
    assert [key for key, line in report(lines).items() if line["state"] == "refused"] == behind


def test_p2_what_names_no_file_behind_the_end_of_a_run_is_reported(archive, cat, tmp_path):
    """Each once, wherever the run ended, and however far it looked ahead."""
    archive.dataset("d", {"large": content(20 * MB, 1), "small": b"small"})
    listed, lines, failed = tmp_path / "list", tmp_path / "report", tmp_path / "failed"
    read = threading.Event()
    archive.tiny.origin.script(path("large"), None, None, *[Behaviour(status=404, until=read)] * 8)
    behind = [f"s3://../{i}" for i in range(200)]
    listed.write_text("".join(f"{key}\n" for key in ["s3://../before", "large", *["small"] * 9000, *behind]))
    process = cat.start("--keys-from", listed, "--part-size", "4M", "--report", lines, "--failed-out", failed)
    process.stdout.read(6000)
    read.set()
    told = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 3 and "the output is broken" in told and "201 refused" in told, told
    states = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line["location"] for line in states if line["state"] == "refused"] == ["s3://../before", *behind]
    assert len(states) == 9202 and len(failed.read_text().splitlines()) == 9202


def test_nothing_to_be_had_at_all_ends_with_the_gravest(archive, cat):
    files = small(3)
    archive.dataset("d", files)
    for key in files:
        archive.tiny.origin.remove(path(key))
    assert cat("d").expect(3, "3 of 3 files failed").raw == b""


def test_21_an_entity_tag_that_is_another_md5_is_refetched_once_then_fails(archive, cat):
    files = small(3)
    archive.dataset("d", files)
    flipped, once, _ = sorted(files)
    archive.tiny.origin.always(path(flipped), Behaviour(flip=0))
    archive.tiny.origin.script(path(once), Behaviour(flip=3))
    done = cat("d").expect(1, flipped, "md5", hashlib.md5(files[flipped]).hexdigest(), "entity tag")
    assert done.raw == b"".join(data for key, data in files.items() if key != flipped)
    assert len(archive.asked(flipped)) == 2 and len(archive.asked(once)) == 2
    assert cat("d", "--ignore-checksums").expect(0).raw != b"".join(files.values())


def test_a_tag_of_another_kind_is_no_md5(archive, cat):
    files = small(3)
    archive.dataset("d", files)
    for key in files:
        archive.tiny.origin.always(path(key), Behaviour(headers={"ETag": '"%s-2"' % hashlib.md5(b"x").hexdigest()}))
    assert "md5" not in cat("d").expect(0, "3 size").err


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "sha1"])
def test_21_the_checksum_of_the_index_is_checked(archive, cat, algorithm):
    files = small(4)
    archive.dataset("d", files, algorithm=algorithm)
    wrong = sorted(files)[2]
    # The server's own tag is right for what it sends: only the index knows better, and asking again is of no use.
    other = bytes([files[wrong][0] ^ 1]) + files[wrong][1:]
    archive.tiny.origin.put(path(wrong), other)
    done = cat("d").expect(1, wrong, algorithm, hashlib.new(algorithm, files[wrong]).hexdigest(), "index")
    assert done.raw == b"".join(data for key, data in files.items() if key != wrong)
    assert len(archive.asked(wrong)) == 1
    assert cat("d", "--ignore-checksums").expect(0).raw == b"".join(
        other if key == wrong else data for key, data in files.items())


def test_21_a_flipped_bit_under_a_tag_that_is_no_md5_is_found_by_the_index(archive, cat):
    files = small(3)
    archive.dataset("d", files, algorithm="sha256")
    flipped = sorted(files)[1]
    archive.tiny.origin.script(path(flipped), Behaviour(flip=9, headers={"ETag": '"x-2"'}),
                               Behaviour(headers={"ETag": '"x-2"'}))
    assert cat("d").expect(0).raw == b"".join(files.values())
    assert len(archive.asked(flipped)) == 2


def test_19_a_size_that_the_index_has_wrong(archive, cat):
    files = small(3)
    wrong = sorted(files)[1]
    archive.dataset("d", files, sizes={wrong: len(files[wrong]) + 1})
    done = cat("d").expect(1, wrong, f"{len(files[wrong])} bytes", f"expected {len(files[wrong]) + 1}", "index")
    assert done.raw == b"".join(data for key, data in files.items() if key != wrong)
    assert cat("d", "--ignore-size").expect(0).raw == b"".join(files.values())


def test_an_unsized_list_of_large_and_small_files(archive, cat, tmp_path):
    files = {f"f/{i}": content(n, i) for i, n in enumerate([100, 3 * MB, 0, 6 * MB, 1, 4 * MB, 5 * MB, 70000])}
    archive.dataset("d", files)
    listed = tmp_path / "list"
    listed.write_text("".join(f"{key}\n" for key in files))
    done = cat("--keys-from", listed, "--memory", "16M", "--part-size", "1M").expect(0)
    assert done.raw == b"".join(files.values())


def test_03_a_body_that_breaks_off_is_gone_on_with(archive, cat):
    files = {"a": content(5000, 1), "b": content(12 * MB, 2), "c": content(100, 3)}
    archive.dataset("d", files)
    archive.tiny.origin.script(path("a"), Behaviour(cut=100))
    archive.tiny.origin.script(path("b"), Behaviour(cut=3 * MB), Behaviour(cut=MB, cut_by="fin"))
    assert cat("d", "--retries", "3").expect(0).raw == b"".join(files.values())


def test_p2_of_a_small_file_that_breaks_for_good_nothing_goes_out(archive, cat):
    files = {"a": content(5000, 1), "b": content(7 * MB, 2), "c": content(100, 3)}
    archive.dataset("d", files)
    archive.tiny.origin.always(path("b"), Behaviour(cut=5 * MB))
    done = cat("d", "--retries", "0", "--reverse").expect(1, "b", "1 of 3 files failed")
    assert done.raw == files["c"] + files["a"]


def test_p2_a_large_file_that_breaks_for_good_ends_the_run(archive, cat):
    files = {"a": content(5000, 1), "b": content(20 * MB, 2), "c": content(100, 3)}
    archive.dataset("d", files)
    read = threading.Event()
    archive.tiny.origin.script(path("b"), None, None, *[Behaviour(status=404, until=read)] * 8)
    process = cat.start("d", "--part-size", "4M", "--failed-out", "failed")
    got = process.stdout.read(6000)
    read.set()
    got += process.stdout.read()
    assert process.wait(30) == 3
    assert b"the output is broken" in process.stderr.read()
    assert (files["a"] + files["b"]).startswith(got)
    failed = (cat.client.program.home / "failed").read_text().splitlines()
    assert [json.loads(line)["datakey"] for line in failed] == [f"s3://{TINY}/b", f"s3://{TINY}/c"]


def test_p1_a_broken_output_does_not_appear_as_a_file(archive, cat, tmp_path):
    archive.dataset("d", {"a": content(20 * MB, 1)})
    folder, written = tmp_path / "out", threading.Event()
    folder.mkdir()
    archive.tiny.origin.script(path("a"), None, None, *[Behaviour(status=404, until=written)] * 8)
    process = cat.start("d", "--part-size", "4M", "-o", folder / "x")
    assert archive.tiny.origin.wait_for(lambda: any(file.stat().st_size for file in folder.iterdir()))
    written.set()
    assert process.wait(30) == 3
    assert b"the output is broken" in process.stderr.read()
    assert list(folder.iterdir()) == []


def test_21_a_large_file_with_a_wrong_checksum_ends_the_run(archive, cat):
    files = {"a": content(50, 1), "b": content(9 * MB, 2), "c": content(100, 3)}
    archive.dataset("d", files)
    archive.tiny.origin.always(path("b"), Behaviour(flip=9 * MB - 1))
    done = cat("d").expect(7, "the output is broken", "md5")
    assert done.raw.startswith(files["a"]) and files["c"] not in done.raw


def test_21_the_checksums_that_s3_keeps_of_large_objects(archive, cat, tmp_path):
    """They come in answer to HEAD alone, of an object that comes in ranges."""
    data = content(9 * MB, 1)
    archive.dataset("d", {"a": data})
    # sha256sum's answer; the tag is one of an upload in parts
    headers = {"ETag": '"5d41402abc4b2a76b9719d911017c592-3"',
               "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(data).digest()).decode()}
    archive.tiny.origin.always(path("a"), Behaviour(headers=headers))
    cat("d", "--report", tmp_path / "report", "--part-size", "1M").expect(0, "1 sha256")
    assert report(tmp_path / "report")[f"s3://{TINY}/a"]["checks"] == ["size", "sha256"]
    archive.tiny.origin.always(path("a"), Behaviour(headers=headers, flip=8 * MB))
    cat("d", "--part-size", "1M").expect(7, "sha256", hashlib.sha256(data).hexdigest())
    # HEAD that is refused does not keep the bytes away.
    archive.tiny.origin.script(path("a"), Behaviour(status=403))
    archive.tiny.origin.always(path("a"), None)
    assert cat("d", "--part-size", "1M", "--no-sign-request").expect(0, "1 md5").raw == data


def test_14_a_large_object_that_changes_on_the_way(archive, cat):
    old, new = content(20 * MB, "old"), content(20 * MB, "new")
    archive.dataset("d", {"a": old})
    archive.tiny.origin.script(path("a"), None, None, Behaviour(replace=new))
    cat("d", "--part-size", "2M", "--jobs", "1").expect(7, "changed while it was fetched")


def test_17_a_server_without_ranges_that_breaks_off(archive, cat):
    data = content(12 * MB, "x")
    archive.dataset("d", {"a": data})
    archive.tiny.origin.script(path("a"), Behaviour(ignore_range=True, cut=10 * MB, cut_by="fin"),
                               Behaviour(ignore_range=True, cut=11 * MB), Behaviour(ignore_range=True))
    archive.tiny.origin.always(path("a"), Behaviour(ignore_range=True))
    assert cat("d").expect(0).raw == data


def test_18_sizes_that_the_server_does_not_state(archive, cat, tmp_path):
    files = {"a": content(5000, 1), "b": content(11 * MB, 2), "c": content(700, 3)}
    archive.dataset("d", files)
    for key in files:
        archive.tiny.origin.always(path(key), Behaviour(ignore_range=True, chunked=True, headers={"Content-Length": None}))
    assert cat("d").expect(0, "3 size", "3 md5").raw == b"".join(files.values())
    listed = tmp_path / "list"
    listed.write_text("a\nb\nc\n")
    assert cat("--keys-from", listed, "--memory", "16M").expect(0).raw == b"".join(files.values())


@pytest.fixture
def web(tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    with Nginx(folder, tmp_path / "nginx") as server:
        yield server


@pytest.mark.skipif(os.environ.get("HDX_BUILD", "").endswith("tsan"), reason="its shadow memory counts as ours")
def test_40_p4_a_slow_consumer_bounds_memory(web, heliodex, tmp_path):
    """600 MB wait behind a consumer that takes nothing."""
    sizes = [40 * MB] * 5 + [5 * MB] * 40 + [200 * MB]
    for i, size in enumerate(sizes):
        file = web.folder / f"{i}"
        with open(file, "wb") as out:
            out.truncate(size)
            out.write(b"%d" % i)
    listed = tmp_path / "list"
    listed.write_text("".join(f"{web.url}/{i}\n" for i in range(len(sizes))))
    lean = {"ASAN_OPTIONS": heliodex.environment["ASAN_OPTIONS"] + ":quarantine_size_mb=1"}
    process = heliodex.start("cat", "--keys-from", listed, "--memory", "64M", "--stall-time", "1", "--retry-max-time",
                             "1", env=lean)
    first = process.stdout.read(1)
    assert first == b"0"
    still, count = 0, 0
    tick = threading.Event()
    while still < 25:  # until the network has stood still for longer than a server may
        tick.wait(0.1)
        now = len(web.requests())
        still, count = (still + 1, count) if now == count else (0, now)
    assert count < len(sizes)
    digest, length = hashlib.sha256(first), 1
    with Watch(process) as used:
        while block := process.stdout.read(MB):
            digest.update(block)
            length += len(block)
    assert used.memory < 128 * MB, f"{used.memory / MB:.0f} MiB"
    expected = hashlib.sha256()
    for i, size in enumerate(sizes):
        head = b"%d" % i
        expected.update(head + bytes(size - len(head)))
    told = process.stderr.read().decode()
    assert process.wait(30) == 0, told
    assert "another connection" not in told  # it is we who have not looked
    assert length == sum(sizes) and digest.digest() == expected.digest()


def test_35_40_a_consumer_that_goes_ends_the_run_quietly(archive, cat):
    archive.dataset("d", {f"{i}": content(3 * MB, i) for i in range(20)})
    process = cat.start("d")
    process.stdout.read(1000)
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""


def test_35_an_interruption_ends_it(archive, cat):
    archive.dataset("d", {f"{i}": content(MB, i) for i in range(100)})
    process = cat.start("d")
    process.stdout.read(1000)
    process.send_signal(2)
    assert process.wait(30) == 130
    assert b"interrupted by SIGINT" in process.stderr.read()


def test_35_p2_what_an_interruption_leaves_is_told(archive, cat, tmp_path):
    files = {f"{i:03}": content(MB, i) for i in range(100)}
    archive.dataset("d", files)
    lines, failed = tmp_path / "report", tmp_path / "failed"
    process = cat.start("d", "--report", lines, "--failed-out", failed)
    process.stdout.read(5 * MB)
    process.send_signal(2)
    process.communicate(timeout=30)
    assert process.returncode == 130
    told = report(lines)
    assert len(told) == 100 and {row["state"] for row in told.values()} == {"fetched", "left"}
    left = [json.loads(line)["datakey"].split("/")[-1] for line in failed.read_text().splitlines()]
    done = [key for key in files if told[f"s3://{TINY}/{key}"]["state"] == "fetched"]
    assert len(done) >= 4 and done + left == list(files)


def test_p1_the_file_of_o_appears_when_all_is_written(archive, cat, tmp_path):
    files = small(5)
    archive.dataset("d", files)
    cat("d", "-o", tmp_path / "out").expect(0)
    assert (tmp_path / "out").read_bytes() == b"".join(files.values())


def on_terminal(cat, *arguments):
    """Runs it with a terminal as its output; (exit code, what the terminal got, standard error)."""
    master, slave = pty.openpty()
    process = cat.start(*arguments, stdout=slave)
    os.close(slave)
    got = b""
    try:
        while block := os.read(master, 65536):
            got += block
    except OSError:  # how a terminal whose other side has gone ends
        pass
    os.close(master)
    return process.wait(30), got, process.stderr.read().decode()


def test_a_terminal_gets_text_alone(archive, cat):
    archive.dataset("text", {"a.txt": b"12 apples\n"})
    archive.dataset("binary", {"a.cdf": b"\xcd\xf3\x00\x01"})
    archive.dataset("letters", {"l.txt": "déjà vu, €".encode()})
    steering = (b"\x1b]0;owned\x07", b"\xc2\x9b31m", b"a\x7fb", b"a\x08b")
    for i, text in enumerate(steering):
        archive.dataset(f"steering{i}", {f"{i}.txt": b"plain, " + text})
    assert on_terminal(cat, "text")[:2] == (0, b"12 apples\r\n")
    code, got, told = on_terminal(cat, "binary")
    assert (code, got) == (2, b"") and "-o -" in told
    assert on_terminal(cat, "binary", "-o", "-")[:2] == (0, b"\xcd\xf3\x00\x01")
    assert on_terminal(cat, "letters")[:2] == (0, "déjà vu, €".encode())
    for i, _ in enumerate(steering):
        assert on_terminal(cat, f"steering{i}")[:2] == (2, b""), steering[i]
    code, got, told = on_terminal(cat, "text", "--tar")
    assert (code, got) == (2, b"") and "-o -" in told


def test_what_does_not_go_together(cat):
    cat("d", "--exec", "cat", "--tar").expect(2, "--tar")
    cat("d", "--exec", "cat", "-o", "x").expect(2, "-o")
    cat("d", "--tar", "--flat", "--layout", "{key}").expect(2, "--layout")
    cat("d", "--keys-from", "x").expect(2)
    cat().expect(2)


def test_progress_and_summary_for_machines(archive, cat):
    files = small(5)
    archive.dataset("d", files)
    done = cat("d", "--progress", "json").expect(0)
    summary = next(line for line in map(json.loads, done.err.splitlines()) if line["event"] == "summary")
    size = sum(map(len, files.values()))
    assert summary["files"] == summary["fetched"] == 5 and summary["bytes"] == size and summary["failed"] == 0
    assert summary["checked"]["size"] == summary["checked"]["md5"] == 5


def test_shards_of_a_plan(archive, cat, tmp_path):
    files = small(12)
    archive.dataset("d", files)
    plan = tmp_path / "plan"
    cat.client.program("plan", cat.client.bucket, "d", *cat.client.access, "--shards", "3", "-o", plan).expect(0)
    assert cat("--plan", plan).expect(0).raw == b"".join(files.values())
    reports = [tmp_path / f"{k}" for k in (1, 2, 3)]
    parts = [cat("--plan", plan, "--shard", k, "--report", reports[k - 1]).expect(0).raw for k in (1, 2, 3)]
    assert sum(map(len, parts)) == sum(map(len, files.values())) and all(parts)
    cat.client.program("merge", plan, *reports).expect(0)


def test_lines_that_name_no_file(archive, cat, tmp_path):
    archive.dataset("d", {"a": b"1", "b": b"2"})
    listed = tmp_path / "list"
    listed.write_text("a\nhttp://x/\nb\n")
    done = cat("--keys-from", listed).expect(1, "line 2")
    assert done.raw == b"12" and done.err.count("line 2") == 1
    (tmp_path / "bad").write_text('{"datakey":"a"}\n{"datakey":\n')
    done = cat("--keys-from", tmp_path / "bad").expect(7, "line 2")
    assert b"1".startswith(done.raw)


def test_options_that_would_do_nothing_are_refused(archive, cat):
    archive.dataset("d", {"a.cdf": b"x"})
    cat("d", "--flat").expect(2, "--tar")
    cat("d", "--layout", "{name}").expect(2, "--tar")
    cat("d", "-P", "2").expect(2, "--exec")
    cat("d", env={"HELIODEX_LAYOUT": "{name}", "HELIODEX_PROCESSES": "2"}).expect(0)
