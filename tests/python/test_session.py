"""Sessions among forks, threads, signals and callbacks, as they are closed, and their settings."""

import logging
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import heliodex
from conftest import TINY, forks
from origin import Behaviour
from reference import time_ns

BUCKET = f"s3://{TINY}/"
FOREVER = {"stall_ms_max": 3_600_000, "connect_ms_max": 3_600_000}  # nothing but a signal ends the wait for a server
IDS = ("one", "two", "six")

# What the scripts begin with: the bucket, a session, the number of rows of a dataset.
BEGIN = f"""
import os, signal, sys, threading
import heliodex

session = heliodex.Session(endpoint_url=sys.argv[1], stall_ms_max=3_600_000, connect_ms_max=3_600_000)

def rows(id):
    return len(heliodex.query("{BUCKET}", id, session=session).to_batch())
"""


@pytest.fixture
def bucket(tiny):
    for number, identifier in enumerate(IDS):
        tiny.add(identifier, {2018: 300 + number, 2019: 40})
    return tiny


@pytest.fixture
def session(bucket):
    with heliodex.Session(endpoint_url=bucket.origin.url, **FOREVER) as it:
        yield it


def query(session, identifier="one", start=None, stop=None, **options):
    return heliodex.query(BUCKET, identifier, start, stop, session=session, **options)


def keys(session, identifier, start=None, stop=None):
    return query(session, identifier, start, stop).to_batch()["datakey"].tolist()


def wanted_keys(bucket, identifier, start=None, stop=None):
    span = [time and time_ns(time) for time in (start, stop)]
    return [row.key for row in bucket.reference().dataset(identifier).answer(*span)]


# ---- forks


@forks
def test_child_and_parent_of_a_fork_both_query(bucket, python):
    done = python(BEGIN + f"""
assert rows("one") == 340
answer = heliodex.query("{BUCKET}", "one", session=session)
pid = os.fork()
if pid == 0:
    assert rows("one") == 340 and rows("two") == 341
    for use in (answer.to_batch, answer.summary, lambda: next(iter(answer)), lambda: answer.checked_at):
        try:
            use()
        except heliodex.UsageError as error:
            assert "forked" in str(error)
        else:
            sys.exit("a query of the parent was used")
    sys.exit()
assert len(answer.to_batch()) == 340 and rows("six") == 342
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert len(answer.to_batch()) == 340 and rows("two") == 341
print("well")
""", bucket.origin.url).expect(0)
    assert done.out == "well\n"


@forks
def test_processes_of_multiprocessing(bucket, python):
    done = python(BEGIN + """
import multiprocessing

assert rows("one") == 340
with multiprocessing.get_context("fork").Pool(3) as pool:
    waiting = pool.map_async(rows, ["one", "two", "six"] * 5)
    assert rows("two") == 341
    assert waiting.get(50) == [340, 341, 342] * 5
print("well")
""", bucket.origin.url).expect(0)
    assert done.out == "well\n"


@forks
def test_fork_while_another_thread_is_in_the_session(bucket, python):
    """Neither the session's lock nor that of the store stays behind in the child."""
    answering = threading.Event()
    bucket.origin.always(bucket.path("two", 2018), Behaviour(until=answering))
    process = python.start(BEGIN + """
assert rows("one") == 340
found = []
thread = threading.Thread(target=lambda: found.append(rows("two")))
thread.start()
sys.stdin.readline()  # the server has been asked
pid = os.fork()
if pid == 0:
    print(rows("one"), flush=True)
    sys.stdin.readline()
    os._exit(0)
thread.join()
session.close()
assert found == [341]
print(len(heliodex.query("s3://tiny-bucket/", "two", endpoint_url=sys.argv[1], refresh=True).to_batch()), flush=True)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
""", bucket.origin.url, stdin=-1)
    assert bucket.origin.wait_for(lambda: bucket.origin.requests_now == 1)
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"340\n"  # of the child, while the parent's thread waits
    answering.set()
    assert process.stdout.readline() == b"341\n"  # of the parent, while the child lives
    process.stdin.write(b"\n")
    process.stdin.flush()
    python.finish(process).expect(0)


# ---- threads


def test_threads_share_a_session(bucket, session):
    spans = [(None, None), ("2018-03", "2018-05"), ("2019", None), ("2018-06-05", "2018-06-05T12")]
    questions = [(identifier, *span) for span in spans for identifier in IDS] * 4
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda question: keys(session, *question), questions))
    assert found == [wanted_keys(bucket, *question) for question in questions]


def test_threads_with_sessions_of_their_own(bucket):
    def work(number):
        with heliodex.Session(endpoint_url=bucket.origin.url) as mine:
            return [keys(mine, IDS[(number + i) % 3]) for i in range(3)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(8)))
    wanted = [wanted_keys(bucket, identifier) for identifier in IDS]
    assert found == [[wanted[(number + i) % 3] for i in range(3)] for number in range(8)]


def test_threads_let_go_of_queries_while_others_ask(bucket, session):
    """Queries that are collected in one thread are closed while another is in the session."""
    assert len(keys(session, "one")) == 340

    def work(_):
        for _ in range(25):
            iterator = iter(query(session, "one", batch_rows=50))
            assert len(next(iterator)) == 50

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    session.close()


def test_other_threads_run_while_a_call_waits(bucket, session):
    """The thread that lets the server answer is one of this process."""
    answering = threading.Event()
    bucket.origin.always(bucket.path("one", 2018), Behaviour(until=answering))
    counted = []

    def work():
        assert bucket.origin.wait_for(lambda: bucket.origin.requests_now == 1)
        for number in range(100_000):
            counted.append(number)
        answering.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert len(keys(session, "one")) == 340 and len(counted) == 100_000
    thread.join()


# ---- signals

INTERRUPTED = BEGIN + """
def tell():
    while not session._use.running:
        pass
    print("asking", flush=True)

rows("two")
sys.stdin.readline()
threading.Thread(target=tell).start()
try:
    rows("one")
except KeyboardInterrupt:
    print("interrupted", flush=True)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
sys.stdin.readline()
print(rows("one"), rows("two"))
"""


class Interrupted:
    """A script that is interrupted while it asks for "one", and then goes on."""

    def __init__(self, python, url, **options):
        self.python = python
        self.process = python.start(INTERRUPTED, url, stdin=-1, bufsize=0, **options)

    def ask(self):
        self.process.stdin.write(b"\n")
        assert self.process.stdout.readline() == b"asking\n"

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout.readline() == b"interrupted\n"

    def go_on(self):
        self.process.stdin.write(b"\n")
        done = self.python.finish(self.process).expect(0)
        assert (done.out, done.err) == ("340 341\n", "")


@pytest.mark.parametrize("behaviour", [Behaviour(stall=-1), Behaviour(stall=100), Behaviour(status=503)])
def test_ctrl_c_while_a_server_is_silent_or_busy(bucket, python, behaviour):
    script = Interrupted(python, bucket.origin.url)
    bucket.origin.always(bucket.path("one", 2019), behaviour)
    script.ask()
    assert bucket.origin.wait_for(lambda: [r for r in bucket.origin.log if r.path == bucket.path("one", 2018)])
    script.interrupt()
    bucket.origin.always(bucket.path("one", 2019), None)
    script.go_on()


def test_ctrl_c_while_another_process_has_the_store(bucket, python, client):
    origin = bucket.origin
    script = Interrupted(python, origin.url, env={"HELIODEX_STORE": client.program.store})
    assert origin.wait_for(lambda: [r for r in origin.log if r.path == bucket.path("two", 2019)])
    answering = threading.Event()
    origin.always(bucket.path("one", 2019), Behaviour(until=answering))
    holder = client.program.start("index", client.bucket, "one", *client.access)
    assert origin.wait_for(lambda: [r for r in origin.log if r.path == bucket.path("one", 2018)] and origin.requests_now)
    connections = origin.connections
    script.ask()
    assert script.process.stderr.readline().startswith(b"waiting: ")
    script.interrupt()
    assert origin.connections == connections
    answering.set()
    assert client.program.finished(["index"], holder.wait(60), *holder.communicate()).code == 0
    script.go_on()


def test_ctrl_c_while_nobody_answers(python):
    """A server that takes connections and says nothing; the script does not mind the exception."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = python.start(BEGIN + 'rows("one")', f"http://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(10) == b"GET /tiny-"
            process.send_signal(signal.SIGINT)
            done = python.finish(process).expect(-signal.SIGINT, "KeyboardInterrupt")
    assert "ignored" not in done.err


@pytest.fixture
def handler():
    """Sets a handler of SIGINT for the test."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda function: signal.signal(signal.SIGINT, function)
    signal.signal(signal.SIGINT, before)


def asked_in_vain(bucket, then):
    """Calls `then` in another thread once the server was asked for a file that it holds back; returns its Event."""
    answering = threading.Event()
    bucket.origin.always(bucket.path("one", 2018), Behaviour(until=answering))

    def work():
        assert bucket.origin.wait_for(lambda: bucket.origin.requests_now == 1)
        then()

    threading.Thread(target=work, daemon=True).start()
    return answering


def test_handlers_that_do_not_raise_end_nothing(bucket, session, handler):
    keys(session, "two")
    noted = []

    def note(number, frame):
        noted.append(number)
        answering.set()

    handler(note)
    answering = asked_in_vain(bucket, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert len(keys(session, "one")) == 340 and noted == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is note


def test_handlers_may_set_another_and_raise(bucket, session, handler):
    """As those do that let a second Ctrl-C end everything."""
    keys(session, "two")

    class Stop(Exception):
        pass

    def stop(number, frame):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise Stop

    handler(stop)
    answering = asked_in_vain(bucket, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Stop):
        keys(session, "one")
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    answering.set()
    assert len(keys(session, "one")) == 340


# ---- callbacks


def test_exceptions_of_progress_end_the_call(bucket, session):
    keys(session, "two")
    answering = asked_in_vain(bucket, lambda: None)
    told = []

    class Mine(Exception):
        pass

    def tell(progress):
        told.append(progress.files_total)
        raise Mine("enough")

    with pytest.raises(Mine, match="enough") as caught:
        query(session, progress=tell)
    assert "tell" in [frame.name for frame in caught.traceback]  # where it was raised
    assert len(told) == 1
    answering.set()
    assert len(keys(session, "one")) == 340


def test_progress_may_not_call_the_session(bucket, session):
    keys(session, "two")
    answering = asked_in_vain(bucket, lambda: None)
    held = query(session, "two")
    with pytest.raises(heliodex.UsageError, match="callbacks cannot call the session"):
        query(session, progress=lambda progress: query(session, "two"))
    with pytest.raises(heliodex.UsageError, match="callbacks cannot call the session"):
        query(session, progress=lambda progress: held.to_batch())
    with pytest.raises(heliodex.UsageError, match="callbacks cannot call the session"):
        query(session, progress=lambda progress: session.close())
    answering.set()
    assert len(keys(session, "one")) == 340


def test_a_session_goes_on_after_a_reporter_that_fails_at_the_end(bucket, session, monkeypatch):
    from heliodex import progress

    class Broken(progress.Reporter):
        def tell(self, progress):
            raise ValueError("tell")

        def end(self):
            raise OSError("end")

    keys(session, "two")
    answering = asked_in_vain(bucket, lambda: None)
    monkeypatch.setattr("heliodex.rows.reporter", lambda *_: Broken())
    with pytest.raises((ValueError, OSError)):
        query(session)
    monkeypatch.undo()
    answering.set()
    assert len(keys(session, "one")) == 340


# ---- closing


def test_what_was_opened_from_a_closed_session_is_closed(bucket, session):
    answer = query(session)
    iterator = iter(query(session, batch_rows=10))
    assert len(next(iterator)) == 10
    session.close()
    session.close()
    for use in (answer.to_batch, answer.summary, answer.counts, lambda: next(iterator), lambda: answer.checked_at):
        with pytest.raises(heliodex.UsageError, match="was closed"):
            use()
    answer.close()
    assert len(keys(session, "one")) == 340  # it opens anew


def test_a_closed_query(bucket, session):
    answer = query(session)
    other = query(session)
    with answer:
        assert len(answer.to_batch()) == 340
    answer.close()
    with pytest.raises(heliodex.UsageError, match="was closed"):
        answer.to_batch()
    assert len(other.to_batch()) == 340


@pytest.mark.parametrize("how", ["session", "settings", "iterator", "cycle"])
def test_nothing_is_said_at_the_end(bucket, python, how):
    """Whatever is still open when a script ends."""
    done = python(BEGIN + f"""
how = sys.argv[2]
rows("one")
answer = heliodex.query("{BUCKET}", "one", **dict(endpoint_url=sys.argv[1]) if how == "settings" else dict(session=session))
if how == "iterator":
    iterator = iter(answer)
    next(iterator)
if how == "cycle":
    session.mine = answer
print(len(answer.to_batch()))
""", bucket.origin.url, how, flags=["-X", "dev", "-W", "error"]).expect(0)
    assert (done.out, done.err) == ("340\n", "")


def test_a_script_ends_while_a_daemon_is_in_a_call(bucket, python):
    bucket.origin.always(bucket.path("one", 2019), Behaviour(stall=-1))
    process = python.start(BEGIN + """
rows("two")
threading.Thread(target=rows, args=["one"], daemon=True).start()
sys.stdin.readline()
""", bucket.origin.url, stdin=-1)
    assert bucket.origin.wait_for(lambda: bucket.origin.requests_now == 1 and [
        request for request in bucket.origin.log if request.path == bucket.path("one", 2018)])
    out, err = process.communicate(b"\n", timeout=60)
    assert (process.returncode, out) == (0, b""), err.decode()
    assert err == b""


# ---- where the store is


def test_store_in_the_home(bucket, home, monkeypatch):
    monkeypatch.delenv("HELIODEX_STORE")
    with heliodex.Session(endpoint_url=bucket.origin.url) as session:
        assert len(keys(session, "one")) == 340
        assert session.store == f"{home}/.cache/heliodex" and os.path.isdir(session.store)


@pytest.mark.parametrize("place", ["a file", "read-only", "nowhere"])
def test_a_home_that_cannot_be_written(bucket, python, tmp_path, place):
    """The rows come all the same; what was kept for them is gone when the script ends."""
    folder, temporary = tmp_path / "elsewhere", tmp_path / "temporary"
    temporary.mkdir()
    folder.mkdir(mode=0o500)
    homes = {"a file": folder / "file" / "home", "read-only": folder, "nowhere": None}
    if place == "a file":
        folder.chmod(0o700)
        (folder / "file").write_text("")
    if place == "read-only" and os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    done = python(BEGIN + "print(rows('one'), session.store)", bucket.origin.url,
                  env={"HOME": homes[place], "HELIODEX_STORE": None, "TMPDIR": temporary}).expect(0, "HELIODEX_STORE")
    count, store = done.out.split()
    assert count == "340" and store.startswith(f"{temporary}/")
    assert list(temporary.iterdir()) == []


# ---- settings


def test_unknown_settings():
    for call in (heliodex.Session, lambda **settings: heliodex.query(BUCKET, "one", **settings)):
        with pytest.raises(TypeError, match="'endpoint'.*endpoint_url"):
            call(endpoint="http://127.0.0.1:1")


def test_settings_beside_a_session(session):
    with pytest.raises(TypeError, match="offline"):
        query(session, offline=True)


def test_settings_of_the_environment(bucket, monkeypatch):
    monkeypatch.setenv("HELIODEX_ENDPOINT_URL", bucket.origin.url)
    assert len(heliodex.query(BUCKET, "one").to_batch()) == 340
    monkeypatch.setenv("HELIODEX_OFFLINE", "1")
    with pytest.raises(heliodex.NotFoundError):
        heliodex.query(BUCKET, "two")
    assert len(heliodex.query(BUCKET, "two", offline=False).to_batch()) == 341
    monkeypatch.setenv("HELIODEX_OFFLINE", "perhaps")
    with pytest.raises(heliodex.UsageError, match="HELIODEX_OFFLINE.*perhaps"):
        heliodex.query(BUCKET, "two")
    monkeypatch.setenv("HELIODEX_OFFLINE", "")
    assert len(heliodex.query(BUCKET, "six").to_batch()) == 342


@pytest.mark.parametrize("name, value", [
    ("jobs", 0), ("jobs", 4097), ("jobs", 2**32 + 16), ("jobs", -1), ("jobs", 2.5), ("jobs", "many"), ("retries", 2**32),
    ("memory_bytes", 1), ("memory_bytes", 2**64), ("memory_bytes", float("inf")), ("threads", 2**40 + 1), ("sign", "maybe"),
    ("addressing_style", "both"), ("endpoint_url", "nowhere"), ("endpoint_url", "http://h/\0"), ("store", ""), ("store", 5),
    ("verify", False), ("maps", {"s3://a/": "gopher://b/"}),
])
def test_settings_that_cannot_be(name, value):
    with pytest.raises(heliodex.UsageError) as caught:
        heliodex.query(BUCKET, "one", **{name: value})
    assert len(str(caught.value)) > 10


@pytest.mark.parametrize("name", ["limit", "min_size", "max_size"])
@pytest.mark.parametrize("value", [-1, 2**63, 2**64 + 1, 1.5, float("nan"), float("inf"), "7"])
def test_numbers_of_a_question_that_cannot_be(session, name, value):
    with pytest.raises(heliodex.UsageError, match=f"{name}: expected a whole number.*found"):
        query(session, **{name: value})


def test_numbers_of_a_question(bucket, session):
    sizes = sorted(row.size for row in bucket.reference().dataset("one").rows)
    assert len(query(session, limit=np.int64(7)).to_batch()) == len(query(session, limit=7.0).to_batch()) == 7
    assert len(query(session, max_size=float(sizes[9])).to_batch()) == len([size for size in sizes if size <= sizes[9]])
    assert len(query(session, min_size=2**63 - 1).to_batch()) == 0


def test_settings_with_units(bucket):
    with heliodex.Session(endpoint_url=bucket.origin.url, memory_bytes="32M", jobs=4.0, threads="2") as session:
        assert len(keys(session, "one")) == 340


def test_p10_secrets_are_told_to_nobody(bucket, caplog):
    secrets = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "hush-hush", "aws_session_token": "not-for-you"}
    bucket.origin.always(bucket.catalog_path, Behaviour(status=403))
    told = []
    with caplog.at_level(logging.DEBUG, "heliodex"):
        session = heliodex.Session(endpoint_url=bucket.origin.url, sign="always", **secrets)
        told += [repr(session), repr(session._settings), str(vars(session._settings).keys())]
        with pytest.raises(heliodex.DeniedError) as caught:
            keys(session, "one")
        told += [str(caught.value), repr(caught.value), caplog.text]
        for name in ("aws_secret_access_key", "aws_session_token"):
            with pytest.raises(heliodex.UsageError) as caught:
                keys(heliodex.Session(**{**secrets, name: "hush-hush\0not-for-you"}), "one")
            told.append(str(caught.value))
    assert bucket.origin.requests()[-1].headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert caplog.text and not [text for text in told if "hush-hush" in text or "not-for-you" in text]
