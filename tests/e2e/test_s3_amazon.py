"""S3 at Amazon: at which address a bucket is asked, with or without a signature, in which region, and where redirects
lead to.

A stand-in for Amazon is reached through a proxy by its real names; see stage.py and aws.py.
"""

import json

import pytest

from answering import Answering
from aws import error
from conftest import TINY
from stage import DENIED, Stage, User, amazon, signed, user  # noqa: F401,F811

VIRTUAL = f"{TINY}.s3.amazonaws.com"
EVIL = "evil.example.org"


def hosts(user):
    """The names that were asked, once each."""
    return sorted({request.host for request in user.server.requests()})


def registry(user, **entry):
    """Options for a registry that has one entry for the bucket."""
    entry = {"endpoint": user.bucket, "name": "The Tiny", "region": "us-west-2", "provider": "aws", **entry}
    text = json.dumps({"CloudCatalog": "1.0", "modificationDate": "2024-01-01T00:00Z", "registry": [entry]})
    return ["--registry", user.write("registry.json", text).as_uri()]


# ---- addresses


@pytest.mark.parametrize("arguments,environment,config,host", [
    ([], {}, "", VIRTUAL),
    (["--region", "us-west-2"], {}, "", f"{TINY}.s3.us-west-2.amazonaws.com"),
    ([], {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-2"}, "region = us-west-2",
     f"{TINY}.s3.eu-west-1.amazonaws.com"),
    ([], {"AWS_DEFAULT_REGION": "us-east-2"}, "region = us-west-2", f"{TINY}.s3.us-east-2.amazonaws.com"),
    ([], {}, "region = us-west-2", f"{TINY}.s3.us-west-2.amazonaws.com"),
    (["--region", "cn-north-1"], {}, "", f"{TINY}.s3.cn-north-1.amazonaws.com.cn"),
    (["--addressing-style", "path"], {}, "", "s3.amazonaws.com"),
    (["--addressing-style", "path", "--region", "eu-west-1"], {}, "", "s3.eu-west-1.amazonaws.com"),
    ([], {}, "s3 =\n  addressing_style = path", "s3.amazonaws.com"),
    (["--addressing-style", "virtual"], {}, "s3 =\n  addressing_style = path", VIRTUAL),
    ([], {}, "s3 =\n  addressing_style = virtual", VIRTUAL),
    (["--dualstack"], {}, "", f"{TINY}.s3.dualstack.us-east-1.amazonaws.com"),
    (["--region", "eu-west-1"], {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "",
     f"{TINY}.s3.dualstack.eu-west-1.amazonaws.com"),
    ([], {}, "use_dualstack_endpoint = true", f"{TINY}.s3.dualstack.us-east-1.amazonaws.com"),
    ([], {"AWS_USE_DUALSTACK_ENDPOINT": "false"}, "use_dualstack_endpoint = true", VIRTUAL),
])
def test_address(user, arguments, environment, config, host):
    user.write(".aws/config", f"[default]\n{config}\n")
    user.index(*arguments, env=environment).expect(0)
    assert hosts(user) == [host] and set(user.server.connects) == {(host, 443)}
    path = f"/{TINY}/" if host.startswith("s3.") else "/"
    assert {r.target for r in user.server.requests()} >= {f"{path}catalog.json", f"{path}i/one_2018.csv"}
    assert signed(user.server.requests()) == []
    user.check("one")


def test_addresses_of_fips_are_not_known(user):
    user.index(env={"AWS_USE_FIPS_ENDPOINT": "true"}).expect(0, "AWS_USE_FIPS_ENDPOINT is left alone")


def test_bucket_with_dots_is_addressed_by_path(user):
    """A certificate's wildcard stands for one label alone."""
    stage = Stage("a.bucket.of.dots")
    stage.add("one", [2019])
    user.server.answer = stage
    dotted = User(user.program, user.server, stage)
    dotted.index("--region", "us-west-2").expect(0)
    assert hosts(user) == ["s3.us-west-2.amazonaws.com"]
    dotted.index("--addressing-style", "virtual", "--region", "us-west-2").expect(0)
    assert hosts(user) == ["s3.us-west-2.amazonaws.com"]


def test_region_that_is_none_is_a_usage_error(user):
    user.index("--region", "evil.example.org/").expect(2, "region")
    assert user.server.connects == []


def test_region_of_the_registry(user):
    """By the entry's name and, once the registry is held, by the bucket's: above the environment's, below --region."""
    options = registry(user)
    elsewhere = {"AWS_REGION": "eu-west-1"}
    user("index", "The Tiny", *options, env=elsewhere).expect(0)
    assert hosts(user) == [f"{TINY}.s3.us-west-2.amazonaws.com"]
    user.server.clear()
    user("registry", *options).expect(0)
    for bucket in (user.bucket, TINY):
        user("index", bucket, *options, env=elsewhere).expect(0)
    assert hosts(user) == [f"{TINY}.s3.us-west-2.amazonaws.com"]
    user.server.clear()
    user.index(*options, "--region", "us-east-2", env=elsewhere).expect(0)
    assert hosts(user) == [f"{TINY}.s3.us-east-2.amazonaws.com"]


def test_registry_that_is_not_held_is_not_asked(user):
    user.index(*registry(user), env={"AWS_REGION": "eu-west-1"}).expect(0)
    assert hosts(user) == [f"{TINY}.s3.eu-west-1.amazonaws.com"]


# ---- endpoints


@pytest.fixture
def endpoint(user):
    """A server of the user's own, with another dataset."""
    stage = Stage()
    stage.add("one", [2018, 2019], count=9)
    with Answering(stage) as server:
        server.stage = stage
        yield server


@pytest.mark.parametrize("environment,config", [
    ({"AWS_ENDPOINT_URL": "URL"}, ""),
    ({"AWS_ENDPOINT_URL_S3": "URL", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, ""),
    ({}, "endpoint_url = URL"),
    ({}, "services = mine\n[services mine]\ns3 =\n  endpoint_url = URL"),
    ({"AWS_ENDPOINT_URL": "URL"}, "endpoint_url = http://127.0.0.1:9"),
])
def test_endpoint_that_is_configured(user, endpoint, environment, config):
    user.write(".aws/config", f"[default]\n{config}\n".replace("URL", endpoint.url))
    environment = {name: value.replace("URL", endpoint.url) for name, value in environment.items()}
    user.index(env=environment).expect(0)
    assert f"/{TINY}/i/one_2019.csv" in [r.target for r in endpoint.requests()] and user.server.connects == []
    for arguments, more in [(["--endpoint-url", ""], {}), ([], {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})]:
        endpoint.clear()
        user.server.clear()
        user.index(*arguments, env={**environment, **more}).expect(0)
        assert endpoint.requests() == [] and hosts(user) == [VIRTUAL]
        user.check("one", env={**environment, **more}, arguments=arguments)


def test_virtual_host_at_an_endpoint(user, endpoint):
    options = ["--endpoint-url", f"http://localhost:{endpoint.port}", "--addressing-style", "virtual"]
    user.keys()
    endpoint.stage.users = user.stage.users
    user.index("--sign", *options).expect(0)
    told = {(r.headers["host"], r.path.count(TINY)) for r in endpoint.requests()}
    assert told == {(f"{TINY}.localhost:{endpoint.port}", 0)}
    assert signed(endpoint.requests()) == endpoint.requests() and endpoint.stage.complaints == []


def test_google(user):
    """What a registry says is Google's is asked there, and anonymously unless the user insists."""
    user.keys()
    user.stage.region = "auto"
    for each in (f"s3://{TINY}/", f"gs://{TINY}/"):
        user.server.clear()
        options = registry(user, endpoint=each, provider="gcs", region="auto")
        user("index", "The Tiny", *options, "--refresh").expect(0)
        assert hosts(user) == ["storage.googleapis.com"] and signed(user.server.requests()) == []
        assert f"/{TINY}/i/one_2019.csv" in [r.target for r in user.server.requests()]
    user.stage.private = True
    user.server.clear()
    user("index", "The Tiny", *options).expect(4, "--sign")
    assert user.server.requests() and signed(user.server.requests()) == []
    user.server.clear()
    user("index", "The Tiny", *options, "--sign").expect(0)
    assert signed(user.server.requests()) == user.server.requests() and user.stage.complaints == []


# ---- access


def test_09_public_bucket_is_never_signed(user, tmp_path):
    """Nor are credentials looked for: no source is asked."""
    asked = tmp_path / "asked"
    user.write(".aws/config", f"[default]\ncredential_process = touch {asked}\n")
    user.index().expect(0)
    user("ls", user.bucket).expect(0)
    assert signed(user.server.requests()) == [] and not asked.exists()


def test_09_private_bucket_is_signed_once_refused(user):
    user.stage.private = True
    user.keys()
    user.index().expect(0)
    requests = user.server.requests()
    # The catalog alone was asked for when the bucket refused.
    assert [r.target for r in requests if r not in signed(requests)] == ["/catalog.json"]
    assert len(signed(requests)) == 3 and user.stage.complaints == []
    user.check("one")


def test_09_refusals_at_once_wait_for_one_search(user, tmp_path):
    """Index files of another private bucket: many are refused before the credentials are found, once."""
    other = Stage("other-bucket", private=True)
    other.users = user.stage.users
    user.stage.add("far", list(range(1990, 2020)), index=f"s3://{other.bucket}/i/")
    other.add("far", list(range(1990, 2020)))
    user.server.answer = lambda request: (other if "other-bucket" in request.host else user.stage)(request)
    log = tmp_path / "asked"
    user.stage.users["AKIAPROCESS"] = ("process/secret", None)
    answer = json.dumps({"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "process/secret"})
    script = user.write("process", f"#!/bin/sh\necho asked >> {log}\necho '{answer}'\n")
    script.chmod(0o755)
    user.write(".aws/config", f"[default]\ncredential_process = {script}\n")
    user.index("--discover", "probe", "far").expect(0)
    far = [r for r in user.server.requests() if "other-bucket" in r.host]
    assert len(signed(far)) == 30 and len(far) <= 60
    # Each was refused at most once: what was asked anonymously is not asked so again.
    anonymous = [r.target for r in far if r not in signed(far)]
    assert len(anonymous) == len(set(anonymous)) and log.read_text() == "asked\n"
    assert user.stage.complaints + other.complaints == []


def test_09_refusal_in_a_readable_bucket_is_not_signed(user):
    """The catalog was readable anonymously: credentials would not be meant for this bucket's other objects."""
    user.keys()
    user.stage.script = lambda request: DENIED if "one_" in request.target else None
    user.index().expect(4, "one_2018.csv", "AccessDenied", "--sign")
    assert signed(user.server.requests()) == []


def test_09_no_sign_request(user):
    user.stage.private = True
    user.keys()
    user.index("--no-sign-request").expect(4, "catalog.json", "AccessDenied", "--no-sign-request")
    assert len(user.server.requests()) == 1 and signed(user.server.requests()) == []


def test_sign_from_the_first_request_on(user):
    user.keys()
    user.index("--sign").expect(0)
    assert signed(user.server.requests()) == user.server.requests() and user.stage.complaints == []


def test_request_payer(user):
    """Is agreed to in a header that is signed, from the first request on."""
    user.keys()
    user.index("--request-payer", "requester").expect(0)
    requests = user.server.requests()
    assert {r.headers.get("x-amz-request-payer") for r in requests} == {"requester"}
    assert all("x-amz-request-payer" in r.headers["authorization"] for r in requests) and user.stage.complaints == []


@pytest.mark.parametrize("arguments", [["--sign"], ["--request-payer", "requester"]])
def test_signing_at_once_needs_credentials(user, arguments):
    """Though the bucket is public: nothing is sent without what was asked for."""
    user.index(*arguments).expect(4, "no credentials")
    assert user.server.requests() == []
    user.index(*arguments, "--no-sign-request").expect(2, "--no-sign-request")


def test_09_payer_is_hinted_at(user):
    user.stage.script = lambda request: DENIED
    user.keys()
    user.index("--sign").expect(4, "--request-payer")


def test_09_no_credentials(user):
    user.stage.private = True
    done = user.index()
    done.expect(4, "AccessDenied", "no credentials", "AWS_ACCESS_KEY_ID", "profile default", "home/.aws/credentials",
                "home/.aws/config", "AWS_CONTAINER_CREDENTIALS", "AWS_EC2_METADATA_DISABLED")
    assert [r.status for r in user.server.requests()] == [403]


def test_41_credentials_belong_to_the_endpoint(user, endpoint):
    """A catalog that is read from an endpoint names a bucket at Amazon: that one never sees a signature."""
    user.keys()
    endpoint.stage.users = user.stage.users
    endpoint.stage.add("far", [2019], index="s3://other-bucket/i/")
    other = Stage("other-bucket")
    other.add("far", [2019])
    user.server.answer = other
    options = ["--endpoint-url", endpoint.url, "--sign"]
    user.index(*options).expect(0)
    assert signed(endpoint.requests()) == endpoint.requests()
    assert hosts(user) == ["other-bucket.s3.amazonaws.com"] and signed(user.server.requests()) == []
    other.private = True
    user.index(*options, "far").expect(4, "other-bucket", "credentials go to the endpoint alone")
    assert signed(user.server.requests()) == []


# ---- regions


WEST = "us-west-2"


def moves(user, status, region=WEST, header=True, **members):
    """Has the bucket be at another region: other hosts answer so, with the region in a header or in XML alone."""
    def script(request):
        if f".{WEST}." in request.host and signed([request]):
            return None if f"/{WEST}/s3/" in request.headers["authorization"] else malformed
        return None if f".{WEST}." in request.host else told

    headers = {"x-amz-bucket-region": region} if header else {}
    if status == 307:
        headers["Location"] = f"https://{TINY}.s3.{WEST}.amazonaws.com/elsewhere"
    code = {301: "PermanentRedirect", 307: "TemporaryRedirect", 400: "AuthorizationHeaderMalformed"}[status]
    told = status, headers, error(code, f"the region is wrong; expecting '{region}'", **members)
    malformed = 400, {}, error("AuthorizationHeaderMalformed", "the region of the scope is wrong")
    user.stage.region = WEST
    user.stage.script = script


@pytest.mark.parametrize("status,header", [(301, True), (307, True), (400, True), (400, False), (301, False)])
@pytest.mark.parametrize("sign", [True, False])
def test_08_region_is_put_right_once(user, status, header, sign):
    """What the first answer says holds for the bucket: each object is asked for at once where it is."""
    user.keys()
    moves(user, status, header=header, Region=WEST)
    done = user.index("-v", *["--sign"] * sign).expect(0, WEST)
    there = [r for r in user.server.requests() if f".{WEST}." in r.host]
    assert [r.target for r in user.server.requests() if r not in there] == ["/catalog.json"]
    assert sorted(r.target for r in there) == ["/catalog.json", "/i/one_2018.csv", "/i/one_2019.csv"], done
    assert len(signed(user.server.requests())) == 4 * sign and user.stage.complaints == []
    user.check("one")


def test_08_region_of_a_private_bucket(user):
    """First it is anonymous and at the wrong place, then anonymous at the right one, then signed there."""
    user.keys()
    user.stage.private = True
    moves(user, 301)
    user.index().expect(0)
    first = [(r.host, r.status, bool(signed([r]))) for r in user.server.requests() if r.path == "/catalog.json"]
    west = f"{TINY}.s3.{WEST}.amazonaws.com"
    assert first == [(VIRTUAL, 301, False), (west, 403, False), (west, 206, True)] and user.stage.complaints == []


@pytest.mark.parametrize("sign", [True, False])
def test_08_region_of_a_list(user, sign):
    """The question goes along, and is signed anew."""
    user.keys()
    moves(user, 301)
    done = user("ls", f"{user.bucket}i/", "--start-after", "i/one_2018.csv", "--format", "keys", *["--sign"] * sign)
    assert done.expect(0).lines == ["i/one_2019.csv"] and user.stage.complaints == []
    first, second = user.server.requests()
    assert first.target == second.target and first.host == VIRTUAL and f".{WEST}." in second.host


def test_08_region_is_remembered_by_hundreds_at_once(user):
    """The catalog is at an endpoint of its own; all that is asked first for the other bucket is answered by 301."""
    other = Stage("other-bucket", private=True)
    other.add("far", list(range(1960, 2020)))
    user.stage.add("far", list(range(1960, 2020)), index="s3://other-bucket/i/")
    user.keys()
    other.users, other.region = user.stage.users, WEST

    def answer(request):
        if not request.host.startswith("other-bucket"):
            return user.stage(request)
        there = f".{WEST}." in request.host
        return other(request) if there else (301, {"x-amz-bucket-region": WEST}, error("PermanentRedirect"))

    user.server.answer = answer
    user.index("far", "--discover", "probe").expect(0)
    here = [r.target for r in user.server.requests() if r.host == "other-bucket.s3.amazonaws.com"]
    good = [r.target for r in user.server.requests() if f".{WEST}." in r.host and r.status == 206]
    assert len(here) == len(set(here)) and sorted(good) == sorted(set(good)) and len(good) == 60
    assert other.complaints == []


def test_08_wrong_region_is_put_right(user):
    moves(user, 301)
    user.index("--region", "eu-west-1").expect(0)
    assert hosts(user) == [f"{TINY}.s3.eu-west-1.amazonaws.com", f"{TINY}.s3.{WEST}.amazonaws.com"]


@pytest.mark.parametrize("sign", [True, False])
def test_08_second_region_is_not_followed(user, sign):
    user.keys()
    def script(request):
        region = "eu-west-1" if WEST in request.host else WEST
        return 301, {"x-amz-bucket-region": region}, error("PermanentRedirect", "go on")

    user.stage.script = script
    done = user.index(*["--sign"] * sign)
    assert done.code in (4, 7) and "PermanentRedirect" in done.err, done
    assert [r.host for r in user.server.requests()] == [VIRTUAL, f"{TINY}.s3.{WEST}.amazonaws.com"]


@pytest.mark.parametrize("region", [f"{EVIL}/", f"x.{EVIL}/#", "..", "a" * 100, "us-west-2\u00e9", "us west", "-@evil"])
@pytest.mark.parametrize("where", ["header", "xml"])
def test_08_region_that_is_none_is_not_used(user, region, where):
    user.keys()
    header = {"x-amz-bucket-region": region} if where == "header" else {}
    user.stage.script = lambda request: (400, header, error("AuthorizationHeaderMalformed", Region=region))
    done = user.index("--sign")
    assert done.code in (4, 7) and "AuthorizationHeaderMalformed" in done.err, done
    assert hosts(user) == [VIRTUAL] and {host for host, _ in user.server.connects} == {VIRTUAL}


# ---- redirects


@pytest.fixture
def elsewhere():
    """A server that is not the bucket's."""
    with Answering(lambda request: (200, {}, b"{}")) as server:
        yield server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_41_signed_request_is_not_redirected(user, endpoint, elsewhere, status):
    user.keys(token="session//token+of=user")
    for to in (f"{elsewhere.url}/x", f"https://{EVIL}/x", "http://169.254.169.254/latest/", endpoint.url + "/x",
               f"https://{EVIL}/{TINY}/catalog.json?a=b"):
        for server, options in [(user.server, []), (endpoint, ["--endpoint-url", endpoint.url])]:
            server.clear()
            user.server.proxy.connects.clear()
            stage = user.stage if server is user.server else endpoint.stage
            stage.script = lambda request: (status, {"Location": to}, b"")
            done = user.index("--sign", *options).expect(4, f"redirects a signed request to {'/'.join(to.split('/')[:3])}, ")
            assert len(server.requests()) == 1, done
            assert elsewhere.requests() == [] and user.server.proxy.others == []
            assert user.server.connects == ([(VIRTUAL, 443)] if server is user.server else [])


def test_41_unsigned_request_is_redirected_without_credentials(user, endpoint, elsewhere):
    user.keys(token="session//token+of=user")
    catalog = user.stage.objects["catalog.json"]
    elsewhere.answer = lambda request: (200, {}, catalog)
    endpoint.stage.script = lambda request: ((302, {"Location": elsewhere.url + "/c"}, b"")
                                             if request.path.endswith("catalog.json") else None)
    user.index("--endpoint-url", endpoint.url).expect(0)
    assert [r.target for r in elsewhere.requests()] == ["/c"]
    assert not {"authorization", "x-amz-security-token", "x-amz-date"} & set(elsewhere.requests()[0].headers)


def test_41_redirected_host_that_refuses_gets_no_signature(user, endpoint, elsewhere):
    """The refusal is not the bucket's."""
    user.keys()
    elsewhere.answer = lambda request: DENIED
    endpoint.stage.script = lambda request: (302, {"Location": elsewhere.url + "/c"}, b"")
    user.index("--endpoint-url", endpoint.url).expect(4)
    assert len(elsewhere.requests()) == 1 and signed(elsewhere.requests() + endpoint.requests()) == []


@pytest.mark.parametrize("times,code", [(5, 0), (6, 7)])
def test_41_unsigned_redirects_are_bounded(user, endpoint, times, code):
    def script(request):
        step = int(request.path[2:]) if request.path.startswith("/r") else 0
        if request.path == f"/{TINY}/catalog.json" or 0 < step < times:
            return 302, {"Location": f"{endpoint.url}/r{step + 1}"}, b""
        return (200, {}, endpoint.stage.objects["catalog.json"]) if step else None

    endpoint.stage.script = script
    user.index("--endpoint-url", endpoint.url).expect(code, *["redirects"] * (code != 0))
    assert len([r for r in endpoint.requests() if r.path.startswith("/r")]) == 5


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/", "http://[fe80::1]/", "file:///etc/passwd"])
def test_41_unsigned_redirect_to_this_machine(user, endpoint, to):
    """Not even by way of a proxy, which would ask for us."""
    endpoint.stage.script = lambda request: (302, {"Location": to}, b"")
    environment = {"http_proxy": user.server.proxy.url, "no_proxy": "127.0.0.1"}
    for env in ({}, environment):
        user.server.proxy.others.clear()
        user.index("--endpoint-url", endpoint.url, "--retries", "0", env=env).expect(4)
        assert user.server.proxy.others == []
