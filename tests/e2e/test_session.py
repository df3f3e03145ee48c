"""A session goes on after a cancellation, whatever it was at; and whoever waits in it is asked whether to end."""

import json
import os
import threading
import time

import pytest

from conftest import TINY
from mirror import Archive, tree
from origin import Behaviour
from session import Session

BUCKET = f"s3://{TINY}/"
NEVER = Behaviour(stall=-1)


@pytest.fixture
def session(heliodex, tiny):
    registry = {"Cloudy": "0.5", "registry": [{"endpoint": BUCKET, "name": "Tiny", "region": "here"}]}
    tiny.write("/registry.json", json.dumps(registry))
    with Session(heliodex, tiny.origin.url, env={"ROOT_CATALOG_REGISTRY_URL": f"{tiny.origin.url}/registry.json"}) as it:
        yield it


@pytest.fixture
def files(tiny):
    """A dataset "d" of twelve files."""
    Archive(tiny).dataset("d", {f"2020/{n:02}.cdf": bytes([n]) * 5000 for n in range(12)})
    return tiny


def ask(session, number, *command):
    """Answers the question of that number, while the command runs, with yes."""
    session("answer", number).expect()
    answer = session(*command).expect("INTERRUPTED", "interrupted")
    assert answer.asked == number, answer
    return answer


# ---- who waits for a server that never answers is asked, and ended; the same call then has its full answer

CATALOG = f"/{TINY}/catalog.json"
INDEX = f"/{TINY}/i/d_2020.csv"
FILE = f"/{TINY}/2020/07.cdf"


def waits(tiny, path, session, command, count):
    tiny.origin.always(path, NEVER)
    ask(session, 3, *command)
    session(*command).expect("INTERRUPTED")  # as all calls are that come
    tiny.origin.always(path, Behaviour())
    session("resume").expect()
    assert session(*command).expect().count == count


@pytest.mark.parametrize("path, command, count", [
    (CATALOG, ["catalog", BUCKET], 1),
    (CATALOG, ["index", BUCKET], 12),
    (INDEX, ["index", BUCKET], 12),
    (CATALOG, ["query", BUCKET, "d"], 12),
    (INDEX, ["query", BUCKET, "d"], 12),
    (INDEX, ["probe", BUCKET, "d"], 1),
    (CATALOG, ["validate", BUCKET], 12),
    (INDEX, ["validate", BUCKET], 12),
    ("/registry.json", ["search", "d"], 1),
    (CATALOG, ["search", "d"], 1),
    (f"/{TINY}/", ["list", BUCKET], 2),
])
def test_catalogs_and_index_files(session, files, path, command, count):
    listing = ('<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>'
               "<Contents><Key>a</Key><Size>1</Size></Contents><Contents><Key>b</Key><Size>1</Size></Contents>"
               "</ListBucketResult>")
    files.write(f"/{TINY}/index.xml", listing)
    files.origin.put(f"/{TINY}/", listing.encode())
    waits(files, path, session, command, count)


def test_a_comparison(session, files):
    session("index", BUCKET).expect()
    waits(files, INDEX, session, ["compare", BUCKET], 12)


def test_a_mirror(session, files, tmp_path):
    session("index", BUCKET).expect()
    files.origin.always(FILE, NEVER)
    ask(session, 3, "mirror", BUCKET, "d", tmp_path / "dest")
    there = len(tree(tmp_path / "dest"))
    files.origin.always(FILE, Behaviour())
    session("resume").expect()
    assert session("mirror", BUCKET, "d", tmp_path / "dest").expect().count == 12 - there
    assert len(tree(tmp_path / "dest")) == 12
    assert session("verify", tmp_path / "dest").expect().count == 12


def test_a_stream(session, files):
    session("index", BUCKET).expect()
    files.origin.always(FILE, NEVER)
    assert ask(session, 3, "stream", BUCKET, "d").text == "INTERRUPTED"
    files.origin.always(FILE, Behaviour())
    assert session("stream", BUCKET, "d").expect().count == 12 * 5000


def test_a_stream_whose_files_another_call_has_taken_along_stays_ended(session, files):
    session("index", BUCKET).expect()
    files.origin.always(FILE, NEVER)
    answer = session("stream", BUCKET, "d", "across").expect("INTERRUPTED")
    assert answer.text == "INTERRUPTED INTERRUPTED" and answer.count < 12 * 5000
    files.origin.always(FILE, Behaviour())
    assert session("stream", BUCKET, "d").expect().count == 12 * 5000


def test_commands(session, files, tmp_path):
    session("index", BUCKET).expect()
    files.origin.always(FILE, NEVER)
    ask(session, 3, "each", BUCKET, "d", "true")
    files.origin.always(FILE, Behaviour())
    session("resume").expect()
    assert session("each", BUCKET, "d", "true").expect().count == 12
    # What runs is waited for.
    session("answer", 3).expect()
    script = tmp_path / "wait"
    script.write_text(f"#!/bin/sh\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.01; done\n")
    script.chmod(0o755)
    session.send("each", BUCKET, "d", script)
    time.sleep(0.3)  # longer than three questions take: if it were shorter, nothing would be tested, and nothing fail
    (tmp_path / "go").touch()
    answer = session.take().expect("INTERRUPTED")
    assert 1 <= answer.count < 12 and answer.asked == 3
    session("resume").expect()
    assert session("each", BUCKET, "d", script).expect().count == 12


# ---- in the middle of much


@pytest.mark.parametrize("cut", [1, 2, 4, 8, 16, 32])
def test_cancelled_in_mid_run(session, client, tiny, cut):
    for name in "abcdef":
        tiny.add(name, {year: 300 for year in range(2001, 2009)})
    drip = Behaviour(drip=(4000, 0.002))
    for name in "abcdef":
        for year in range(2001, 2009):
            tiny.origin.always(tiny.path(name, year), drip)
    session("cancel", cut).expect()
    answer = session("index", BUCKET)
    assert answer.status == "INTERRUPTED", answer
    session("resume").expect()
    assert session("index", BUCKET).expect().count == 6 * 8 * 300
    client.check()


def test_cancelled_before_a_call_and_resumed_without_any(session, files):
    session("resume").expect()
    session("stop").expect()
    session("resume").expect()
    assert session("index", BUCKET).expect().count == 12
    for command in (["query", BUCKET, "d"], ["probe", BUCKET, "d"], ["stream", BUCKET, "d"]):
        session("stop").expect()
        session("resume").expect()
        assert session(*command).expect().count
    session("stop").expect()
    session("probe", BUCKET, "d").expect("INTERRUPTED")
    session("catalog", BUCKET).expect()  # which is held, and nothing is waited for
    session("resume").expect()


def test_rows_that_are_turned_around(heliodex, session, tiny):
    tiny.add("one", {2019: 20000})
    session("index", BUCKET).expect()
    with Session(heliodex, tiny.origin.url) as other:  # which is asked at once, as it never was
        ask(other, 1, "reverse", BUCKET, "one")
        other("resume").expect()
        assert other("reverse", BUCKET, "one").expect().count == 20000


def test_the_verification_of_a_mirror(heliodex, session, files, tmp_path):
    session("index", BUCKET).expect()
    session("mirror", BUCKET, "d", tmp_path / "dest").expect()
    with Session(heliodex, files.origin.url) as other:
        ask(other, 1, "verify", tmp_path / "dest")
        other("resume").expect()
        assert other("verify", tmp_path / "dest").expect().count == 12


# ---- who waits for another process


def test_the_lock_of_the_store(session, client, files):
    session("catalog", BUCKET).expect()
    files.origin.always(INDEX, NEVER)
    holder = client.program.start("index", BUCKET, *client.access)
    assert files.origin.wait_for(lambda: files.origin.requests_now == 1)
    asked = files.origin.connections
    ask(session, 3, "query", BUCKET, "d")
    assert files.origin.connections == asked  # it was the lock, not the server
    holder.kill()
    holder.communicate()
    files.origin.always(INDEX, Behaviour())
    session("resume").expect()
    assert session("query", BUCKET, "d").expect().count == 12


def test_the_lock_of_a_destination(session, client, files, tmp_path):
    session("index", BUCKET).expect()
    files.origin.always(FILE, NEVER)
    holder = client.program.start("mirror", BUCKET, "d", *client.access, "--dest", tmp_path / "dest")
    assert files.origin.wait_for(lambda: files.origin.requests_now == 1)
    ask(session, 3, "mirror", BUCKET, "d", tmp_path / "dest")
    holder.kill()
    holder.communicate()
    files.origin.always(FILE, Behaviour())
    session("resume").expect()
    session("mirror", BUCKET, "d", tmp_path / "dest").expect()
    assert len(tree(tmp_path / "dest")) == 12


def test_a_list_that_nobody_writes(session, files, tmp_path):
    os.mkfifo(tmp_path / "list")
    ask(session, 3, "read", tmp_path / "list", BUCKET)
    session("resume").expect()
    threading.Thread(target=lambda: (tmp_path / "list").write_text("a\nb\n"), daemon=True).start()
    assert session("read", tmp_path / "list", BUCKET).expect().count == 2


def test_a_process_that_gives_credentials(heliodex, files, tmp_path):
    source = tmp_path / "source"
    (tmp_path / "config").write_text(f"[default]\nregion = here\ncredential_process = {source}\n")
    source.write_text("#!/bin/sh\nexec sleep 1000\n")
    source.chmod(0o755)
    with Session(heliodex, files.origin.url, env={"AWS_CONFIG_FILE": str(tmp_path / "config")}) as session:
        session("index", BUCKET).expect()
        ask(session, 3, "presign", BUCKET, "d")
        source.write_text("""#!/bin/sh\necho '{"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "s"}'\n""")
        session("resume").expect()
        assert "X-Amz-Signature=" in session("presign", BUCKET, "d").expect().text


# ---- catalogs that are given


@pytest.fixture
def draft(tiny, tmp_path):
    """Writes a catalog to a file of its own, with the dataset "d" under another title and one that the server's lacks."""
    def write(**members):
        entry = {"index": f"{BUCKET}i/", "title": "Mine", "start": "2020-01-01T00:00Z", "stop": "2020-12-31T00:00Z"}
        catalog = {"Cloudy": "1.0", "endpoint": BUCKET, "name": "Draft", "status": {"code": 1200, "message": "OK"},
                   "catalog": [{"id": name, **entry} for name in ("d", "e")], **members}
        (tmp_path / "draft.json").write_text(json.dumps(catalog))
        return tmp_path / "draft.json"
    return write


def test_a_catalog_that_is_given_counts(session, heliodex, client, files, draft):
    session("put", BUCKET, draft()).expect()
    assert session("catalog", BUCKET).expect().words == ["d", "e"]
    with Session(heliodex, files.origin.url) as other:
        assert other("catalog", BUCKET).expect().words == ["d", "e"]
        assert other("query", BUCKET, "d").expect().count == 12
    assert files.origin.of(CATALOG) == []
    shown, _ = json.loads(client.program("datasets", BUCKET, *client.access, "--format", "json").expect(0).out)
    assert shown["title"] == "Mine"
    with Session(heliodex, files.origin.url, "refresh") as other:  # its server is asked again
        assert other("catalog", BUCKET).expect().words == ["d"]
    request, = files.origin.of(CATALOG)
    assert not {"if-none-match", "if-modified-since"} & set(request.headers)
    assert session("catalog", BUCKET).expect().words == ["d"]


def test_a_catalog_is_given_in_place_of_another_and_by_its_names(session, files, draft):
    assert session("catalog", BUCKET).expect().words == ["d"]
    files.origin.clear()
    session("put", "Tiny", draft()).expect()  # which asks the registry where that is
    assert session("catalog", TINY).expect().words == ["d", "e"]
    assert {request.path for request in files.origin.requests()} == {"/registry.json"}


@pytest.mark.parametrize("members, status, told", [
    ({"status": {"code": 1400, "message": "moving"}}, "UNAVAILABLE", "1400"),
    ({"catalog": None}, "INTEGRITY", "catalog"),
])
def test_a_catalog_that_would_not_be_read_is_refused(session, files, draft, members, status, told):
    assert session("catalog", BUCKET).expect().words == ["d"]
    session("put", BUCKET, draft(**members)).expect(status, told, f"{files.origin.url}/{TINY}/catalog.json")
    assert session("catalog", BUCKET).expect().words == ["d"]


def test_other_errors_of_giving_a_catalog(heliodex, session, files, draft, tmp_path):
    (tmp_path / "torn").write_text('{"catalog": [\n{]')
    session("put", BUCKET, tmp_path / "torn").expect("INTEGRITY", "line 2")
    session("put", "Un known", draft()).expect("NOT_FOUND")
    session("put", "ftp://x/", draft()).expect("USAGE")
    with Session(heliodex, files.origin.url, "catalog-bytes=100") as small:
        small("put", BUCKET, draft()).expect("LIMIT", "limit of 100")
    (tmp_path / "no-folder").touch()
    with Session(heliodex, files.origin.url, store=tmp_path / "no-folder") as broken:
        broken("put", BUCKET, draft()).expect("IO")


def test_a_catalog_that_is_unavailable(session, tiny):
    tiny.extra = {"status": {"code": 1400, "message": "back at noon"}}
    tiny.add("one", {2019: 3})
    for command in ("catalog", "index", "query", "probe"):
        session(command, BUCKET, "one").expect("UNAVAILABLE", "back at noon")
    assert session("search", "one").expect("UNAVAILABLE").words == ["UNAVAILABLE"]


# ---- the environment is that of the session's opening: another thread may be changing the process's own


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_a_proxy_that_is_set_later(session, tiny, variable):
    tiny.add("one", {2019: 1})
    session("setenv", variable, "http://127.0.0.1:1").expect()
    session("setenv", "no_proxy", "elsewhere.example").expect()
    session("catalog", BUCKET).expect()


def test_a_proxy_that_is_forgotten_later(heliodex, tiny):
    remote = "http://data.example.invalid"
    tiny.add("one", {2019: 1})
    tiny.origin.put(remote + tiny.catalog_path, tiny.read(tiny.catalog_path))
    environment = {"http_proxy": tiny.origin.url, "no_proxy": "elsewhere.example"}
    with Session(heliodex, remote, env=environment) as session:
        session("setenv", "http_proxy", "http://127.0.0.1:1").expect()
        session("setenv", "no_proxy", "*").expect()
        session("catalog", BUCKET).expect()
    assert [request.target for request in tiny.origin.requests()] == [remote + tiny.catalog_path]


def test_a_proxy_that_is_down_is_named_as_it_was(heliodex, tiny):
    with Session(heliodex, "http://data.example.invalid", env={"http_proxy": "http://127.0.0.1:1"}) as session:
        session("setenv", "http_proxy", tiny.origin.url).expect()
        session("catalog", BUCKET).expect("TEMPORARY", "(through the proxy http://127.0.0.1:1, by http_proxy)")


def test_credentials_and_profiles_that_are_set_later(heliodex, files, tmp_path):
    environment = {"AWS_ACCESS_KEY_ID": "AKIDFIRST", "AWS_SECRET_ACCESS_KEY": "s"}
    with Session(heliodex, files.origin.url, env=environment) as session:
        session("index", BUCKET).expect()
        session("setenv", "AWS_ACCESS_KEY_ID", "AKIDSECOND").expect()
        session("setenv", "AWS_CONFIG_FILE", tmp_path).expect()  # a folder: it would be an error
        session("setenv", "AWS_PROFILE", "missing").expect()
        assert "X-Amz-Credential=AKIDFIRST%2F" in session("presign", BUCKET, "d").expect().text
