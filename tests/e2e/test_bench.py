"""The benchmark of mirroring: that its own programs tell right from wrong, and that it runs to its end on a few objects.

The programs are below HDX_BUILD/bench (default: build/dev).
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from servers import Nginx

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HDX_BUILD", ROOT / "build" / "dev")).resolve()
COUNT, SIZE = 3, 300_001  # more than a piece of what checks, and no multiple of anything
USAGE, IO, INTEGRITY = 2, 6, 7


def program(name, *arguments):
    return subprocess.run([BUILD / "bench" / f"hdx-{name}", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def objects(how, folder, distinct=COUNT):
    return program("objects", how, folder, COUNT, SIZE, distinct)


def path(folder, number):
    return folder / "data" / "0000" / f"object_{number:06}.cdf"


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "made" / "bucket"
    done = objects("make", folder)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"files": COUNT, "bytes": COUNT * SIZE})
    return folder


# ---- hdx-objects


def splitmix(state):
    state = state + 0x9E3779B97F4A7C15 & 2**64 - 1
    z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    z = (z ^ z >> 27) * 0x94D049BB133111EB & 2**64 - 1
    return state, z ^ z >> 31


def stream(name, number, count):
    """The first numbers of a stream as bench/generate/random.h says: xoshiro256++, seeded through splitmix64."""
    digest = 0xCBF29CE484222325
    for byte in name:
        digest = (digest ^ byte) * 0x100000001B3 & 2**64 - 1
    _, state = splitmix(6)
    _, state = splitmix(state ^ digest)
    state ^= number
    s = []
    for _ in range(4):
        state, drawn = splitmix(state)
        s.append(drawn)

    def turned(x, by):
        return (x << by | x >> 64 - by) & 2**64 - 1

    for _ in range(count):
        yield (turned(s[0] + s[3] & 2**64 - 1, 23) + s[0]) & 2**64 - 1
        shifted = s[1] << 17 & 2**64 - 1
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = turned(s[3], 45)


def test_objects_are_what_is_written_of_them(made):
    files = sorted(each for each in made.rglob("*") if each.is_file())
    assert files == [path(made, number) for number in range(COUNT)]
    for number, file in enumerate(files):
        expected = b"".join(drawn.to_bytes(8, "little") for drawn in stream(b"object", number, SIZE // 8 + 1))
        assert file.read_bytes() == expected[:SIZE]
        assert file.stat().st_mtime == datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp()
    assert objects("check", made).returncode == 0


def test_objects_may_share_their_bytes(tmp_path, made):
    folder = tmp_path / "shared"
    assert objects("make", folder, distinct=2).returncode == 0
    assert path(folder, 2).samefile(path(folder, 0))
    assert objects("check", folder, distinct=2).returncode == 0
    assert path(folder, 1).read_bytes() == path(made, 1).read_bytes()
    assert objects("check", made, distinct=2).returncode == INTEGRITY


def overwrite(file, at, data):
    with open(file, "r+b") as opened:
        opened.seek(at)
        opened.write(data)


def swap(folder):
    path(folder, 0).rename(folder / "kept")
    path(folder, 1).rename(path(folder, 0))
    (folder / "kept").rename(path(folder, 1))


WRONG = {
    "first byte": lambda folder: overwrite(path(folder, 1), 0, bytes([path(folder, 1).read_bytes()[0] ^ 1])),
    "last byte": lambda folder: overwrite(path(folder, 2), SIZE - 1, bytes([path(folder, 2).read_bytes()[-1] ^ 128])),
    "hole": lambda folder: overwrite(path(folder, 0), 270_000, bytes(64)),
    "moved": lambda folder: overwrite(path(folder, 0), 100_000, path(folder, 0).read_bytes()[100_008:100_100]),
    "shorter": lambda folder: os.truncate(path(folder, 2), SIZE - 1),
    "longer": lambda folder: os.truncate(path(folder, 2), SIZE + 1),
    "missing": lambda folder: path(folder, 1).unlink(),
    "another": lambda folder: (folder / "data" / "object.aria2").write_bytes(b""),
    "a link": lambda folder: (folder / "link").symlink_to("data"),
    "another's": swap,
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_copy_is_found(made, what):
    WRONG[what](made)
    done = objects("check", made)
    assert (done.returncode, done.stdout) == (INTEGRITY, "")
    assert done.stderr.startswith("hdx-objects: ")


def test_the_state_of_a_mirror_is_no_object(made):
    (made / ".heliodex" / "partial").mkdir(parents=True)
    (made / ".heliodex" / "journal").write_bytes(b"x")
    assert objects("check", made).returncode == 0


@pytest.mark.parametrize("arguments", [(), ("make", "x", "1", "1"), ("look", "x", "1", "1", "1"), ("make", "x", "1", "-1", "1"),
                                       ("make", "x", "1", "1", "0"), ("make", "x", "1e3", "1", "1")])
def test_objects_takes_no_other_arguments(tmp_path, arguments):
    assert program("objects", *arguments).returncode == USAGE
    assert not Path("x").exists()


# ---- hdx-ranges


SIZES = [4096, 1 << 20]  # of a range: of many that come with the head, and of one that takes several reads


def ranges(tmp_path, made, server, size, *more):
    files = tmp_path / "files"
    files.write_text("".join(f"{SIZE} /bucket/{path(made, number).relative_to(made)}\n" for number in range(COUNT)))
    return program("ranges", "-c", 4, "-r", size, *more, server.port, files)


@pytest.mark.parametrize("size", SIZES)
def test_ranges_come_to_their_places(tmp_path, made, size):
    with Nginx(made.parent, tmp_path / "nginx") as server:
        (tmp_path / "out").mkdir()
        done = ranges(tmp_path, made, server, size, "-o", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["files"], told["bytes"], told["connections"]) == (COUNT, COUNT * SIZE, 4)
        for number in range(COUNT):
            assert (tmp_path / "out" / str(number)).read_bytes() == path(made, number).read_bytes()
        asked = server.requests(COUNT * -(-SIZE // size))
        assert len(asked) == COUNT * -(-SIZE // size)
        assert {status for _, _, status, _ in asked} == {206} and sum(sent for *_, sent in asked) == COUNT * SIZE


@pytest.mark.parametrize("size", SIZES)
def test_ranges_that_the_server_does_not_give(tmp_path, made, size):
    with Nginx(made.parent, tmp_path / "nginx", ranges=False) as server:
        done = ranges(tmp_path, made, server, size)
        assert (done.returncode, done.stdout) == (IO, "")
        assert "not the range" in done.stderr


# ---- hdx-used


def test_what_a_command_used(tmp_path):
    spend = "import time\nheld = bytearray(60 << 20)\nwhile time.process_time() < 0.3: pass"
    done = program("used", tmp_path / "out", sys.executable, "-c", f"import subprocess, sys\n"
                   f"sys.exit(subprocess.run([sys.executable, '-c', '''{spend}''']).returncode)")
    assert done.returncode == 0, done.stderr
    used = json.loads((tmp_path / "out").read_text())
    assert used["processor"] >= 0.3 and used["seconds"] >= 0.3
    assert 60 << 20 < used["resident"] < 160 << 20


def test_who_starts_a_command_is_not_counted(tmp_path):
    held = bytearray(os.urandom(1 << 20)) * 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 200 << 10
    assert program("used", tmp_path / "out", shutil.which("true")).returncode == 0
    assert json.loads((tmp_path / "out").read_text())["resident"] < 60 << 20  # AddressSanitizer's share of hdx-used
    assert held


def test_the_end_of_a_command_is_told(tmp_path):
    shell = shutil.which("sh")
    assert program("used", tmp_path / "out", shell, "-c", "exit 3").returncode == 3
    assert program("used", tmp_path / "out", shell, "-c", "kill -9 $$").returncode == 128 + 9
    done = program("used", tmp_path / "out", tmp_path / "nothing")
    assert done.returncode == 126 and "nothing" in done.stderr


def test_a_command_gets_no_more_memory_than_allowed(tmp_path):
    done = program("used", "-m", 100, tmp_path / "out", sys.executable, "-c", "bytearray(200 << 20)")
    assert done.returncode == 1 and "MemoryError" in done.stderr


# ---- all of it


def test_few_objects_to_the_end(tmp_path):
    done = subprocess.run([ROOT / "bench" / "run", "--build", BUILD, "--scratch", tmp_path, "--scale", "0.001", "--rounds", "1",
                           "mirror"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = {line["figure"]: line for line in map(json.loads, done.stdout.splitlines())}
    objects_of = {"100 x 20 KB": 100, "50 x 20 KB at 30 ms": 50, "4 x 5 MB": 4, "4 x 16 MiB": 4}
    for what, count in objects_of.items():
        line = lines[f"mirror {what}, time"]
        assert line["value"] > 0 and {"heliodex", "curl --parallel"} <= set(line["took"])
        assert line["ratio"] == pytest.approx(line["value"] / line["peer_value"], rel=0.01)
        for took in line["took"].values():
            if isinstance(took, dict):
                assert took["s"] > 0 and took["files/s"] == pytest.approx(count / took["s"], rel=0.05)
        assert f"mirror {what}, processor" in lines and lines[f"mirror {what}, memory"]["value"] > 0
    assert lines["mirror 100 x 20 KB, nothing to do"]["value"] > 0
    assert lines["mirror 4 x 16 MiB, beside the ceiling"]["nothing_written"] > 0
    assert any("from the gateway" in figure for figure in lines)
    assert list(tmp_path.iterdir()) == []
