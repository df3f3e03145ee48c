"""cat --tar: archives as GNU tar, libarchive's bsdtar and Python's tarfile read them."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile

import pytest

from conftest import TINY
from mirror import content, tree
from origin import Behaviour
from test_cat import path

MB = 1 << 20
TIME = 1583020801  # 2020-03-01T00:00:01Z


def by_gnu(data, folder):
    subprocess.run(["tar", "x", "-C", folder], input=data, check=True, capture_output=True, env={"LC_ALL": "C.UTF-8",
                   "PATH": os.environ["PATH"]})


def by_bsd(data, folder):
    if not shutil.which("bsdtar"):
        pytest.skip("no bsdtar")
    done = subprocess.run(["bsdtar", "-x", "-f", "-", "-C", folder], input=data, check=True, capture_output=True,
                          env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]})
    assert done.stderr == b""


def by_python(data, folder):
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|", encoding="utf-8", errors="surrogateescape") as it:
        it.extractall(folder)


def put(archive, identifier, files):
    """A dataset whose objects were last changed at TIME and later, a second apart."""
    archive.dataset(identifier, files)
    for i, (key, data) in enumerate(files.items()):
        archive.tiny.origin.objects[path(key)] = (data, TIME + i)


NAMES = {
    "plain": "data/2020/a.cdf",
    "100 bytes": "n" * 100,
    "101 bytes": "n" * 101,
    "divided": "p" * 100 + "/" + "n" * 99,
    "divided at the last place": "p" * 155 + "/" + "n" * 100,
    "not to be divided": "p" * 156 + "/" + "n" * 100,
    "long parts": "/".join(["long" * 40] * 5),
    "characters": "données/été/日本.cdf",
    "blanks": "a b/ c d",
    "a slash that just does not fit": "d/" + "n" * 101,
    "quotes": "it's \"so\"/$(x)/`y`",
}


@pytest.mark.parametrize("read", [by_gnu, by_bsd, by_python])
def test_names_sizes_and_times(archive, cat, tmp_path, read):
    sizes = [0, 1, 511, 512, 513, 1024, 70000]
    files = {name: content(sizes[i % len(sizes)], i) for i, name in enumerate(NAMES.values())}
    files["large"] = content(9 * MB + 1, "large")
    put(archive, "d", files)
    data = cat("d", "--tar").expect(0).raw
    assert len(data) % 10240 == 0
    read(data, tmp_path)
    out = tmp_path
    for i, (name, expected) in enumerate(files.items()):
        assert (out / name).read_bytes() == expected, name
        assert (out / name).stat().st_mtime == TIME + i, name


def test_members_are_plain_files_of_nobody(archive, cat):
    put(archive, "d", {"a": b"1", "données": b"22"})
    with tarfile.open(fileobj=io.BytesIO(cat("d", "--tar").expect(0).raw)) as it:
        for member in it:
            assert (member.mode, member.uid, member.gid, member.uname, member.gname) == (0o644, 0, 0, "", "")
            assert member.isreg()


def test_p9_the_same_files_make_the_same_archive(archive, cat):
    put(archive, "d", {f"data/{i}": content(i * 977, i) for i in range(20)})
    assert cat("d", "--tar").expect(0).raw == cat("d", "--tar", "--jobs", "1").expect(0).raw


def test_files_of_this_machine_keep_their_times(heliodex, tmp_path):
    times = {"old": -86400, "odd": -0.5, "first": 0, "exact": 1500000.25}
    for name, time in times.items():
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, ns=(0, int(time * 1e9)))
    (tmp_path / "list").write_text("".join(f"file://{tmp_path}/{name}\n" for name in times))
    data = heliodex("cat", "--keys-from", tmp_path / "list", "--tar", "--flat").expect(0).raw
    with tarfile.open(fileobj=io.BytesIO(data)) as it:
        assert {member.name: member.mtime for member in it} == times
    by_gnu(data, heliodex.home)
    assert {name: (heliodex.home / name).stat().st_mtime for name in times} == times


def test_a_name_that_is_no_utf8(archive, cat, tmp_path):
    files = {"caf\udce9/x": b"latin"}
    location = f"http://127.0.0.1:{archive.tiny.origin.port}/x/caf%E9/x"
    archive.tiny.origin.put("/x/caf\ufffd/x", b"latin")
    (tmp_path / "list").write_text(location + "\n")
    data = cat.client.program("cat", "--keys-from", tmp_path / "list", "--tar").expect(0).raw
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as it:
        assert it.getnames() == ["x/" + name for name in files]
    by_bsd(data, tmp_path)
    assert (tmp_path / "x" / os.fsdecode(b"caf\xe9") / "x").read_bytes() == b"latin"


def test_layouts(archive, cat, tmp_path):
    put(archive, "d", {"data/2020/a": b"1", "data/2020/b": b"2"})

    def names(*arguments):
        with tarfile.open(fileobj=io.BytesIO(cat("d", "--tar", *arguments).expect(0).raw)) as it:
            return it.getnames()

    assert names() == ["data/2020/a", "data/2020/b"]
    assert names("--flat") == ["a", "b"]
    assert names("--layout", "{id}/{start:%H%M}/{name}") == ["d/0000/a", "d/0001/b"]
    cat("d", "--tar", "--layout", "{nonsense}").expect(2, "nonsense")


def test_no_member_takes_the_place_of_another(archive, cat, tmp_path):
    """As in a mirror: of two files that would have one name, the second fails; one that is another's folder is set apart."""
    put(archive, "d", {"2020/a": b"first", "2021/a": b"second", "a/b": b"third", "c": b"file", "c/d": b"below it"})
    done = cat("d", "--tar", "--flat").expect(1, "2021/a", "its place a is that of another file", "1 of 5 files failed")
    with tarfile.open(fileobj=io.BytesIO(done.raw)) as it:
        assert {member.name: it.extractfile(member).read() for member in it} == {
            "a": b"first", "b": b"third", "c": b"file", "d": b"below it"}
    by_gnu(cat("d", "--tar").expect(0).raw, tmp_path)
    assert tree(tmp_path / "c%=") == {"d": b"below it"} and (tmp_path / "c").read_bytes() == b"file"
    (tmp_path / "list").write_text("c\nc\n")  # twice the same file is no other one
    assert len(tarfile.open(fileobj=io.BytesIO(cat("--keys-from", tmp_path / "list", "--tar").expect(0).raw)).getnames()) == 2


def test_38_p8_hostile_keys_stay_inside(archive, cat, tmp_path):
    files = {"../../up": b"1", "/absolute": b"2", "a//b": b"3", "new\nline": b"4", "./c": b"5"}
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    origin = archive.tiny.origin
    lines = []
    for key, data in files.items():
        quoted = "".join(f"%{byte:02X}" for byte in key.encode())
        origin.put(f"/bucket/{key}", data)
        lines.append(f"{origin.url}/bucket/{quoted}\n")
    (tmp_path / "list").write_text("".join(lines))
    done = cat.client.program("cat", "--keys-from", tmp_path / "list", "--tar").expect(0)
    with tarfile.open(fileobj=io.BytesIO(done.raw)) as it:  # whoever unpacks it may be less careful than tar
        names = it.getnames()
    assert len(names) == len(files) and not any(part in ("", ".", "..") for name in names for part in name.split("/"))
    by_gnu(done.raw, inside)
    assert set(p.name for p in tmp_path.iterdir()) <= {"a", "list", "home", "tiny"}
    assert all("\n" not in name for name in tree(inside))


def test_a_file_that_fails_is_left_out_or_ends_the_archive(archive, cat, tmp_path):
    files = {"a": content(100, 1), "b": content(200, 2), "c": content(9 * MB, 3), "d": content(10, 4)}
    put(archive, "d", files)
    archive.tiny.origin.remove(path("b"))
    done = cat("d", "--tar").expect(1, "404")
    with tarfile.open(fileobj=io.BytesIO(done.raw)) as it:
        assert it.getnames() == ["a", "c", "d"]
    archive.tiny.origin.always(path("c"), Behaviour(flip=5))
    done = cat("d", "--tar").expect(7, "the output is broken", "c")
    with pytest.raises(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(done.raw)) as it:
        [hashlib.md5(it.extractfile(member).read()) for member in it]


def test_a_size_that_nobody_states_cannot_be_archived(archive, cat, tmp_path):
    files = {"a": content(100, 1), "b": content(9 * MB, 2), "c": content(300, 3)}
    put(archive, "d", files)
    for key in files:
        archive.tiny.origin.always(path(key), Behaviour(ignore_range=True, chunked=True, headers={"Content-Length": None}))
    by_python(cat("d", "--tar").expect(0).raw, tmp_path)  # the index does
    assert (tmp_path / "b").read_bytes() == files["b"]
    (tmp_path / "list").write_text("a\nb\nc\n")
    archive.tiny.origin.constant[path("b")].drip = (256 * 1024, 0.005)  # so that it is not here before it is begun
    archive.tiny.origin.put(path("b"), content(20 * MB, 2))
    done = cat("--keys-from", tmp_path / "list", "--tar").expect(1, "size", f"s3://{TINY}/b")
    with tarfile.open(fileobj=io.BytesIO(done.raw)) as it:  # small ones are complete before they are written
        assert it.getnames() == ["a", "c"]


def test_an_empty_archive(archive, cat):
    put(archive, "d", {"a": b"1"})
    done = cat("d", "--tar", "--start", "2020-06-01", "--stop", "2020-06-02").expect(0)
    assert done.raw == bytes(10240)
