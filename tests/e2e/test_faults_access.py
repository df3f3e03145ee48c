"""Mirrors and cat with credentials that expire in mid-run, and a machine whose clock is wrong at a real S3 server."""

import itertools
from pathlib import Path

import pytest

from gateway import missing
from mirror import content, report, tree
from s3_bucket import REFUSED, Shelf, User, asked, owner
from signature import access_key
from stage import DENIED, amazon, signed, user  # noqa: F401
from test_s3_renewal import EXPIRED, NEW, OLD, metadata, private  # noqa: F401
from test_s3_renewal import asked as asked_for_credentials

NUMBERS = itertools.count()


class Files:
    """Data files of the private bucket, which either verb fetches one after the other."""

    def __init__(self, user, folder, verb):  # noqa: F811
        self.user, self.folder, self.verb = user, folder, verb
        self.files = {f"data/{i:02}.cdf": content(500, i) for i in range(12)}
        user.stage.objects.update(self.files)
        (folder / "list").write_text("".join(f"{user.bucket}{key}\n" for key in self.files))

    def __call__(self, *options):
        more = ["--dest", self.folder / "dest"] if self.verb == "mirror" else []
        return self.user(self.verb, "--keys-from", self.folder / "list", "--jobs", "1", "--report", self.folder / "r",
                         *more, *options)

    def got(self, done):
        """How many files there are, each whole, and in order."""
        if self.verb == "mirror":
            found = tree(self.folder / "dest")
            assert found.items() <= self.files.items()
            return len(found)
        pieces = [done.raw[at:at + 500] for at in range(0, len(done.raw), 500)]
        assert [data for data in self.files.values() if data in pieces] == pieces
        return len(pieces)

    def asked(self, status):
        return [r.path for r in signed(self.user.server.requests()) if r.path.endswith(".cdf") and r.status == status]


@pytest.fixture(params=["mirror", "cat"])
def files(request, private, tmp_path):  # noqa: F811
    return Files(private, tmp_path, request.param)


def expire(files, after, others=None):
    """After so many data files, the old credentials are refused; then the service has others, if one is named."""
    seen = []

    def script(request):
        if access_key(request.headers) == OLD[0] and request.path.endswith(".cdf"):
            seen.append(request)
            if len(seen) > after and others:
                others.give(*NEW)
            return EXPIRED if len(seen) > after else None
        return None

    files.user.stage.script = script


def test_10_files_go_on_with_new_credentials(files, metadata):  # noqa: F811
    expire(files, after=4, others=metadata)
    assert files.got(files().expect(0)) == 12
    assert asked_for_credentials(metadata) == 2 and len(files.asked(400)) == 1
    assert len(files.asked(200) + files.asked(206)) == 12


def test_10_files_stop_where_there_are_none_and_a_rerun_goes_on(files, metadata):  # noqa: F811
    """What is left is not asked for in vain; it stands in the report with the reason."""
    expire(files, after=4)
    done = files().expect(1, "not valid, or no longer", "instance metadata")
    assert files.got(done) == 4 and asked_for_credentials(metadata) == 2
    assert len(files.asked(400)) == 1
    lines = report(files.folder / "r")
    states = [(line["state"], line.get("exit")) for line in lines.values()]
    assert len(lines) == 12 and sum(state == "fetched" for state, _ in states) == 4
    assert all(code == 4 for state, code in states if state == "failed") and ("failed", 4) in states
    files.user.stage.script = None
    metadata.give(*NEW)
    files.user.server.clear()
    done = files().expect(0)
    assert files.got(done) == 12
    assert len(files.asked(200) + files.asked(206)) == (8 if files.verb == "mirror" else 12)


def test_10_nothing_can_be_read_with_what_has_expired(files):
    expire(files, after=0)
    done = files().expect(4, "not valid, or no longer")
    assert files.got(done) == 0 and len(files.asked(400)) == 1


def test_09_files_that_nobody_may_read_hint_at_what_would_help(files):
    """Without credentials where to put them; with some that may not, who they are and who pays."""
    files.user.environment = {"AWS_CA_BUNDLE": files.user.environment["AWS_CA_BUNDLE"],
                              **files.user.server.environment(), "AWS_EC2_METADATA_DISABLED": "true"}
    files().expect(4, "AccessDenied", "no credentials", "AWS_ACCESS_KEY_ID")
    files.user.keys()
    files.user.stage.script = lambda request: DENIED
    files("--sign").expect(4, "AccessDenied", "--request-payer")
    assert files.got(files()) == 0


# ---- the clock


def faketime_library():
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found and str(found[0])


needs_faketime = pytest.mark.skipif(not faketime_library(), reason="faketime is not installed")
needs_gateway = pytest.mark.skipif(bool(missing()), reason=str(missing()))


def wrong_clock(program, offset):
    """An environment in which the date is off; how fast time goes by is as it was."""
    return {"LD_PRELOAD": faketime_library(), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "ASAN_OPTIONS": program.environment["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}


@needs_faketime
@needs_gateway
@pytest.mark.parametrize("offset, word", [("+40m", "ahead"), ("-5h", "behind"), ("+400d", "ahead")])
def test_39_a_wrong_clock_is_put_right_once_by_the_server(heliodex, gateway, tmp_path, offset, word):
    """At a real server, which refuses what is signed a quarter of an hour early or late."""
    shelf = Shelf(gateway, f"clock-{next(NUMBERS)}", tmp_path).add("set", {2018: 20, 2019: 20}).publish()
    own = User(heliodex, gateway, shelf, owner(gateway))
    gateway.clear()
    done = own.index("--sign", "--discover", "probe", env=wrong_clock(heliodex, offset))
    done.expect(0, "warning", "clock", word)
    assert done.err.count("clock is ") == 1
    assert [(name, status) for name, status, who in asked(gateway) if who == REFUSED] == [("catalog.json", 403)]
    own.check()
    shelf.write("data/x.cdf", b"12345")
    shelf.publish()
    gateway.clear()
    (tmp_path / "list").write_text(f"{shelf.url}data/x.cdf\n")
    done = own("mirror", "--keys-from", tmp_path / "list", "--dest", tmp_path / "dest", "--sign",
               env=wrong_clock(heliodex, offset)).expect(0, "clock is ")
    assert tree(tmp_path / "dest") == {"data/x.cdf": b"12345"}


@needs_faketime
@needs_gateway
def test_39_a_clock_that_is_a_little_wrong_is_nobodys_business(heliodex, gateway, tmp_path):
    shelf = Shelf(gateway, f"clock-{next(NUMBERS)}", tmp_path).add("set", {2018: 20}).publish()
    own = User(heliodex, gateway, shelf, owner(gateway))
    assert "clock" not in own.index("--sign", env=wrong_clock(heliodex, "+10m")).expect(0).err


@needs_faketime
def test_39_a_clock_that_is_lost_makes_no_archive_empty(client, tiny):
    """By such a clock the archive's years are still to come."""
    tiny.add("d", {2018: 5, 2019: 3})
    lost = wrong_clock(client.program, "-25y")
    client.index(env=lost).expect(0, "2 fetched")
    client.check("d")
    assert client.query("d", "--offline", env=lost).expect(0).out == client.query("d", "--offline").out
