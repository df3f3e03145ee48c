"""How a real S3 server is asked: anonymously or signed, with credentials that do, are wrong, temporary or lost."""

import json
import re
import urllib.parse
import urllib.request

import pytest

from conftest import TINY, Program
from gateway import Gateway, missing
from s3_bucket import CATALOG, LIST, NOBODY, REFUSED, Shelf, User, asked, keys, names, owner
from signature import verify

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

YEARS = range(2012, 2020)
GAPS = [f"gappy_{year}.csv" for year in (2013, *range(2015, 2020))]
FILES = [*(f"full_{year}.csv" for year in YEARS), "gappy_2012.csv", "gappy_2014.csv"]


def fill(shelf):
    shelf.add("full", {year: 20 for year in YEARS})
    shelf.add("gappy", {**dict.fromkeys(YEARS), 2012: 20, 2014: 3})
    return shelf.publish()


@pytest.fixture(scope="module")
def reader(gateway):
    return keys(*gateway.user("reader"))


@pytest.fixture(scope="module")
def private(gateway, reader, tmp_path_factory):
    """Read by one user alone."""
    shelf = fill(Shelf(gateway, "private-bucket", tmp_path_factory.mktemp("private")))
    shelf.allow("s3:GetObject", "s3:ListBucket", user="reader")
    return shelf


@pytest.fixture
def user(heliodex, gateway, private, reader):
    gateway.clear()
    return User(heliodex, gateway, private, reader)


@pytest.fixture
def other(build, tmp_path, gateway, private):
    """The function that makes a user of the private bucket with other credentials, and a store of its own."""
    def make(credentials, shelf=private):
        home = tmp_path / f"home-{len(list(tmp_path.iterdir()))}"
        home.mkdir()
        gateway.clear()
        return User(Program(home), gateway, shelf, credentials)

    return make


def who(gateway):
    return {user for _, _, user in asked(gateway)}


# ---- a private bucket


@pytest.mark.parametrize("discover", ["auto", "probe"])
def test_09_refused_once_then_signed(user, gateway, discover):
    user.index("--discover", discover).expect(0)
    requests = asked(gateway)
    assert requests[0] == (CATALOG, 403, NOBODY)
    assert {name for _, _, name in requests[1:]} == {"reader"}
    assert names(requests, 200, 206) == FILES
    assert names(requests, 403, 404) == ([] if discover == "auto" else GAPS)
    assert len(requests) == 2 + len(FILES) + (1 if discover == "auto" else len(GAPS))
    user.check()


def test_09_refused_together_then_signed(user, gateway):
    """What is under way when the bucket turns out to be private is asked again, once."""
    user.query("full", "--start", "2012-06", "--stop", "2012-07").expect(0)
    gateway.clear()
    user.query("full").expect(0)  # the catalog is held, and seven years are asked for at once
    requests = asked(gateway)
    refused = [each for each in requests if each[2] == NOBODY]
    taken = [each for each in requests if each[2] == "reader"]
    assert 1 <= len(refused) <= 7 and {status for _, status, _ in refused} == {403}
    assert names(taken, 206) == names(taken) == [f"full_{year}.csv" for year in YEARS if year > 2012]


def test_query_fetches_what_it_needs(user, gateway):
    assert len(user.query("full", "--start", "2015-02", "--stop", "2015-03").expect(0).lines) > 1
    assert names(asked(gateway), 206) == ["full_2014.csv", "full_2015.csv"]
    gateway.clear()
    user.query("full", "--start", "2015-02", "--stop", "2015-03").expect(0)
    assert gateway.requests() == []


def test_sign(user, gateway):
    user.index("--sign").expect(0)
    requests = asked(gateway)
    assert {name for _, _, name in requests} == {"reader"} and {status for _, status, _ in requests} <= {200, 206}
    user.check()


def test_no_sign_request(user, gateway):
    user.index("--no-sign-request").expect(4, "403", "AccessDenied", "--no-sign-request")
    user.ls("", "--no-sign-request").expect(4, "403", "AccessDenied", "--no-sign-request")
    assert asked(gateway) == [(CATALOG, 403, NOBODY), (LIST, 403, NOBODY)]


def test_09_the_owner_pays_or_the_requester(user, gateway):
    """Who agrees to pay is signed for from the first request on."""
    user.index("--request-payer", "requester").expect(0)
    assert who(gateway) == {"reader"}
    user.program("index", "--request-payer", "owner").expect(2, "requester")


# ---- credentials that do not do


def request_of(done):
    """S3's name of the request that was refused, as users are to tell it to their support."""
    found = re.search(r"request (tx[0-9a-z-]+)", done.err)
    assert found, done
    return found[1]


@pytest.mark.parametrize("options", [[], ["--sign"]])
@pytest.mark.parametrize("change,code", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
    ({"AWS_ACCESS_KEY_ID": "NOSUCHKEYATALL000000"}, "InvalidAccessKeyId")])
def test_09_wrong_credentials(other, gateway, reader, change, code, options):
    user = other({**reader, **change})
    done = user.index(*options).expect(4, code, "credentials of the environment (AWS_ACCESS_KEY_ID")
    request_of(done)
    assert asked(gateway) == [(CATALOG, 403, NOBODY)] * (not options) + [(CATALOG, 403, REFUSED)]
    gateway.clear()
    user.ls("", *options).expect(4, code, "credentials of the environment (AWS_ACCESS_KEY_ID")
    assert asked(gateway) == [(LIST, 403, NOBODY)] * (not options) + [(LIST, 403, REFUSED)]


def test_09_no_credentials(other, gateway):
    done = other({}).index().expect(4, "AccessDenied", "no credentials")
    request_of(done)
    assert asked(gateway) == [(CATALOG, 403, NOBODY)]
    gateway.clear()
    other({}).index("--sign").expect(4, "no credentials")
    assert gateway.requests() == []


def test_09_credentials_that_may_not(other, gateway):
    """Valid ones of someone who is not permitted anything."""
    stranger = keys(*gateway.user("stranger"))
    request_of(other(stranger).index().expect(4, "AccessDenied", "asked with the credentials of"))
    assert asked(gateway) == [(CATALOG, 403, NOBODY), (CATALOG, 403, "stranger")]


def test_09_a_wrong_secret_is_not_tried_for_every_file(gateway, other, tmp_path):
    """The catalog is public, its hundreds of index files are not."""
    shelf = Shelf(gateway, "half-private", tmp_path)
    for i in range(30):
        shelf.add(f"d{i:02}", dict.fromkeys(range(2010, 2020), 1))
    shelf.publish()
    gateway.acl(shelf.name, "public-read", CATALOG)
    wrong = {**owner(gateway), "AWS_SECRET_ACCESS_KEY": "wrong"}
    other(wrong, shelf).index("--sign", "--jobs", "8").expect(4, "SignatureDoesNotMatch")
    assert len(gateway.requests()) <= 8
    # What may be read anonymously is read so: index files that are refused then are no reason to sign.
    other(wrong, shelf).index().expect(4, "AccessDenied", "--sign asks with credentials")
    assert who(gateway) == {NOBODY}


# ---- buckets for everyone


def expect_anonymous(user, gateway, lists, gaps):
    """Index in both ways: no request is signed although there are credentials; `gaps`: what missing years answer."""
    user.index().expect(0)
    requests = asked(gateway)
    assert {name for _, _, name in requests} == {NOBODY}
    assert [status for what, status, _ in requests if what == LIST] == [lists]
    assert names(requests, 206) == FILES and names(requests, gaps) == ([] if lists == 200 else GAPS)
    assert len(requests) == 2 + len(FILES) + (0 if lists == 200 else len(GAPS))
    user.check()
    gateway.clear()
    user.index("--discover", "probe").expect(0)
    assert names(asked(gateway), 304) == FILES and names(asked(gateway), gaps) == GAPS


def test_public_objects(other, gateway, reader, tmp_path):
    shelf = fill(Shelf(gateway, "public-objects", tmp_path, acl="public-read"))
    expect_anonymous(other(reader, shelf), gateway, 200, 404)
    gateway.acl(shelf.name, "private")  # the objects stay public
    expect_anonymous(other(reader, shelf), gateway, 403, 403)


@pytest.mark.parametrize("actions,lists,gaps", [(["s3:GetObject"], 403, 403),
                                                (["s3:GetObject", "s3:ListBucket"], 200, 404)])
def test_public_by_policy(other, gateway, reader, tmp_path, actions, lists, gaps):
    shelf = fill(Shelf(gateway, f"public-policy-{lists}", tmp_path))
    shelf.allow(*actions)
    expect_anonymous(other(reader, shelf), gateway, lists, gaps)


def test_lists_that_are_refused(other, gateway, reader, tmp_path):
    shelf = fill(Shelf(gateway, "public-unlisted", tmp_path))
    shelf.allow("s3:GetObject")
    done = other(reader, shelf).index()
    assert "403" not in done.expect(0).err and "list" not in done.err  # it goes on as if nothing had happened
    done = other(reader, shelf).index("-v")
    assert "one by one" in done.expect(0).err
    other(reader, shelf).index("--discover", "list").expect(4, "AccessDenied", "--sign", f"{shelf.url}i/")
    assert asked(gateway) == [(CATALOG, 206, NOBODY), (LIST, 403, NOBODY)]
    # The same with credentials that permit the list.
    shelf.gateway.policy(shelf.name)
    other(owner(gateway), shelf).index("--discover", "list", "--sign").expect(0)
    assert asked(gateway).count((LIST, 200, "first")) == 1


def test_discover_list_names_the_folder_once(other, gateway, tmp_path):
    shelf = fill(Shelf(gateway, "unlisted-names", tmp_path))
    shelf.allow("s3:GetObject")
    done = other({}, shelf).index("--discover", "list").expect(4)
    assert "gappy: gappy:" not in done.err and "full: full:" not in done.err


# ---- credentials that end while they are used


def test_key_that_is_removed(other, gateway, tmp_path):
    shelf = Shelf(gateway, "revoked-bucket", tmp_path)
    for i in range(30):
        shelf.add(f"d{i:02}", dict.fromkeys(range(2010, 2020), 5))
    shelf.publish()
    access, secret = gateway.add_key("first")
    user = other(keys(access, secret), shelf)
    done = user.index_interrupted(60, lambda: gateway.remove_key("first", access), "--jobs", "2", "--sign",
                                  "--limit-rate", "200K")
    done.expect(1, "InvalidAccessKeyId", "no longer", "a rerun goes on")
    requests = asked(gateway)
    got = names(requests, 206)
    assert 60 <= len(got) + 2 < 300 and len(names(requests, 403)) <= 4
    assert done.err.count("InvalidAccessKeyId") < 70, "once for each of hundreds of files"
    # With another key, only what was not got is fetched.
    user.credentials |= owner(gateway)
    gateway.clear()
    user.index().expect(0)
    requests = asked(gateway)
    assert len(requests) == 2 + 1 + 300 - len(got) and not set(names(requests, 206)) & set(got)
    user.check()


def revisited(other, gateway, tmp_path, name):
    """A user who holds all of a bucket that only lets objects be read, and will ask for each of them again."""
    shelf = Shelf(gateway, name, tmp_path)
    for i in range(20):
        shelf.add(f"d{i:02}", {**dict.fromkeys(range(2010, 2020), 5), 2013: None})
    shelf.publish()
    access = keys(*gateway.user(name))
    shelf.allow("s3:GetObject", user=name)
    user = other(access, shelf)
    user.index("--sign", "--discover", "probe").expect(0, "20 gaps")
    return user


PROBE = ["--sign", "--discover", "probe", "--jobs", "4"]


def test_key_that_is_removed_in_a_refresh(other, gateway, tmp_path):
    """What is held is kept, and not taken for gone because it cannot be read any more."""
    user = revisited(other, gateway, tmp_path, "key-ends")
    key = user.credentials["AWS_ACCESS_KEY_ID"]
    done = user.index_interrupted(40, lambda: gateway.remove_key("key-ends", key), *PROBE)
    done.expect(1, "a rerun goes on", "0 vanished")
    user.check()


def test_user_who_is_suspended_in_a_refresh(other, gateway, tmp_path):
    """A refusal whose reason is not that of a missing object never means that one is missing."""
    user = revisited(other, gateway, tmp_path, "user-ends")
    done = user.index_interrupted(40, lambda: gateway.suspend("user-ends"), *PROBE)
    done.expect(1, "UserSuspended", "0 vanished")
    user.check()
    gateway.enable("user-ends")
    user.index(*PROBE).expect(0, "20 gaps", " 0 failed\n")
    user.check()


def test_permission_that_is_lost_in_a_refresh(other, gateway, tmp_path):
    """What answers 403 from then on looks like what is missing, but for a neighbour that was read before."""
    user = revisited(other, gateway, tmp_path, "policy-ends")
    done = user.index_interrupted(40, lambda: user.shelf.allow("s3:GetObject", user="first"), *PROBE)
    done.expect(1, "AccessDenied", "0 vanished")
    user.check()
    user.shelf.allow("s3:GetObject", user="policy-ends")
    user.index(*PROBE).expect(0, "20 gaps", " 0 failed\n")


def test_file_that_is_gone_answers_403(other, gateway, tmp_path):
    """Who may not list is told no more than that; a neighbour tells that it is not for want of permission."""
    user = revisited(other, gateway, tmp_path, "file-ends")
    user.shelf.remove("i/d03_2015.csv")
    gateway.clear()
    user.index(*PROBE).expect(0, "1 vanished", "20 gaps", "d03_2015.csv")
    assert names(asked(gateway), 403) == sorted(["d03_2015.csv"] * 2 + [f"d{i:02}_2013.csv" for i in range(20)])
    assert len(asked(gateway)) == 1 + 200 + 1 + 1  # the second asking, and that of the neighbour
    user.check()


# ---- temporary credentials


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """A gateway that knows session tokens, a private bucket of it, and a token."""
    with Gateway(tmp_path_factory.mktemp("sts"), sts=True) as gateway:
        shelf = fill(Shelf(gateway, "token-bucket", tmp_path_factory.mktemp("token")))
        yield gateway, shelf, gateway.session_token()[:3]


def test_session_token(heliodex, temporary):
    gateway, shelf, (access, secret, token) = temporary
    user = User(heliodex, gateway, shelf, keys(access, secret, token))
    gateway.clear()
    user.index().expect(0)
    assert asked(gateway)[0] == (CATALOG, 403, NOBODY)
    assert len(asked(gateway)) == 3 + len(FILES)
    user.check()
    gateway.clear()
    user.ls("", "-r", "--sign").expect(0)
    assert asked(gateway) == [(LIST, 200, "first")]


def test_presigned_with_a_session_token(heliodex, temporary):
    """The token is part of the URL, as the server wants it; whoever has the URL needs nothing else."""
    gateway, shelf, (access, secret, token) = temporary
    shelf.write("data/full/2012/000000.cdf", b"first of all")
    shelf.publish()
    user = User(heliodex, gateway, shelf, keys(access, secret, token))
    done = user.query("full", "--limit", "1", "--format", "urls", "--url-style", "presigned").expect(0)
    url, = done.lines
    assert urllib.parse.parse_qs(url.split("?")[1])["X-Amz-Security-Token"] == [token]
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        assert answer.read() == b"first of all"
    assert token[:20] not in done.err


@pytest.mark.parametrize("change,code", [({"AWS_SESSION_TOKEN": ""}, "AccessDenied"),
                                         ({"AWS_SESSION_TOKEN": "no/token/of/this/server=="}, "AccessDenied"),
                                         ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch")])
def test_session_token_that_does_not_do(heliodex, temporary, change, code):
    gateway, shelf, held = temporary
    user = User(heliodex, gateway, shelf, {**keys(*held), **change})
    gateway.clear()
    user.index().expect(4, code)
    assert len(gateway.requests()) == 2


# ---- what is signed


def registry(tiny, region):
    tiny.origin.put("/registry.json", json.dumps({"registry": [
        {"endpoint": f"s3://{TINY}/", "name": "tiny place", "region": region}]}).encode())
    return ["--registry", f"{tiny.origin.url}/registry.json", "--endpoint-url", tiny.origin.url]


@pytest.mark.parametrize("options,env,region", [
    ([], {}, "eu-west-2"),
    ([], {"AWS_REGION": "eu-west-1"}, "eu-west-2"),
    (["--region", "sa-east-1"], {"AWS_REGION": "eu-west-1"}, "sa-east-1")])
def test_08_region_of_the_registry(heliodex, tiny, options, env, region):
    tiny.add("full", dict.fromkeys(YEARS, 3))
    held = keys("AKIAHELD", "the/secret+", "the//token==")
    heliodex("index", "tiny place", *registry(tiny, "eu-west-2"), "--sign", "--discover", "probe", *options,
             env={**held, **env}).expect(0)
    signed = [each for each in tiny.origin.requests() if each.path != "/registry.json"]
    assert len(signed) == 9
    for each in signed:
        assert [] == verify("GET", each.target, each.headers, "the/secret+", region, key="AKIAHELD",
                            token="the//token==")
    assert all("authorization" not in each.headers for each in tiny.origin.of("/registry.json"))


def test_08_region_of_the_environment(heliodex, tiny):
    tiny.add("full", {2019: 3})
    access = ["--endpoint-url", tiny.origin.url, "--sign"]
    for env, region in [({"AWS_REGION": "eu-west-1"}, "eu-west-1"), ({}, "us-east-1"),
                        ({"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3")]:
        tiny.origin.clear()
        heliodex("index", f"s3://{TINY}/", *access, env={**keys("AKIAHELD", "secret"), **env}).expect(0)
        for each in tiny.origin.requests():
            assert verify("GET", each.target, each.headers, "secret", region) == []


# ---- secrets stay secret


def test_p10_nothing_secret_is_told(heliodex, temporary, tmp_path):
    gateway, shelf, (access, secret, token) = temporary
    right = keys(access, secret, token)
    told = []
    for number, held in enumerate([right, {**right, "AWS_SECRET_ACCESS_KEY": "the-wrong-secret"},
                                   keys(gateway.access_key, gateway.secret_key), keys(access, secret)]):
        user = User(heliodex, gateway, shelf, held)
        for more in [["-vv"], ["--progress", "json", "-vv"]]:
            place = tmp_path / f"told-{number}{len(more)}"
            place.mkdir()
            more = [*more, "--stats", place / "stats"]
            runs = [user.index(*more, "--report", place / "report", "--failed-out", place / "failed"),
                    user.query("full", *more, "--refresh"), user.ls("", *more),
                    user("info", shelf.url, "full", *more), user("verify", shelf.url, *more)]
            told += [run.raw + run.err.encode() for run in runs]
            assert {run.code for run in runs} <= {0, 4}
    told += [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and shelf.folder not in file.parents]
    told = b"\n".join(told)
    for each in (secret, token, token[:40], "the-wrong-secret", gateway.secret_key):
        assert each.encode() not in told
    assert not re.search(rb"[0-9a-f]{64}", told)
