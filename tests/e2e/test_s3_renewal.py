"""Credentials that expire in mid-run, and clocks that are wrong: renewed or corrected once, or told and left."""

import datetime
import json
import threading
import time

import pytest

from aws import error
from metadata import CONTAINER_PATH, ROLE_PATH, Metadata
from signature import access_key
from stage import DENIED, Stage, amazon, signed, user  # noqa: F401,F811

OLD = "ASIAMETADATA00000001", "metadata/secret+1", "metadata//token+1=="
NEW = "ASIARENEWED000000002", "renewed/secret+2", "renewed//token+2=="
YEARS = list(range(2000, 2012))
EXPIRED = 400, {}, error("ExpiredToken", "The provided token has expired.", RequestId="0A49CE4060975EAC")


@pytest.fixture
def metadata():
    with Metadata() as it:
        yield it


@pytest.fixture
def private(user, metadata):
    """A private bucket with datasets that are asked for one file after the other, by credentials of the instance."""
    user.environment.pop("AWS_EC2_METADATA_DISABLED")
    user.environment |= metadata.instance_environment()
    user.stage.private = True
    user.stage.users = {key: (secret, token) for key, secret, token in (OLD, NEW)}
    user.stage.add("many", YEARS)
    return user


def index(user, *arguments, **options):
    return user.index("many", "--jobs", "1", "--discover", "probe", *arguments, **options)


def files(user, key=None, status=None):
    """The index files that were asked for with a signature of that access key, in order."""
    return [r.path for r in signed(user.server.requests()) if r.path.endswith(".csv") and
            key in (None, access_key(r.headers)) and status in (None, r.status)]


def asked(metadata):
    """How often the role's credentials were asked for."""
    return len(metadata.requests("GET", f"{ROLE_PATH}/the-role"))


# ---- renewed ahead of time


LAST = f"/i/many_{YEARS[-1]}.csv"


def wait_for(condition, seconds=10):
    """Waits in an answer until something has happened elsewhere."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def test_10_renewed_while_the_old_ones_work(private, metadata):
    """Those that end in four minutes are used while the service is asked again, which answers after the third file."""
    metadata.give(*OLD, seconds=240)
    good, third, renewed = metadata.answer, threading.Event(), threading.Event()

    def service(request):
        if asked(metadata) == 2:
            third.wait(10)
            metadata.give(*NEW)
            renewed.set()
        return good(request)

    def script(request):
        if request.path == "/i/many_2002.csv":
            third.set()
        if request.path == "/i/many_2003.csv":
            renewed.wait(10)
        # The program is told of the new ones at its leisure.
        if request.path > "/i/many_2003.csv" and not files(private, NEW[0]):
            private.server.stopping.wait(0.2)

    metadata.answer, private.stage.script = service, script
    index(private).expect(0)
    assert asked(metadata) == 2 and private.stage.complaints == []
    old, new = files(private, OLD[0]), files(private, NEW[0])
    assert len(old) >= 3 and new and old + new == [f"/i/many_{year}.csv" for year in YEARS]
    assert {r.status for r in signed(private.server.requests())} == {206}
    private.check("many")


def test_10_renewal_ahead_that_gives_the_same(private, metadata):
    """The service has no others yet: it is asked again later, not with each request."""
    metadata.give(*OLD, seconds=240)
    private.stage.script = lambda request: wait_for(lambda: asked(metadata) == 2) if request.path == LAST else None
    index(private).expect(0)
    assert asked(metadata) == 2 and len(files(private, OLD[0], 206)) == len(YEARS)


def test_10_renewal_ahead_that_fails(private, metadata):
    """What is held is good for minutes still: a warning, no failure, and no further attempt."""
    metadata.give(*OLD, seconds=240)
    good = metadata.answer

    def script(request):
        if request.path == LAST:
            wait_for(lambda: any(r.status == 500 for r in metadata.requests()))
            private.server.stopping.wait(0.2)

    metadata.answer = lambda request: (500, {}, b"") if request.method == "PUT" and asked(metadata) else good(request)
    private.stage.script = script
    index(private).expect(0, "warning", "cannot be renewed", "500")
    assert asked(metadata) == 1 and len(metadata.requests()) == 4
    private.check("many")


# ---- called expired by the server


def expire(private, answer=EXPIRED, after=3, others=None):
    """After so many index files, the credentials are refused so; then a service has others, if one is named."""
    seen = []

    def script(request):
        if access_key(request.headers) == OLD[0] and request.path.endswith(".csv"):
            seen.append(request)
            if len(seen) > after and others:
                others.give(*NEW)
            return answer if len(seen) > after else None

    private.stage.script = script


@pytest.mark.parametrize("jobs", ["1", "64"])
def test_10_renewed_once_in_mid_run(private, metadata, jobs):
    """Whatever was under way and refused is asked again with the new ones."""
    expire(private, others=metadata)
    index(private, "--jobs", jobs).expect(0)
    assert asked(metadata) == 2 and private.stage.complaints == []
    refused = files(private, OLD[0], 400)
    assert len(refused) == 1 if jobs == "1" else refused
    assert sorted(files(private, status=206)) == [f"/i/many_{year}.csv" for year in YEARS]
    assert set(files(private, NEW[0])) >= set(refused)
    private.check("many")


FINAL = [EXPIRED, (403, {}, error("ExpiredToken", "The security token has expired")),
         (403, {}, error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist."))]


@pytest.mark.parametrize("answer", FINAL)
def test_10_renewal_that_gives_the_same(private, metadata, answer):
    """Ends the run without asking for what is left; a rerun with good ones goes on."""
    expire(private, answer)
    done = index(private)
    done.expect(1, "not valid, or no longer", "instance metadata")
    assert asked(metadata) == 2
    assert len(files(private)) == 4 and len(files(private, status=206)) == 3
    private.stage.script = None
    metadata.give(*NEW)
    private.server.clear()
    index(private).expect(0)
    assert len(files(private)) == len(YEARS)
    private.check("many")


@pytest.mark.parametrize("answer", FINAL)
def test_10_12_no_file_is_taken_for_a_gap(private, metadata, tmp_path, answer):
    """A refusal of the credentials says nothing about the objects, though others of their folder could be read."""
    expire(private, answer)
    index(private, "--report", tmp_path / "report").expect(1, " 0 gaps", f"{len(YEARS) - 3} failed")
    assert (tmp_path / "report").read_text().count('"failed"') == len(YEARS) - 3
    shown = private("info", private.bucket, "many", "--offline").expect(0).out
    assert "gap" not in shown, shown


def test_10_files_that_were_refused_anonymously_are_no_gaps(private):
    """They wait for credentials, which expire when their turn comes: that they were refused before says nothing."""
    home = private.program.home
    script = private.write("process", f"#!/bin/sh\nuntil [ -e {home}/go ]; do sleep 0.02; done\ncat {home}/answer\n")
    script.chmod(0o755)
    private.write("answer", json.dumps(dict(Version=1, AccessKeyId=OLD[0], SecretAccessKey=OLD[1], SessionToken=OLD[2])))
    private.write(".aws/config", f"[default]\ncredential_process = {script}\n")
    other = Stage("other-bucket", private=True)
    other.users = private.stage.users
    other.add("far", YEARS)
    private.stage.add("far", YEARS, index="s3://other-bucket/i/")
    private.stage.private = False

    def answer(request):
        if "other-bucket" not in request.host:
            return private.stage(request)
        told = other(request)
        if len([r for r in private.server.requests() if "other-bucket" in r.host]) == len(YEARS):
            (home / "go").touch()
        good = [r for r in signed(private.server.requests()) if r.status == 206]
        return EXPIRED if signed([request]) and good else told

    private.server.answer = answer
    done = private.index("far", "--discover", "probe", "--max-connections-per-host", "1")
    done.expect(1, "not valid, or no longer", " 0 gaps", f"{len(YEARS) - 1} failed")
    assert other.complaints == []
    assert [r.status for r in signed(private.server.requests())] == [206, 400]


@pytest.mark.parametrize("answer", FINAL)
def test_10_rows_are_kept_if_credentials_expire(private, metadata, answer):
    index(private).expect(0)
    private.server.clear()
    expire(private, answer)
    index(private).expect(1, "not valid, or no longer")
    private.stage.script = None
    private.check("many")
    assert len(files(private)) == 4


def test_10_renewed_again_hours_later(private, metadata):
    """Once means once until the new ones have worked."""
    third = "ASIATHIRD0000000003", "third/secret+3", "third//token+3=="
    private.stage.users[third[0]] = third[1:]
    seen = {}

    def script(request):
        key = access_key(request.headers)
        seen[key] = seen.get(key, 0) + 1
        metadata.give(*{OLD[0]: NEW, NEW[0]: third}.get(key, OLD if key is None else third))
        return EXPIRED if seen[key] > 4 and key in (OLD[0], NEW[0]) else None

    private.stage.script = script
    index(private).expect(0)
    assert asked(metadata) == 3 and len(files(private, third[0], 206)) > 0
    private.check("many")


def test_10_renewed_ones_that_are_not_taken_either(private, metadata):
    """A source that always has others is asked once more, not for ever."""
    count = iter(range(100))

    def script(request):
        metadata.give(f"ASIAOTHER{next(count):011}", "other/secret", "other//token")
        return EXPIRED if signed([request]) else None

    private.stage.script = script
    index(private).expect(4, "ExpiredToken", "instance metadata")
    assert asked(metadata) == 2 and len(signed(private.server.requests())) == 2


@pytest.mark.parametrize("how", ["good", "refused", "expired", "unreachable", "odd"])
@pytest.mark.parametrize("where", ["instance", "container"])
def test_p10_no_secret_of_a_service_is_written(private, metadata, tmp_path, how, where):
    """P10: neither its credentials nor what lets one ask for them."""
    metadata.authorization = "Bearer of//secrets=="
    if how == "refused":
        private.stage.users.clear()
    elif how == "expired":
        expire(private, (400, {}, error("ExpiredToken", OLD[2])))
    elif how == "unreachable":
        metadata.fail(500, path=CONTAINER_PATH)
        metadata.fail(500, path=f"{ROLE_PATH}/the-role")
    elif how == "odd":
        metadata.give(OLD[0], OLD[1] + "\n", OLD[2], Code=OLD[1] if where == "instance" else None)
    environment = metadata.container_environment() if where == "container" else {}
    (tmp_path / "out").mkdir()
    done = index(private, "-vv", *private.told(tmp_path / "out"), env=environment)
    assert (done.code == 0) == (how == "good") and metadata.requests()
    written = private.everything(tmp_path / "out", done)
    for text in [OLD[1], OLD[2], "of//secrets", *metadata.tokens, "X-aws-ec2-metadata-token"]:
        assert text.encode() not in written, f"{text}: {done}"


@pytest.mark.parametrize("answer", FINAL)
def test_10_environment_expired(private, metadata, answer):
    """Nothing else can be found there: no retries."""
    private.keys(*OLD)
    expire(private, answer, after=0)
    index(private).expect(4, "environment", "no longer", "rerun")
    assert len(files(private)) == 1 and metadata.requests() == []


def test_10_catalog_refused_as_expired(private):
    private.keys(*OLD)
    private.stage.script = lambda request: EXPIRED if signed([request]) else None
    private.index().expect(4, "ExpiredToken", "environment")
    private.index("--sign").expect(4, "ExpiredToken", "environment")
    # Without --sign: anonymously and signed; what was answered to the first counts.
    assert len(private.server.requests()) == 3


def test_10_container_is_renewed(private, metadata):
    """Credentials that are not of the instance are renewed as well."""
    expire(private, others=metadata)
    index(private, env=metadata.container_environment()).expect(0)
    assert len(metadata.requests("GET", CONTAINER_PATH)) == 2 and len(metadata.requests()) == 2
    private.check("many")


# ---- the clock


@pytest.fixture
def lasting(private, metadata):
    """The same with credentials that last longer than clocks are wrong."""
    metadata.give(*OLD, seconds=6 * 3600)
    return private


@pytest.mark.parametrize("hours", [1, -1])
def test_39_clock_is_corrected_once(lasting, hours):
    """The server's clock, which is as good as ours being wrong; what follows is signed for its time at once."""
    lasting.stage.off = datetime.timedelta(hours=hours)
    done = index(lasting, "--jobs", "1").expect(0, "warning", "clock", "behind" if hours > 0 else "ahead")
    assert done.err.count("clock") == 1 and 3590 < int(done.err.split("clock is ")[1].split(" s")[0]) < 3610
    assert [r.path for r in signed(lasting.server.requests()) if r.status == 403] == ["/catalog.json"]
    assert len(files(lasting, status=206)) == len(YEARS)
    lasting.check("many")


def test_39_clock_is_corrected_for_all_at_once(lasting):
    lasting.stage.off = datetime.timedelta(hours=1)
    catalog = lasting.stage.objects["catalog.json"]
    lasting.stage.script = lambda request: (200, {}, catalog) if request.path == "/catalog.json" else None
    done = index(lasting, "--jobs", "64", "--sign").expect(0, "clock")
    assert done.err.count("clock") == 1 and len(files(lasting, status=403)) <= len(YEARS)
    assert sorted(files(lasting, status=206)) == [f"/i/many_{year}.csv" for year in YEARS]


def test_39_clock_a_little_wrong_is_left_alone(lasting):
    lasting.stage.off = datetime.timedelta(minutes=10)
    assert "clock" not in index(lasting).expect(0).err
    assert lasting.stage.complaints == []


SKEWED = 403, {}, error("RequestTimeTooSkewed", "The difference between the request time and ours is too large.")


def test_39_server_that_insists(lasting):
    """It is corrected once: what is refused then is a failure."""
    lasting.stage.off = datetime.timedelta(hours=1)
    lasting.stage.script = lambda request: SKEWED if signed([request]) else None
    index(lasting).expect(4, "RequestTimeTooSkewed", "clock")
    assert len(signed(lasting.server.requests())) == 2


@pytest.mark.parametrize("headers", [{"Date": "none"}, {"Date": ""}, {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}])
def test_39_odd_dates(lasting, headers):
    lasting.stage.script = lambda request: (403, headers, SKEWED[2]) if signed([request]) else None
    index(lasting).expect(4, "RequestTimeTooSkewed")
    assert len(signed(lasting.server.requests())) <= 2


def test_39_skew_in_mid_run_is_no_gap(lasting):
    expire(lasting, SKEWED)
    index(lasting).expect(1, "RequestTimeTooSkewed", " 0 gaps", f"{len(YEARS) - 3} failed")


def test_refusal_in_mid_run_is_a_gap(lasting):
    """Unlike those above: an AccessDenied where another file of the folder was readable is how S3 says that it has no
    such object."""
    lasting.stage.script = lambda request: DENIED if signed([request]) and "2005" in request.path else None
    index(lasting).expect(0, "1 gap")
    assert len(files(lasting, status=403)) == 1


def test_10_39_credentials_that_have_expired_by_the_servers_clock(private, metadata):
    """The service goes on to give them: no endless round of asking."""
    private.stage.off = datetime.timedelta(hours=2)
    index(private).expect(4, "clock", "expired", "instance metadata")
    assert asked(metadata) == 2 and len(signed(private.server.requests())) == 1
