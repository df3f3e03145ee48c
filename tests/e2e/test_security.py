"""What SECURITY.md promises, tried by those who would break it."""

import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time

import pytest

from conftest import ROOT, TINY
from origin import Behaviour, Origin
from servers import make_authority

ONE = f"/{TINY}/i/one_2019.csv"


@pytest.fixture
def one(tiny, client):
    tiny.add("one", {2019: 5})
    return client


# ---- TLS

OLD_TLS = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = old
[old]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
"""


def old_context(authority, version):
    context = authority.context()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    return context


def test_tls_of_old_versions_is_refused_even_where_the_system_allows_it(heliodex, tmp_path, one):
    authority = make_authority(tmp_path)
    (tmp_path / "openssl.cnf").write_text(OLD_TLS)
    relaxed = {"OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
    for version, taken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        with Origin(one.tiny.folder, tls=old_context(authority, version)) as old:
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.load_verify_locations(authority.ca)
            client.set_ciphers("DEFAULT@SECLEVEL=0")
            client.minimum_version = ssl.TLSVersion.TLSv1
            with socket.create_connection(("127.0.0.1", old.port)) as plain:  # somebody who takes it gets it
                assert client.wrap_socket(plain, server_hostname="127.0.0.1").version() == version.name.replace("_", ".")
            done = heliodex("index", one.bucket, "--endpoint-url", old.url, "--ca-file", authority.ca, "--retries", "0",
                            env=relaxed)
            assert (done.code == 0) == taken, done
            assert bool(old.requests()) == taken


def test_a_certificate_of_another_name_is_refused(heliodex, tmp_path, one):
    authority = make_authority(tmp_path, names=("other.example",))
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        heliodex("index", one.bucket, "--endpoint-url", safe.url, "--ca-file", authority.ca).expect(4, "--ca-file")
        assert not safe.requests()


@pytest.mark.parametrize("variable", ["GIT_SSL_NO_VERIFY", "PYTHONHTTPSVERIFY", "NODE_TLS_REJECT_UNAUTHORIZED",
                                      "CURL_INSECURE", "AWS_NO_VERIFY_SSL"])
def test_nothing_turns_verification_off(heliodex, tmp_path, one, variable):
    (heliodex.home / ".curlrc").write_text("insecure\n")
    (heliodex.home / ".aws").mkdir()
    (heliodex.home / ".aws" / "config").write_text("[default]\nverify_ssl = false\nregion = us-east-1\n")
    with Origin(one.tiny.folder, tls=make_authority(tmp_path).context()) as safe:
        for value in ("1", "0", "true"):
            heliodex("index", one.bucket, "--endpoint-url", safe.url, env={variable: value}).expect(4, "certificate")
        assert not safe.requests()


# ---- credentials


def test_10_netrc_and_cookies_are_left_alone(one):
    home = one.program.home
    (home / ".netrc").write_text("machine 127.0.0.1 login somebody password hunter2\n")
    (home / ".netrc").chmod(0o600)
    one.tiny.origin.always(one.tiny.catalog_path, Behaviour(headers={"Set-Cookie": "id=1; Path=/"}))
    one.index("-vv").expect(0)
    for request in one.tiny.origin.requests():
        assert not {"authorization", "cookie", "proxy-authorization", "referer"} & set(request.headers)


def test_10_secrets_are_in_no_argument_and_memory_is_not_for_others(one, tmp_path):
    """While a signed request is under way: what ps shows, and whether the process leaves a core."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_SESSION_TOKEN": "token-secret",
            "ASAN_OPTIONS": "disable_coredump=0:detect_leaks=0"}
    one.tiny.origin.always(one.tiny.catalog_path, Behaviour(stall=-1))
    with subprocess.Popen(["sleep", "60"], preexec_fn=allow_cores, cwd=tmp_path) as control:
        control.send_signal(signal.SIGQUIT)
        _, status = os.waitpid(control.pid, 0)
        control.returncode = -signal.SIGQUIT
    process = one.program.start("index", one.bucket, *one.access, "--sign", env=keys, preexec_fn=allow_cores)
    assert one.tiny.origin.wait_for(lambda: one.tiny.origin.requests_now > 0, seconds=30)
    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
        assert b"secret" not in file.read()
    process.send_signal(signal.SIGQUIT)
    _, ended = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGQUIT
    process.communicate()
    assert os.WTERMSIG(ended) == signal.SIGQUIT and not os.WCOREDUMP(ended)
    if not os.WCOREDUMP(status):
        pytest.skip("nothing leaves a core here")


def allow_cores():
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
