"""Whose credentials sign: from each source that AWS's tools know, in their order; and what is said where one fails."""

import json
import signal
import time

import pytest

from metadata import CONTAINER_PATH, ROLE_PATH, TOKEN_PATH, Metadata
from signature import access_key
from stage import amazon, signed, user  # noqa: F401,F811

KEY, SECRET, TOKEN = "AKIASOURCE0000000001", "source/secret+key==", "source//token+of=it"


@pytest.fixture
def private(user):
    """A user of a private bucket, which takes the credentials above and others from each source."""
    user.stage.private = True
    user.stage.users[KEY] = (SECRET, None)
    return user


def signers(user):
    """The access keys of the signed requests, once each; none of them had a fault."""
    assert user.stage.complaints == []
    return sorted({access_key(request.headers) for request in signed(user.server.requests())})


def profile(name, key=KEY, secret=SECRET, token=None, prefix=""):
    """A section of a shared file."""
    lines = [f"[{prefix}{name}]", f"aws_access_key_id = {key}", f"aws_secret_access_key = {secret}"]
    return "\n".join(lines + ([f"aws_session_token = {token}"] if token else [])) + "\n"


def process(user, *, status=0, **members):
    """The command of a credential_process that answers with these members."""
    answer = {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET, **members}
    answer = json.dumps({name: value for name, value in answer.items() if value is not None})
    log = f"{user.program.home}/asked"
    script = user.write("process", f"#!/bin/sh\necho asked >> {log}\necho '{answer}'\nexit {status}\n")
    script.chmod(0o755)
    return f"credential_process = {script}\n"


# ---- each source


@pytest.mark.parametrize("token", [None, TOKEN])
def test_environment(private, token):
    private.keys("AKIAENVIRONMENT00001", "environment/secret", token)
    private.index().expect(0)
    assert signers(private) == ["AKIAENVIRONMENT00001"]
    private.check("one")


@pytest.mark.parametrize("file,prefix", [("credentials", ""), ("config", "profile ")])
@pytest.mark.parametrize("how", ["default", "AWS_PROFILE", "--profile"])
def test_files(private, file, prefix, how):
    name = "default" if how == "default" else "mine"
    wrong = profile("default", key="AKIAWRONG", secret="wrong") if how != "default" else ""
    private.stage.users[KEY] = (SECRET, TOKEN)
    private.write(f".aws/{file}", wrong + profile(name, token=TOKEN, prefix=prefix if name == "mine" else ""))
    arguments = ["--profile", name] if how == "--profile" else []
    private.index(*arguments, env={"AWS_PROFILE": name} if how == "AWS_PROFILE" else {}).expect(0)
    assert signers(private) == [KEY]


def test_files_elsewhere(private, tmp_path):
    (tmp_path / "keys").write_text(profile("default"))
    private.index(env={"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys")}).expect(0)
    (tmp_path / "config").write_text(profile("default"))
    private.index(env={"AWS_CONFIG_FILE": str(tmp_path / "config")}).expect(0)
    assert signers(private) == [KEY]


def test_credentials_file_wins_over_config(private):
    private.write(".aws/credentials", profile("default"))
    private.write(".aws/config", profile("default", key="AKIAWRONG", secret="wrong"))
    private.index().expect(0)
    assert signers(private) == [KEY]


def test_profile_given_wins_over_the_environment(private):
    private.write(".aws/credentials", profile("mine"))
    private.keys("AKIAENVIRONMENT00001", "environment/secret")
    private.index(env={"AWS_PROFILE": "mine"}).expect(0)
    assert signers(private) == ["AKIAENVIRONMENT00001"]
    private.server.clear()
    private.index("--profile", "mine").expect(0)
    assert signers(private) == [KEY]


@pytest.mark.parametrize("token", [None, TOKEN])
def test_credential_process(private, token):
    private.stage.users[KEY] = (SECRET, token)
    private.write(".aws/config", "[default]\n" + process(private, SessionToken=token))
    private.index().expect(0)
    assert signers(private) == [KEY] and (private.program.home / "asked").read_text() == "asked\n"


@pytest.fixture
def metadata(private):
    """The services of a machine, whose credentials the bucket takes."""
    private.environment.pop("AWS_EC2_METADATA_DISABLED")
    with Metadata() as it:
        private.stage.users["ASIAMETADATA00000001"] = ("metadata/secret+1", "metadata//token+1==")
        yield it


def test_instance(private, metadata):
    private.index(env=metadata.instance_environment()).expect(0)
    assert signers(private) == ["ASIAMETADATA00000001"] and metadata.v1 == []
    assert [(r.method, r.path) for r in metadata.requests()] == [
        ("PUT", TOKEN_PATH), ("GET", ROLE_PATH + "/"), ("GET", f"{ROLE_PATH}/the-role")]
    private.check("one")


def test_instance_is_left_alone_by_public_buckets(private, metadata):
    private.stage.private = False
    private.index(env=metadata.instance_environment()).expect(0)
    private("ls", private.bucket, env=metadata.instance_environment()).expect(0)
    assert metadata.requests() == [] and signed(private.server.requests()) == []


def test_instance_of_the_first_version_alone(private, metadata):
    """Without a session token nothing is asked for: others' careless proxies can be made to fetch from version 1."""
    metadata.fail(404, path=TOKEN_PATH)
    private.index(env=metadata.instance_environment()).expect(4, "no credentials", "session token")
    assert [r.method for r in metadata.requests()] == ["PUT"] and metadata.v1 == []


def test_instance_without_a_role(private, metadata):
    metadata.role = None
    private.index(env=metadata.instance_environment()).expect(4, "no credentials", "no role")


@pytest.mark.parametrize("how", ["open", "token", "file"])
def test_container(private, metadata, tmp_path, how):
    metadata.authorization = None if how == "open" else "Bearer of/secrets=="
    environment = metadata.container_environment()
    if how == "file":
        (tmp_path / "token").write_text(environment.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(tmp_path / "token")
    private.index(env=environment).expect(0)
    assert signers(private) == ["ASIAMETADATA00000001"]
    assert [(r.method, r.path) for r in metadata.requests()] == [("GET", CONTAINER_PATH)]


def test_container_whose_token_is_empty(private, metadata, tmp_path):
    """Somebody is about to write it: nobody is asked without."""
    environment = metadata.container_environment()
    environment.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN", None)
    (tmp_path / "token").write_text("")
    private.index(env={**environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")}).expect(
        4, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "is empty")
    assert metadata.requests() == []


def test_container_wins_over_the_instance(private, metadata):
    private.index(env={**metadata.instance_environment(), **metadata.container_environment()}).expect(0)
    assert {r.path for r in metadata.requests()} == {CONTAINER_PATH}


def test_files_win_over_services(private, metadata):
    private.write(".aws/credentials", profile("default"))
    private.index(env={**metadata.instance_environment(), **metadata.container_environment()}).expect(0)
    assert signers(private) == [KEY] and metadata.requests() == []


def test_container_elsewhere_is_not_asked(private, metadata):
    """Credentials over plain http come from this machine alone."""
    url = "http://192.0.2.1/v2/credentials"
    private.index(env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}).expect(4, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    assert metadata.requests() == []


# ---- sources that fail


def test_unknown_profile(private):
    private.write(".aws/credentials", profile("default"))
    private.index("--profile", "none").expect(2, "none")
    assert private.server.requests() == []
    # Of the environment alone, it may be another program's: public buckets are read.
    private.index(env={"AWS_PROFILE": "none"}).expect(4, "profile none")
    private.stage.private = False
    private.index(env={"AWS_PROFILE": "none"}).expect(0)


def test_malformed_file(private):
    """Public buckets are read with a warning; where credentials are needed, the place of the fault is told."""
    config = private.write(".aws/config", "[default]\nregion = us-west-2\nthis is no setting\n")
    private.index().expect(4, "catalog.json", f"{config}: line 3")
    private.stage.private = False
    private.index().expect(0, "warning", f"{config}: line 3")
    private.check("one")
    private.index("--profile", "default").expect(7, f"{config}: line 3")


@pytest.mark.parametrize("environment,told", [
    ({"AWS_ACCESS_KEY_ID": "AKIAHALF"}, "no secret access key"),
    ({"AWS_SECRET_ACCESS_KEY": "half/secret"}, "no access key id"),
    ({"AWS_ACCESS_KEY_ID": "AKIA\n", "AWS_SECRET_ACCESS_KEY": "s"}, "control bytes"),
])
def test_odd_environment(private, environment, told):
    done = private.index(env=environment).expect(4, "environment", told)
    assert signed(private.server.requests()) == [] and "half/secret" not in done.err


@pytest.mark.parametrize("setting", ["role_arn = arn:aws:iam::1:role/x\nsource_profile = default",
                                     "sso_session = mine"])
def test_profile_that_is_not_supported(private, setting):
    private.write(".aws/config", f"[default]\n{setting}\n")
    private.index().expect(4, setting.split(" ")[0], "export-credentials", "config")
    assert signed(private.server.requests()) == []


def test_an_expiration_at_the_end_of_time(private):
    """Its offset would lead beyond what a number of nanoseconds holds."""
    private.write(".aws/config", "[default]\n" + process(private, Expiration="2262-04-11T23:00:00-14:00"))
    private.index().expect(0)
    assert signers(private) == [KEY]


def test_a_process_that_nobody_hears_the_end_of(private):
    """The caller ignores its children, which init then takes: the output alone tells."""
    private.write(".aws/config", "[default]\n" + process(private))
    private.index(preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)).expect(0)
    assert signers(private) == [KEY]


def test_a_process_where_no_path_is_set(private):
    """As execvp(3) does it, in the system's folders."""
    answer = {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET}
    (private.program.home / "answer").write_text(json.dumps(answer))
    private.write(".aws/config", "[default]\ncredential_process = cat answer\n")
    private.index(env={"PATH": ""}).expect(0)
    assert signers(private) == [KEY]


def test_a_nul_in_the_shared_files(private):
    private.write(".aws/config", "[default]\ncredential_process = cat \0answer\n")
    done = private.index().expect(4, "NUL")
    assert signed(private.server.requests()) == [], done


@pytest.mark.parametrize("changes,told", [
    ({"Version": 2}, '"version": 1'), ({"SecretAccessKey": None}, "no secret"), ({"status": 3}, "3"),
    ({"Expiration": "2020-01-01T00:00:00Z"}, "expired at 2020-01-01"),
    ({"Expiration": "2099-01-01T00:00:00+99:00"}, "malformed"), ({"Expiration": "2099-01-01T00:00:00 00:00"}, "malformed"),
    ({"Expiration": "1677-09-22T00:00:00+23:59"}, "expired at 1677")])
def test_process_that_fails(private, changes, told):
    private.write(".aws/config", "[default]\n" + process(private, **changes))
    done = private.index().expect(4, "credential_process", ".aws/config", told)
    assert SECRET not in done.err and signed(private.server.requests()) == []


@pytest.mark.parametrize("how", ["instance", "container"])
def test_service_that_gives_expired_credentials(private, metadata, how):
    metadata.give("ASIAOLD", "old/secret", "old//token", seconds=-60)
    environment = metadata.instance_environment() if how == "instance" else metadata.container_environment()
    private.index(env=environment).expect(4, "expired at")
    assert signed(private.server.requests()) == []


def test_service_that_fails(private, metadata):
    metadata.fail(500, path=CONTAINER_PATH)
    private.index(env=metadata.container_environment()).expect(4, "container", "500")


@pytest.mark.parametrize("how", ["process", "container", "instance"])
def test_interrupted_while_a_source_is_asked(private, metadata, how):
    """A source that takes its time does not hold up the end of the run."""
    environment = {**private.environment, "AWS_METADATA_SERVICE_TIMEOUT": "30"}
    metadata.delay = 30
    if how == "process":
        script = private.write("process", f"#!/bin/sh\ntouch {private.program.home}/asked\nexec sleep 30\n")
        script.chmod(0o755)
        private.write(".aws/config", f"[default]\ncredential_process = {script}\n")
    else:
        environment |= metadata.container_environment() if how == "container" else metadata.instance_environment()
    run = private.program.start("index", private.bucket, env=environment)
    end = time.monotonic() + 20
    while not metadata.requests() and not (private.program.home / "asked").exists() and time.monotonic() < end:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    private.program.finished(["index"], run.returncode, out, err).expect(130)
    assert signed(private.server.requests()) == []


def test_credentials_that_are_not_taken(private):
    """Neither are they for the objects that follow: one attempt tells it."""
    for key, secret, told in [("AKIANOBODY", "x", "InvalidAccessKeyId"), (KEY, "wrong", "SignatureDoesNotMatch")]:
        private.server.clear()
        private.stage.complaints.clear()
        private.index(env={"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}).expect(4, told, "environment")
        assert len(signed(private.server.requests())) == 1
