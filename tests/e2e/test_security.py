"""What SECURITY.md promises, tried by those who would break it."""

import json
import os
import re
import resource
import signal
import socket
import ssl
import stat
import subprocess

import pytest

import cloud
from answering import Speaker
from conftest import TINY
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


def test_06_tls_of_old_versions_is_refused_even_where_the_system_allows_it(heliodex, tmp_path, one):
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


def test_06_a_certificate_of_another_name_is_refused(heliodex, tmp_path, one):
    authority = make_authority(tmp_path, names=("other.example",))
    with Origin(one.tiny.folder, tls=authority.context()) as safe:
        heliodex("index", one.bucket, "--endpoint-url", safe.url, "--ca-file", authority.ca).expect(4, "--ca-file")
        assert not safe.requests()


@pytest.mark.parametrize("variable", ["GIT_SSL_NO_VERIFY", "PYTHONHTTPSVERIFY", "NODE_TLS_REJECT_UNAUTHORIZED",
                                      "CURL_INSECURE", "AWS_NO_VERIFY_SSL"])
def test_06_nothing_turns_verification_off(heliodex, tmp_path, one, variable):
    (heliodex.home / ".curlrc").write_text("insecure\n")
    (heliodex.home / ".aws").mkdir()
    (heliodex.home / ".aws" / "config").write_text("[default]\nverify_ssl = false\nregion = us-east-1\n")
    with Origin(one.tiny.folder, tls=make_authority(tmp_path).context()) as safe:
        for value in ("1", "0", "true"):
            heliodex("index", one.bucket, "--endpoint-url", safe.url, env={variable: value}).expect(4, "certificate")
        assert not safe.requests()


# ---- credentials


def test_p10_netrc_and_cookies_are_left_alone(one):
    home = one.program.home
    (home / ".netrc").write_text("machine 127.0.0.1 login somebody password hunter2\n")
    (home / ".netrc").chmod(0o600)
    one.tiny.origin.always(one.tiny.catalog_path, Behaviour(headers={"Set-Cookie": "id=1; Path=/"}))
    one.index("-vv").expect(0)
    for request in one.tiny.origin.requests():
        assert not {"authorization", "cookie", "proxy-authorization", "referer"} & set(request.headers)


def test_p10_secrets_are_in_no_argument_and_memory_is_not_for_others(one, tmp_path):
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
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


# ---- addresses that a catalog may not name

FORBIDDEN = [
    "http://169.254.169.254/x/", "http://169.254.170.2/x/", "http://2852039166/x/", "http://0xA9FEA9FE/x/",
    "http://0251.0376.0251.0376/x/", "http://169.254.43518/x/", "http://169.254.169.254./x/", "HTTP://169.254.169.254:80/x/",
    "http://[::ffff:169.254.169.254]/x/", "http://[::ffff:a9fe:a9fe]/x/", "http://[fd00:ec2::254]/x/",
    "http://[fd00:0ec2:0:0::254]/x/", "http://[fe80::1%25lo]/x/", "http://[fe80::1%lo]/x/", "http://[64:ff9b::a9fe:a9fe]/x/",
    "http://metadata.evil/x/", "http://METADATA.evil./x/", "http://six.evil/x/", "http://both.evil/x/",
    "http://near.evil@169.254.169.254/x/", "http://169.254.169.254#@near.evil/x/", "http://near.evil:80@169.254.169.254/x/",
    "http://169.254.169.254\\@near.evil:8080/x/", "http://near.evil:8080\\@169.254.169.254/x/",
    "http://%31%36%39.254.169.254/x/", "http://169.254.169.254%2f@near.evil/x/", "http://169。254。169。254/x/",
    "http://\u2460\u2465\u2468.254.169.254/x/", "http:\\\\169.254.169.254\\x\\", "http:/169.254.169.254/x/",
    "http:///169.254.169.254/x/", " http://169.254.169.254/x/", "//169.254.169.254/x/", "ftp://169.254.169.254/x/",
    "gopher://169.254.169.254:80/x/", "file:///etc/", "file://localhost/etc/", "FILE:///etc/", "s3://169.254.169.254/x/",
]


@pytest.mark.skipif(cloud.missing() is not None, reason=str(cloud.missing()))
def test_41_no_catalog_reaches_the_metadata_service(heliodex, tiny, tmp_path):
    """Neither by a location, nor by a redirect, nor by a data key: whatever the name, the address counts that would be
    connected to. (That there is somebody to be reached, a request of curl's shows.)"""
    redirects = {}
    for i, place in enumerate(FORBIDDEN):
        tiny.add(f"named{i}", {2019: None}, index=place)
        tiny.add(f"sent{i}", {2019: None})
        redirects[tiny.path(f"sent{i}", 2019)] = f"{place}sent_2019.csv".replace("\u2460", "1").encode("ascii", "ignore").decode()
    keys = "".join(f"2019-01-01Z,2019-01-02Z,{place.strip()}key{i},1\n" for i, place in enumerate(FORBIDDEN))
    tiny.add("keys", {2019: keys})
    machine = cloud.Cloud(tiny.folder, tmp_path, redirects)
    options = ["--endpoint-url", cloud.ORIGIN, "--retries", "0", "--connect-timeout", "2s"]
    bucket, dest = f"s3://{TINY}/", tmp_path / "dest"
    run, mirror, web, direct, *reached = machine.run(
        [heliodex.path, "index", bucket, *options],
        [heliodex.path, "mirror", bucket, "keys", "--dest", dest, *options],
        [heliodex.path, "index", f"{cloud.ORIGIN}/{TINY}/", "named*", *options[2:]],
        [heliodex.path, "index", bucket, "--endpoint-url", "http://169.254.169.254", *options[2:]],
        ["/usr/bin/curl", "--silent", "http://metadata.evil/curl"], ["/usr/bin/curl", "--silent", "http://six.evil/curl"],
        env=heliodex.environment)
    assert run[0] == 1 and mirror[0] in (1, 4) and web[0] in (1, 4) and direct[0] == 4, (run, mirror, web, direct)
    assert [asked for asked in machine.asked if "curl" not in asked[1]] == []
    assert {address for address, _ in machine.asked} == {"169.254.169.254", "fd00:ec2::254"}, reached
    assert "stolen" not in "".join(path.read_text(errors="replace") for path in heliodex.store.rglob("*") if path.is_file())
    assert not dest.exists() or {path.name for path in dest.iterdir()} <= {".heliodex"}


def test_41_other_buckets_of_a_catalog_get_no_credentials_beside_the_endpoint(one):
    """A catalog at the user's own endpoint sends the program to another server: nothing of the user's goes there."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret"}
    with Origin() as other:
        other.missing = 403
        one.tiny.add("two", {2019: None}, index=f"{other.url}/b/")
        one.index("--sign", "-vv", env=keys)
        assert other.of("/b/two_2019.csv") and "authorization" not in other.of("/b/two_2019.csv")[0].headers
    assert all("authorization" in request.headers for request in one.tiny.origin.of(ONE))


def test_41_no_proxy_is_asked_for_what_is_written_as_a_forbidden_address(one):
    """A proxy resolves names by itself, so that only those are left to it."""
    written = [place for place in FORBIDDEN if ".evil" not in place]
    for i, place in enumerate(written):
        one.tiny.add(f"named{i}", {2019: None}, index=place)
    for i, place in enumerate(written):
        one.tiny.add(f"sent{i}", {2019: None}, index=f"http://sent.example/{i}/")

    def answer(connection, over):
        number = re.search(r"sent\.example/(\d+)/", proxy.lines[-1])
        place = written[int(number[1])].strip() + "x" if number else "http://sent.example/"
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    with Speaker(answer) as proxy:
        one.index("--retries", "0", "-j", "1", env={"http_proxy": proxy.url, "no_proxy": "127.0.0.1"}).expect(1)
    asked = {line.split()[1].split("/")[2] for line in proxy.lines}
    assert asked == {"sent.example"} and len(proxy.lines) >= len(written), asked


def test_answers_without_end_are_given_up(one):
    line = b"".join(b"X-%06d: %s\r\n" % (i, b"a" * 900) for i in range(100))

    def endless_head(connection, over):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(line)

    def endless_refusal(connection, over):
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        while True:
            connection.sendall(line)

    for answer, code in ((endless_head, 5), (endless_refusal, 4)):
        with Speaker(answer) as server:
            one.program("datasets", "s3://some-bucket/", "--endpoint-url", server.url, "--retries", "0",
                        "--no-sign-request").expect(code)


# ---- the store and other files


def test_p10_lists_of_presigned_urls_are_for_their_user_alone(one):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret"}
    one.index().expect(0)
    for style, mode in (("https", 0o644), ("presigned", 0o600)):
        path = one.program.home / style
        command = ["query", one.bucket, "one", *one.access, "--offline", "--format", "urls", "--url-style", style, "-o", path]
        one.program(*command, env=keys, umask=0o022).expect(0)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o640)  # what somebody has chosen stays
        one.program(*command, env=keys, umask=0o022).expect(0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640 and ("Signature=" in path.read_text()) == (style == "presigned")
        assert "very-secret" not in path.read_text()


def test_the_store_is_made_for_its_user_alone(one):
    one.index(umask=0).expect(0)
    store = one.program.store
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    (store.parent / "shared").mkdir(mode=0o755)
    (store.parent / "shared").chmod(0o2775)  # who wants to share makes it, and sets the umask
    one.index("--store", store.parent / "shared", umask=0o002).expect(0)
    assert {stat.S_IMODE(path.stat().st_mode) & 0o777 for path in (store.parent / "shared").rglob("*.hdx")} == {0o664}


def test_a_store_of_others_is_told(one):
    store = one.program.store
    assert "store" not in one.index().expect(0).err
    store.chmod(0o775)
    assert "store" not in one.query("one", "--offline").expect(0).err
    store.chmod(0o1777)
    one.query("one", "--offline").expect(0, "warning", str(store), "by anybody")
    store.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(store, 65534, 65534)
        one.query("one", "--offline").expect(0, "warning", str(store), "another user")


def test_36_p8_locks_overwrite_no_file_of_another_name(one, tmp_path):
    """Whoever can write to a shared store or destination could put a link to a file of its user there."""
    one.index().expect(0)
    victim = tmp_path / "victim"
    victim.write_text("mine, and longer than what a lock says of its process")
    lock = next(one.program.store.rglob(".lock"))
    lock.unlink()
    os.link(victim, lock)
    one.index().expect(0)
    state = tmp_path / "dest" / ".heliodex"
    state.mkdir(parents=True)
    os.link(victim, state / "lock")
    one.program("mirror", one.bucket, "one", *one.access, "--dest", tmp_path / "dest")
    assert victim.read_text().startswith("mine, and longer")


def test_37_a_snapshot_that_is_cut_while_it_is_read(tiny, client):
    """What a mapped file lacks ends the program with a word, not with a signal."""
    tiny.add("many", {2019: 100000})
    client.index().expect(0)
    snapshot = next(client.program.store.rglob("many.hdx"))
    process = client.program.start("query", client.bucket, "many", *client.access, "--offline", "--format", "csv")
    assert process.stdout.read(1000)  # the pipe is full long before the end
    os.truncate(snapshot, 0)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 6 and b"cannot be read any more" in err, (process.returncode, err)


# ---- commands


def test_38_keys_are_no_commands(archive, client, tmp_path):
    keys = ["$(touch owned)", "`touch owned`", "a; touch owned", "'; touch owned; '", "-rf", "..", "a/..", "x\ttouch owned",
            "new\nline", "* ?", "\\x", "%s%n"]
    for key in keys:
        archive.tiny.origin.put(f"/{TINY}/{key}", b"x")
    listed = tmp_path / "list"
    listed.write_bytes(b"".join(f"s3://{TINY}/{key}".encode() + b"\0" for key in keys))
    show = 'printf "%s\\0" "$HELIODEX_FILE_KEY|${HELIODEX_FILE_KEY##*/}|$HELIODEX_FILE_NAME"'
    done = client.program("cat", *client.access, "--keys-from", listed, "--null", "--exec", show).expect(0)
    assert sorted(done.out.split("\0")[:-1]) == sorted(f"{key}|{key.split('/')[-1]}|{key.split('/')[-1]}" for key in keys)
    assert not list(tmp_path.rglob("owned")) and not list(client.program.home.rglob("owned"))


def test_p10_no_signature_of_a_url_is_told(one, tmp_path):
    """Lists may hold presigned URLs: what is fetched by them names them without."""
    origin = one.tiny.origin
    origin.put("/b/good.cdf", b"x")
    origin.always("/b/bad.cdf", Behaviour(status=503))
    origin.always("/b/short.cdf", Behaviour(body=b"x", length=5))
    origin.always("/b/moved.cdf", Behaviour(status=302, headers={"Location": "/b/away.cdf?sign=hunter2"}))
    signed = [f"{origin.url}/b/{name}.cdf?X-Amz-Security-Token=hunter2&X-Amz-Signature=hunter2#hunter2"
              for name in ("good", "bad", "short", "gone", "moved")]
    (tmp_path / "list").write_text("\n".join(signed) + "\n")
    options = ["--keys-from", tmp_path / "list", "--retries", "1", "-vv"]
    told = one.program("mirror", *options, "--dest", tmp_path / "dest", "--report", tmp_path / "r").expect(1, "bad.cdf?").err
    told += "".join(json.loads(line)["message"] or "" for line in (tmp_path / "r").read_text().splitlines())
    told += one.program("cat", *options).expect(1, "gone.cdf?", "moved.cdf? (redirected to ").err
    told += one.program("cat", *options, "--exec", "exit 3").expect(7, "good.cdf?: the command ended").err
    told += one.program("cat", *options, "--tar").err
    (tmp_path / "dest" / "b" / "good.cdf").write_bytes(b"y")
    told += one.program("verify", "--mirror", tmp_path / "dest").err
    assert "good.cdf" in told and "hunter2" not in told
    assert "Signature=hunter2" in (tmp_path / "r").read_text()  # its location: by which it can be asked for again


@pytest.mark.parametrize("document, code, told", [
    ("{", 7, "registry.json?: line 1"), ('{"registry": []}', 9, "registry.json?: the registry names no bucket")])
def test_p10_no_signature_of_a_registry_is_told(one, document, code, told):
    origin = one.tiny.origin
    origin.put("/registry.json", document.encode())
    url = f"{origin.url}/registry.json?X-Amz-Signature=hunter2"
    done = one.program("registry", "--registry", url, "--error-on-empty", "-vv").expect(code, told)
    assert "hunter2" not in done.err


def test_p10_commands_are_not_told_credentials(archive, client):
    """Those that were found in files are in no environment and no argument of theirs."""
    (client.program.home / ".aws").mkdir()
    (client.program.home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = very-secret\naws_session_token = token-secret\n")
    archive.dataset("d", {"a": b"x"})
    show = "env; tr '\\0' '\\n' < /proc/self/cmdline; tr '\\0' '\\n' < /proc/$PPID/cmdline"
    done = client.program("cat", client.bucket, "d", *client.access, "--sign", "--exec", show).expect(0)
    assert "HELIODEX_FILE_KEY=a" in done.lines and "secret" not in done.out
    assert all("authorization" in request.headers for request in archive.tiny.origin.requests())


# ---- how it is built


def elf(path, *options):
    return subprocess.run(["readelf", "--wide", *options, path], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", ["heliodex", "src/libheliodex.so.0"])
def test_the_build_is_hardened(build, name):
    path = build / name
    headers, dynamic, symbols = elf(path, "--program-headers"), elf(path, "--dynamic"), elf(path, "--symbols")
    assert "Elf file type is DYN" in headers and "GNU_RELRO" in headers
    assert re.search(r"GNU_STACK\s+(\S+\s+){5}RW ", headers)  # no code on the stack
    assert "BIND_NOW" in dynamic and "TEXTREL" not in dynamic and "RPATH" not in dynamic
    if name == "heliodex":
        assert re.search(r"Flags: .*PIE", dynamic) and "RUNPATH" not in dynamic
    # sanitizers have checks of their own, and a build that counts what is reached is not optimised: no checked copies
    if not any(mark in symbols for mark in ("__asan", "__tsan", "__gcov")):
        assert "__stack_chk_fail" in symbols and "_chk@" in symbols
