"""What happens in the middle of a mirror, or between two runs of it: room that goes, limits, versions, partial files
and lists that are not there any more."""

import fcntl
import signal
import threading

import pytest

from conftest import TINY
from mirror import STATE, content, partial, report, tree
from origin import Behaviour

KEY = "data/a.cdf"
PATH = f"/{TINY}/{KEY}"
MB = 1 << 20


@pytest.fixture
def go_on(archive):
    """An event for behaviours to wait for."""
    event = threading.Event()
    yield event
    event.set()


def start(mirror, *arguments, dest=None):
    client = mirror.client
    return client.program.start("mirror", client.bucket, "d", *arguments, *client.access, "--dest", dest or mirror.dest)


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, err.decode()


# ---- limits


def test_28_room_that_goes_while_the_run_goes_on(archive, mirror, disk, go_on):
    """Sizes are not known, so that nothing is said beforehand; what is under way ends then, too."""
    others = {f"data/{i}.cdf": content(200_000, i) for i in range(4)}
    files = {KEY: content(100, 1)} | others
    archive.dataset("d", files, sizes=dict.fromkeys(files))
    archive.tiny.origin.script(PATH, Behaviour(until=go_on))
    dest = disk / "dest"
    process = start(mirror, "--keep-free", "1500K", dest=dest)
    code, told = ended(process)
    assert code == 6 and "are to be kept free" in told and "MiB are free" in told, told
    assert tree(dest) == others
    go_on.set()
    mirror("d", "--keep-free", "0", dest=dest).expect(0, "1 fetched", "4 unchanged")
    assert tree(dest) == files


def test_bytes_are_counted_while_the_run_goes_on(archive, mirror):
    files = {f"data/{i}.cdf": content(50_000, i) for i in range(4)} | {KEY: content(100, 1), "data/z.cdf": b"z"}
    archive.dataset("d", files, sizes=dict.fromkeys(files))
    archive.tiny.origin.script(PATH, Behaviour(drip=(10, 0.05)))
    mirror("d", "--max-bytes", "150K", "-j", "2").expect(8, "as many bytes have come as the run may fetch")
    mirror("d").expect(0)
    assert tree(mirror.dest) == files


def test_many_files(archive, mirror):
    """More than are looked at, waited for or checked at a time."""
    files = {f"data/{i % 10}/{i:04}.cdf": b"%d" % i for i in range(1500)}
    archive.dataset("d", files)
    mirror("d", "-j", "64").expect(0, "1,500 fetched")
    assert tree(mirror.dest) == files
    mirror.verify("--threads", "1").expect(0, "1,500")
    mirror("d").expect(0, "1,500 unchanged")


@pytest.mark.parametrize("call, below", [("open", f"{STATE}/lock"), ("read", ""), ("pread", ""), ("write", ""),
                                         ("pwrite", "")])
def test_30_calls_that_a_signal_interrupts_are_made_again(archive, mirror, failing, call, below):
    """Each of the first ones: the run is none the worse."""
    files = {KEY: content(600_000, "a"), "data/b.cdf": b"b"}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    for number in range(1, 9):
        arguments = ["mirror", mirror.client.bucket, "d", "--dest", mirror.dest / str(number), "--part-size", "256K"]
        try:
            failing(f"{call}:{number}:EINTR", *arguments, *mirror.client.access,
                    env={"HDX_FAULTS_BELOW": str(mirror.dest / str(number) / below)}).expect(0, "2 fetched")
        except AssertionError as error:
            assert "no call failed" in str(error)
            break
        assert tree(mirror.dest / str(number)) == files


# ---- what goes on


def test_03_parts_that_are_missing_between_others_are_fetched_alone(archive, mirror):
    """A run that broke off had the last parts and not the first."""
    files = {KEY: content(2 * MB, "a")}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    origin = archive.tiny.origin
    origin.script(PATH, Behaviour(), Behaviour(stall=1000))  # HEAD, then the first part
    process = start(mirror, "--part-size", "256K", "-j", "4")
    assert origin.wait_for(lambda: len([r for r in origin.of(PATH) if r.method == "GET" and r.whole]) >= 3)
    process.send_signal(signal.SIGTERM)
    code, told = ended(process)
    assert code == 143 and len(partial(mirror.dest)) == 1, told
    origin.clear()
    mirror("d", "--part-size", "256K").expect(0)
    assert tree(mirror.dest) == files
    asked = [r.headers.get("range") for r in origin.of(PATH) if r.method == "GET" and r.sent]
    assert sum(r.sent for r in origin.of(PATH) if r.method == "GET") <= 2 * MB - 3 * MB // 4, asked


@pytest.mark.parametrize("tag", ['W/"same"', None], ids=["weak", "none"])
def test_14_a_partial_file_whose_version_has_a_weak_name_is_begun_anew(archive, mirror, tag):
    """The tag of what is held may be that of other bytes."""
    old, new = content(4 * MB, "old"), content(4 * MB, "new")
    archive.dataset("d", {KEY: old})
    origin = archive.tiny.origin
    weak = {"ETag": 'W/"same"'}
    origin.script(PATH, *[Behaviour(headers=weak, cut=3 * MB, ignore_conditions=True)] * 3)
    mirror("d", "--part-size", "8M", "--retries", "0").expect(5)
    origin.put(PATH, new)
    origin.always(PATH, Behaviour(headers={"ETag": tag}, ignore_conditions=True))
    mirror("d", "--part-size", "8M").expect(0)
    assert tree(mirror.dest) == {KEY: new}


def test_36_a_partial_file_that_another_process_has_open(archive, mirror):
    """The journal speaks of it, and somebody else goes on with it."""
    files = {KEY: content(2 * MB, "a"), "data/b.cdf": content(1000, "b")}
    archive.dataset("d", files)
    archive.tiny.origin.script(PATH, *[Behaviour(cut=MB + 500_000)] * 2)
    mirror("d", "--retries", "0", "--shard", "1/1").expect(1, "1 fetched, 1 failed")
    (name,) = partial(mirror.dest)
    with open(mirror.dest / STATE / "partial" / name, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        mirror("d", "--shard", "1/1").expect(1, "another process", "1 unchanged, 1 failed")
        assert partial(mirror.dest) == [name] and KEY not in tree(mirror.dest)
    mirror("d", "--shard", "1/1").expect(0)
    assert tree(mirror.dest) == files and partial(mirror.dest) == []


def test_p1_a_partial_file_that_somebody_else_has_written_to(archive, mirror, go_on):
    """It is longer than what was written: it does not get the name."""
    files = {KEY: content(600_000, "a")}
    archive.dataset("d", files)
    archive.tiny.origin.script(PATH, Behaviour(), Behaviour(), Behaviour(until=go_on))
    process = start(mirror, "--part-size", "256K", "-j", "1")
    assert archive.tiny.origin.wait_for(lambda: partial(mirror.dest) != [] and len(archive.asked(KEY)) >= 2)
    (name,) = partial(mirror.dest)
    with open(mirror.dest / STATE / "partial" / name, "ab") as other:
        other.write(bytes(1000))
    go_on.set()
    code, told = ended(process)
    assert code == 6 and "is another program writing it?" in told, told
    assert tree(mirror.dest) == {}
    mirror("d").expect(0)
    assert tree(mirror.dest) == files


def test_11_a_file_that_has_gone_before_its_head(archive, mirror):
    """Of what is large HEAD is asked first; it is missing then as any other."""
    files = {KEY: content(600_000, "a"), "data/b.cdf": b"b"}
    archive.dataset("d", files)
    archive.tiny.origin.always(PATH, Behaviour(status=404))
    mirror("d", "--part-size", "256K").expect(1, "1 fetched, 1 failed", KEY)
    assert len(archive.asked(KEY)) == 1 and tree(mirror.dest) == {"data/b.cdf": b"b"}


@pytest.mark.parametrize("named", [True, False])
def test_34_parts_of_a_large_file_are_kept_when_the_run_is_killed(archive, mirror, named):
    """The journal has a word of them while they come; not of a version that has no name."""
    files = {KEY: content(48 * MB, "a")}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    hidden = {} if named else {"ETag": None, "Last-Modified": None}
    origin, journal = archive.tiny.origin, mirror.dest / STATE / "journal"
    origin.always(PATH, Behaviour(headers=hidden, stall=40 * MB))
    process = start(mirror, "--part-size", "64M")

    def came():
        return any(file.stat().st_blocks * 512 >= 39 * MB for file in (mirror.dest / STATE / "partial").glob("*"))

    assert origin.wait_for(came)
    assert not named or origin.wait_for(lambda: journal.exists() and b"part" in journal.read_bytes())
    process.kill()
    process.communicate()
    assert named or not journal.exists() or b"part" not in journal.read_bytes()
    origin.clear()
    origin.always(PATH, None)
    mirror("d").expect(0, "1 resumed" if named else "1 fetched")
    assert tree(mirror.dest) == files and partial(mirror.dest) == []
    sent = [(request.headers.get("range"), request.sent) for request in origin.of(PATH) if request.method == "GET"]
    assert sum(sent_bytes for _, sent_bytes in sent) <= (16 if named else 48) * MB, sent


# ---- answers that do not end


@pytest.mark.parametrize("always", [False, True])
def test_18_19_an_answer_without_a_byte(archive, mirror, always):
    """It says that it has all of them."""
    files = {KEY: content(100_000, "a"), "data/b.cdf": b"b"}
    archive.dataset("d", files)
    empty = Behaviour(raw=b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-65535/100000\r\nETag: \"e\"\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    archive.tiny.origin.script(PATH, Behaviour(), *[empty] * (50 if always else 2))  # behind HEAD
    if always:
        mirror("d", "--retries", "2", "--part-size", "64K", "-j", "1").expect(1, KEY, "3 attempts")
    else:
        mirror("d", "--retries", "2", "--part-size", "64K", "-j", "1").expect(0, "2 fetched")
    assert tree(mirror.dest) == {name: data for name, data in files.items() if name != KEY or not always}


def test_04_a_stall_behind_the_last_byte(archive, mirror):
    """The end of the answer does not come, and all that it is to have has: it is not asked for again."""
    files = {KEY: content(128 << 10, "a")}
    archive.dataset("d", files)
    archive.tiny.origin.always(PATH, Behaviour(chunked=True, stall=64 << 10))
    mirror("d", "--stall-time", "1", "--retries", "0", "--part-size", "64K").expect(0, "1 fetched")
    assert tree(mirror.dest) == files


def test_a_file_url_with_a_nul(mirror):
    mirror.client.program("registry", "--registry", "file:///tmp/%00/registry.json").expect(2, "not the URL of a file")


# ---- what cannot be read or removed


@pytest.mark.parametrize("number", range(1, 9))
def test_30_a_list_that_breaks_off(archive, mirror, failing, number):
    """Wherever it does: what has come is kept, the files that were not reached are no others' loss, and nothing that is
    not in what was read is deleted."""
    files = {f"data/{i:04}.cdf": b"%d" % i for i in range(600)}
    archive.dataset("d", files)
    mirror("d", "--key", "*/000*.cdf").expect(0)
    path = mirror.client.program.home / "list"
    path.write_text("".join(f"s3://{TINY}/{key}\n" for key in list(files)[5:]))
    arguments = ["mirror", "--keys-from", path, "--dest", mirror.dest, *mirror.client.access, "--delete-extra"]
    try:
        done = failing(f"pread:{number}:EIO", *arguments, env={"HDX_FAULTS_BELOW": str(path)})
    except AssertionError as error:
        assert number > 2 and "no call failed" in str(error)
        return
    done.expect(6, "list: cannot be read")
    assert tree(mirror.dest).items() <= files.items() and "data/0000.cdf" in tree(mirror.dest)


def test_30_files_that_cannot_be_deleted_are_told(archive, mirror, failing, tmp_path):
    """Folders that stay because they cannot be removed are none."""
    files = {f"data/{i}.cdf": b"%d" % i for i in range(4)}
    archive.dataset("d", files)
    kept = []
    for number in range(1, 4):
        dest = tmp_path / f"dest-{number}"
        mirror("d", dest=dest).expect(0)
        arguments = ["mirror", mirror.client.bucket, "d", "--key", "*/3.cdf", "--dest", dest, *mirror.client.access,
                     "--delete-extra", "--report", tmp_path / "report"]
        done = failing(f"unlink:{number}:EIO", *arguments, env={"HDX_FAULTS_BELOW": str(dest / "data")})
        left = sorted(tree(dest))
        assert left[-1] == "data/3.cdf" and len(left) == 1 + (done.code != 0), done
        if done.code:
            assert done.code == 6 and left[0] in done.err, done
            assert report(tmp_path / "report")[f"s3://{TINY}/{left[0]}"]["exit"] == 6
            kept.append(left[0])
        mirror("d", "--key", "*/3.cdf", "--delete-extra", dest=dest).expect(0)
        assert sorted(tree(dest)) == ["data/3.cdf"]
    assert kept


def test_30_a_file_that_cannot_be_read_is_fetched_anew(archive, mirror, failing):
    """By a run that is to read it: its bytes may be anything."""
    files = {KEY: content(1000, "a"), "data/b.cdf": b"b"}
    archive.dataset("d", files)
    mirror("d").expect(0)
    path = mirror.dest / KEY
    done = failing("pread:1:EIO", "mirror", mirror.client.bucket, "d", "--dest", mirror.dest, *mirror.client.access,
                   "--recheck", env={"HDX_FAULTS_BELOW": str(path)})
    done.expect(0, "1 fetched, 1 unchanged")
    assert tree(mirror.dest) == files


def test_files_of_another_size_are_not_adopted(archive, mirror):
    files = {KEY: content(1000, "a"), "data/b.cdf": b"b", "data/c.cdf": b"c"}
    archive.dataset("d", files, sizes={"data/c.cdf": None})
    (mirror.dest / "data").mkdir(parents=True)
    (mirror.dest / KEY).write_bytes(b"x")
    (mirror.dest / "data/b.cdf").mkdir()
    (mirror.dest / "data/c.cdf").write_bytes(b"c")
    done = mirror("d", "--adopt").expect(1, "2 fetched, 1 failed", "data/b.cdf")
    assert tree(mirror.dest) == {KEY: files[KEY], "data/c.cdf": b"c"}, done
