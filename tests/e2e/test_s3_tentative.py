"""What is learned of a bucket from refusals alone is tentative; a refusal of credentials is no word on objects.

The catalog lies in one public bucket, the index files of a dataset in another, which nothing was read of yet when the
first of many requests to it are answered.
"""

import re
import threading
import time
import urllib.parse

import pytest

from aws import error
from metadata import ROLE_PATH, Metadata
from signature import access_key
from stage import DENIED, Stage, amazon, signed, user  # noqa: F401
from test_s3_credentials import process

OTHER = "other-bucket"
YEARS = list(range(1990, 2020))
UNKNOWN = 403, {}, error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
PATIENCE = 20  # seconds, for what must happen


@pytest.fixture
def far(user):
    """A user with keys that no server knows, and a dataset in a public bucket of its own: user.other."""
    user.keys()
    user.stage.users.clear()
    user.other = Stage(OTHER)
    user.other.add("far", YEARS)
    user.stage.add("far", YEARS, index=f"s3://{OTHER}/i/")
    user.server.answer = lambda request: (user.other if OTHER in request.host else user.stage)(request)
    return user


def asked(user):
    """The requests to the other bucket; not those for the other name of a file that is not there (test_packed.py)."""
    return [request for request in user.server.requests() if OTHER in request.host and not request.path.endswith(".gz")]


def lists(requests):
    return [request for request in requests if "list-type=2" in request.target]


def year_of(request):
    return int(re.search(r"_(\d+)\.csv", request.path)[1])


def check(user, *without):
    """Asserts that the store holds all rows of the other bucket, without those of some years."""
    for year in without:
        user.other.objects.pop(f"i/far_{year}.csv")
    done = user("query", user.bucket, "far", "--offline", "--format", "csv").expect(0)
    assert done.out == user.other.csv("far")


# ---- lists that are refused


@pytest.mark.parametrize("known", [True, False])
def test_09_refused_list_does_not_decide(far, known):
    """Objects are public, lists are for nobody: one list is refused, and credentials are not even looked for."""
    if known:
        far.keys()
        far.other.users = far.stage.users
    far.other.listable = False
    far.index("far", "--discover", "auto").expect(0)
    assert signed(asked(far)) == [] and [r.status for r in lists(asked(far))] == [403]
    check(far)


def test_refused_list_is_not_tried_again(far):
    """Neither for the next folder of the same bucket."""
    for i in range(5):
        folder = f"s3://{OTHER}/i{i}/"
        far.stage.add(f"far{i}", YEARS[:20], index=folder)
        far.other.add(f"far{i}", YEARS[:20], index=folder)
    far.other.listable = False
    far.index("far*", "--memory", "64M").expect(0)  # one list at a time
    assert len(lists(asked(far))) == 1 and signed(asked(far)) == []
    far.index("far3", "--discover", "list").expect(4, "InvalidAccessKeyId")


def test_list_that_is_insisted_on_is_signed(far):
    """Only users may list: what was refused anonymously is asked for by their name."""
    far.keys()
    far.other.users = far.stage.users
    far.other.script = lambda request: DENIED if lists([request]) and not signed([request]) else None
    far.index("far", "--discover", "list").expect(0)
    assert [(r.status, bool(signed([r]))) for r in lists(asked(far))] == [(403, False), (200, True)]
    check(far)


# ---- refusals that overtake


HELD, REFUSED = YEARS[:2], YEARS[2:10]  # in the order that they are asked for


class Overtaking:
    """The first of all files are answered after `count` signed requests, the next are for nobody, others for anybody.

    Signed requests are answered with `refusal`.
    """

    def __init__(self, refusal, count=1):
        self.refusal, self.left = refusal, count
        self.signed, self.decided = threading.Event(), threading.Event()

    def __call__(self, request):
        if signed([request]):
            self.signed.set()
            self.left -= 1
            if self.left <= 0:
                threading.Timer(0.1, self.decided.set).start()
            return self.refusal
        if year_of(request) in REFUSED:
            time.sleep(0.02)  # the credentials are found before there is nothing left to refuse
            return DENIED
        if year_of(request) in HELD:
            self.decided.wait(PATIENCE)
        self.signed.wait(PATIENCE)  # nothing may be read before the refusals have led to credentials
        self.decided.set()
        return None


@pytest.mark.parametrize("jobs,count", [("64", 1), ("3", 1), ("3", 14)])
@pytest.mark.parametrize("refusal", [UNKNOWN, DENIED], ids=["unknown", "denied"])
def test_09_refusal_that_overtakes(far, jobs, count, refusal):
    """A 403 comes before the 200s that are under way: all that anybody may read is fetched, and the one is a gap.

    Files that were asked for signed alone, meanwhile, are no gaps: they are asked for anonymously, too.
    """
    far.other.script = Overtaking(refusal, count)
    far.index("far", "--discover", "probe", "--jobs", jobs).expect(0, f"{len(REFUSED)} gaps")
    assert signed(asked(far)) and {year_of(r) for r in asked(far) if r.status == 206} == set(YEARS) - set(REFUSED)
    check(far, *REFUSED)


@pytest.mark.parametrize("refusal", [UNKNOWN, DENIED], ids=["unknown", "denied"])
def test_refused_file_is_judged_as_anybody_is_refused(far, refusal):
    """The one signed request is that of the file which is for nobody; all others are under way by then."""
    overtaking = Overtaking(refusal)
    del far.stage.entries[-1]
    far.stage.add("far", YEARS[:6], index=f"s3://{OTHER}/i/")
    far.other.script = lambda request: (overtaking(request) if signed([request]) else DENIED
                                        if year_of(request) == YEARS[3] else overtaking.decided.wait(PATIENCE) and None)
    far.index("far", "--discover", "probe").expect(0, "5 fetched", "1 gap")
    assert [year_of(r) for r in signed(asked(far))] == [YEARS[3]]


@pytest.mark.parametrize("refusal,told", [(UNKNOWN, "InvalidAccessKeyId"), (DENIED, "--request-payer")],
                         ids=["unknown", "denied"])
def test_nothing_is_readable(far, tmp_path, refusal, told):
    """Neither way: there is no gap, both refusals are told, and there are few requests for each file."""
    far.other.script = lambda request: refusal if signed([request]) else DENIED
    arguments = ["far", "--discover", "probe", "--report", tmp_path / "report"]
    far.index(*arguments).expect(4, told, "AccessDenied")
    assert '"gap"' not in (tmp_path / "report").read_text() and len(asked(far)) <= 3 * len(YEARS)


@pytest.mark.parametrize("answer", [None, DENIED], ids=["taken", "denied"])
def test_anonymous_answer_takes_a_tentative_bucket_back(far, answer):
    """While the one signed request is under way, an anonymous one succeeds: what follows is anonymous."""
    far.keys()
    far.other.users = far.stage.users
    is_signed, go_on, later = threading.Event(), threading.Event(), []

    def script(request):
        if signed([request]):
            is_signed.set()
            go_on.wait(PATIENCE)
            return answer
        if year_of(request) in REFUSED:
            time.sleep(0.02)
            return DENIED
        is_signed.wait(PATIENCE if year_of(request) in HELD else 0)
        later.append(year_of(request))
        if len(later) == 10:
            go_on.set()

    far.other.script = script
    far.index("far", "--discover", "probe", "--jobs", "3").expect(0, f"{len(REFUSED) - (answer is None)} gaps")
    (one,) = signed(asked(far))
    assert year_of(one) in REFUSED and sorted(later) == sorted(set(YEARS) - set(REFUSED))
    check(far, *[year for year in REFUSED if answer or year != year_of(one)])


# ---- credentials that are refused in mid-run


CODES = ["InvalidAccessKeyId", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidToken", "UserSuspended"]


@pytest.fixture
def private(far):
    """The other bucket is private, and takes the user's keys."""
    far.keys()
    far.other.users, far.other.private = far.stage.users, True
    return far


def refuse(user, code, after=3):
    """After so many signed requests for index files, credentials are refused with that code."""
    seen = []

    def script(request):
        if signed([request]):
            seen.append(request)
        return (403, {}, error(code)) if signed([request]) and len(seen) > after else None

    user.other.script = script


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("sign", [True, False])
def test_refused_credentials_make_no_gaps(private, tmp_path, code, sign):
    """Whatever the reason: 403 is the bucket's word on objects with AccessDenied alone."""
    refuse(private, code)
    arguments = ["far", "--jobs", "1", "--discover", "probe", *["--sign"] * sign]
    private.index(*arguments, "--report", tmp_path / "report").expect(1, code)
    report = (tmp_path / "report").read_text()
    assert '"gap"' not in report and report.count('"failed"') >= len(YEARS) - 3, report
    assert "gap" not in private("info", private.bucket, "far", "--offline").expect(0).out
    private.other.script = None
    private.index(*arguments).expect(0)
    check(private)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("after", [0, 3])
def test_refused_credentials_drop_no_rows(private, tmp_path, code, after):
    private.index("far", "--discover", "probe").expect(0)
    refuse(private, code, after)
    done = private.index("far", "--jobs", "1", "--discover", "probe", "--report", tmp_path / "report")
    assert done.code in (1, 4) and code in done.err, done
    report = (tmp_path / "report").read_text()
    assert report.count('"state":"stale"') == report.count("\n") >= len(YEARS) - 3
    check(private)


# ---- renewals that fail


OLD = "ASIAMETADATA00000001", "metadata/secret+1", "metadata//token+1=="
NEW = "ASIARENEWED000000002", "renewed/secret+2", "renewed//token+2=="
ROLE = f"{ROLE_PATH}/the-role"
SECONDS = 13  # that the old ones last: a renewal that failed is tried again ten seconds later


@pytest.fixture
def instance(private):
    """A user with credentials of the instance, that end in SECONDS; from the first renewal on there are others."""
    for name in ("AWS_EC2_METADATA_DISABLED", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        private.environment.pop(name)
    private.stage.users |= {key: (secret, token) for key, secret, token in (OLD, NEW)}
    with Metadata() as private.metadata:
        private.environment |= private.metadata.instance_environment()
        private.metadata.give(*OLD, seconds=SECONDS)
        yield private


def fail_once(metadata):
    """The next attempt to get credentials fails, and the one after it is given new ones."""
    metadata.give(*NEW)
    metadata.fail(404, path=ROLE, times=1)


def test_one_renewal_that_fails(instance):
    """Then the server calls the old ones expired: they are renewed after all."""
    metadata, seen = instance.metadata, []

    def script(request):
        if access_key(request.headers) != OLD[0]:
            return None
        seen.append(request)
        if len(seen) == 1:
            fail_once(metadata)
        if len(seen) < 5:
            time.sleep(0.1)
            return None
        return 400, {}, error("ExpiredToken")

    instance.other.script = script
    instance.index("far", "--jobs", "1", "--discover", "probe").expect(0, "cannot be renewed")
    assert [r.status for r in metadata.requests("GET", ROLE)] == [200, 404, 200]
    check(instance)


def test_renewal_is_tried_again_before_the_end(instance):
    """With no word of the server's, some seconds after the one that failed."""
    metadata, seen, begun = instance.metadata, [], time.monotonic()

    def script(request):
        if access_key(request.headers) != OLD[0]:
            return None
        seen.append(time.monotonic() - begun)
        if len(seen) == 1:
            fail_once(metadata)
        time.sleep(0.7)
        return None

    instance.other.script = script
    instance.index("far", "--jobs", "1", "--discover", "probe").expect(0, "cannot be renewed")
    assert [r.status for r in metadata.requests("GET", ROLE)] == [200, 404, 200]
    assert 5 < seen[-1] < SECONDS and instance.other.complaints == []
    check(instance)


# ---- presigned URLs


PRESIGNED = ["--offline", "--format", "urls", "--url-style", "presigned"]


def presign(user, *arguments, **options):
    return user("query", user.bucket, "one", *PRESIGNED, *arguments, **options)


def computed(url, key, secret, region="us-east-1"):
    """The signature that botocore makes for the rest of a presigned URL."""
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    request = AWSRequest("GET", url.rpartition("&X-Amz-Signature=")[0])
    request.context["timestamp"] = asked["X-Amz-Date"][0]
    signer = S3SigV4QueryAuth(Credentials(key, secret), "s3", region)
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


def test_presigned_for_a_requester_who_pays(user):
    """Who uses the URL agrees to pay: that stands in it, and is signed."""
    user.index("one").expect(0)
    user.keys("AKIAPRESIGN", "presign/secret+")
    urls = presign(user, "--request-payer", "requester").expect(0).lines
    assert len(urls) == 10
    for url in urls:
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
        assert asked["x-amz-request-payer"] == ["requester"]
        assert asked["X-Amz-Signature"] == [computed(url, "AKIAPRESIGN", "presign/secret+")]
        other = url.replace("=requester", "=owner")
        assert asked["X-Amz-Signature"] != [computed(other, "AKIAPRESIGN", "presign/secret+")]
    assert "payer" not in presign(user).expect(0).out


@pytest.mark.parametrize("where", ["instance", "container"])
def test_offline_asks_no_service_for_credentials(user, where):
    user.index("one").expect(0)
    user.environment.pop("AWS_EC2_METADATA_DISABLED")
    with Metadata() as metadata:
        user.environment |= getattr(metadata, f"{where}_environment")()
        done = presign(user).expect(4, "no credentials", "offline")
        assert metadata.requests() == [] and done.out == ""


@pytest.mark.parametrize("status", [0, 3])
def test_presigning_starts_a_process_once(user, status):
    """For all rows, and if it fails as well."""
    user.index("one").expect(0)
    user.write(".aws/config", "[default]\n" + process(user, status=status))
    done = presign(user).expect(4 if status else 0)
    assert len(done.lines) == (0 if status else 10)
    assert (user.program.home / "asked").read_text() == "asked\n"


# ---- the command line against the environment


def test_line_beats_the_environment(user):
    user.keys()
    user.index("one", "--no-sign-request", env={"HELIODEX_SIGN": "1"}).expect(0)
    assert signed(user.server.requests()) == []
    user.check("one", arguments=["--no-sign-request"], env={"HELIODEX_SIGN": "1"})
