"""The bytes of data files: heliodex.stream, and the classes' stream and stream_uri."""

import gc
import hashlib
import io
import threading

import numpy as np
import pandas as pd
import pytest

import heliodex
from conftest import TINY
from heliodex import CloudCatalog, FailedS3Get, FileRegistry
from heliodex.streaming import Opened
from mirror import Archive, content
from origin import Behaviour

FILES = {f"f/{number:03}.cdf": content(500 + 997 * number, number) for number in range(60)}


@pytest.fixture
def files(tiny):
    Archive(tiny).dataset("d", FILES)
    return tiny


def settings(tiny, **more):
    return {"endpoint_url": tiny.origin.url, "retries": 0, **more}


def query(tiny, **more):
    return heliodex.query(TINY, "d", **settings(tiny, **more))


def uris(names=FILES):
    return [f"s3://{TINY}/{name}" for name in names]


def settle():
    """Waits for the threads of streams that were left: they end by themselves."""
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "heliodex-ahead":
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["query", "frame", "frame of keys", "texts", "generator"])
def test_every_list_gives_its_files_in_order(files, kind):
    rows = query(files)
    given = {"query": lambda: rows, "frame": rows.to_pandas,
             "frame of keys": lambda: rows.to_pandas().rename(columns={"start": "startdate", "datakey": "key"}),
             "texts": uris, "generator": lambda: iter(uris())}[kind]()
    own = {} if kind == "query" else settings(files)
    got = list(heliodex.stream(given, **own))
    assert [file.uri for file in got] == uris()
    assert [file.data.read() for file in got] == list(FILES.values())
    assert [file.size for file in got] == list(map(len, FILES.values()))
    if kind in ("query", "frame", "frame of keys"):
        assert [file.start for file in got] == list(rows.to_batch()["start"])
        assert [file.filesize for file in got] == list(map(len, FILES.values()))
    else:
        assert np.isnat(got[0].start) and got[0].filesize == -1
    assert "md5" in got[0].checks and isinstance(got[0].data, io.BytesIO)


def test_a_large_file_comes_in_pieces_and_is_whole(files):
    data = content(21_000_001, "large")
    files.origin.put(f"/{TINY}/large", data)
    file, = heliodex.stream(f"s3://{TINY}/large", **settings(files, part_bytes=1 << 20))
    assert hashlib.md5(file.data.getbuffer()).digest() == hashlib.md5(data).digest() and file.data.tell() == 0


def test_files_are_fetched_ahead(files):
    """The second half is asked for while the first file is looked at."""
    stream = heliodex.stream(query(files))
    next(stream)
    assert files.origin.wait_for(lambda: len(files.origin.of(f"/{TINY}/f/030.cdf")) == 1)
    stream.close()


def test_a_query_that_is_asked_meanwhile_ends_the_stream_of_its_files(files):
    rows = query(files)
    stream = heliodex.stream(rows)
    next(stream)
    rows.summary()
    with pytest.raises(RuntimeError, match="asked for something else"):
        for _ in range(60):
            next(stream)
    assert len(list(heliodex.stream(rows))) == 60


@pytest.mark.parametrize("what", ["the query", "the session", "everything"])
def test_what_a_stream_stands_on_is_closed_in_the_middle(files, what):
    """Never below it: what stands on something is closed first, whoever closes or collects it, and when."""
    for number in range(8):
        rows = query(files)
        stream = heliodex.stream(rows)
        for _ in range(number):
            next(stream)
        if what == "the query":
            rows.close()
        elif what == "the session":
            rows.session.close()
        else:
            opened = Opened(rows.to_pandas() if number % 2 else rows, rows.session)
            first = next(iter(opened))
            del rows, stream, opened
            gc.collect()
            assert first.uri == uris()[0]
            continue
        try:  # all may have been fetched already
            assert [file.uri for file in stream] == uris()[number:]
        except ValueError as error:
            assert "closed" in str(error)
    settle()


def test_two_streams_in_one_session(files):
    session = heliodex.Session(**settings(files))
    first, second = (heliodex.stream(heliodex.query(TINY, "d", session=session)) for _ in range(2))
    assert next(first).uri == next(second).uri == uris()[0]
    first.close()
    assert [file.uri for file in second] == uris()[1:]


def test_a_stream_of_the_parent_is_told_in_a_forked_process(files, python):
    done = python("""
import os, sys
import heliodex

stream = heliodex.stream(heliodex.query("tiny-bucket", "d", endpoint_url=sys.argv[1]))
next(stream)
pid = os.fork()
if pid == 0:
    try:
        next(stream)
    except heliodex.UsageError as error:
        os._exit(7 if "forked" in str(error) else 1)
    os._exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), len(list(stream)))
""", files.origin.url).expect(0)
    assert done.out == "7 59\n"


def test_a_stream_that_is_left_lets_its_session_work_on(files):
    rows = query(files)
    for _ in range(3):
        next(heliodex.stream(rows))  # collected at once
        heliodex.stream(rows)  # never begun
        next(iter(Opened(rows, rows.session)))
    gc.collect()
    assert len(list(heliodex.stream(rows))) == 60 and rows.summary().rows == 60
    settle()


def test_errors_are_raised_or_collected(files):
    files.origin.remove(f"/{TINY}/f/007.cdf")
    files.origin.always(f"/{TINY}/f/011.cdf", Behaviour(status=500))
    files.origin.always(f"/{TINY}/f/013.cdf", Behaviour(flip=3))
    seen = []
    with pytest.raises(FailedS3Get, match="f/007.cdf.*404") as raised:
        for file in heliodex.stream(query(files)):
            seen.append(file.uri)
    assert seen == uris()[:7] and (raised.value.uri, raised.value.status) == (uris()[7], "NOT_FOUND")
    failures = []
    got = list(heliodex.stream(query(files), errors=failures))
    assert [file.uri for file in got] == [uri for i, uri in enumerate(uris()) if i not in (7, 11, 13)]
    assert [(failure.what, failure.status) for failure in failures] == [
        (uris()[7], "NOT_FOUND"), (uris()[11], "TEMPORARY"), (uris()[13], "INTEGRITY")]


def test_a_function_gets_each_file_and_its_failures_count(files):
    sizes = []

    def process(file):
        if file.uri == uris()[3]:
            raise LookupError("no such variable")
        sizes.append(len(file.data.read()))

    with pytest.raises(LookupError):
        heliodex.stream(query(files), process)
    assert sizes == list(map(len, FILES.values()))[:3]
    sizes.clear()
    failures = heliodex.stream(query(files), process, errors=[])
    assert [(failure.what, failure.status, failure.message) for failure in failures] == [
        (uris()[3], "LookupError", "no such variable")] and len(sizes) == 59
    with pytest.raises(ValueError, match="errors"):
        heliodex.stream(query(files), errors="ignore")


def test_what_names_no_file(files):
    failures = []
    got = list(heliodex.stream([uris()[0], "s3://", "nonsense", uris()[1]], errors=failures, bucket=f"s3://{TINY}/",
                               **settings(files)))
    assert [file.uri for file in got] == uris()[:2]
    assert sorted(failure.status for failure in failures) == ["NOT_FOUND", "USAGE"]
    for wrong in (5, [5], pd.DataFrame({"name": ["x"]})):
        with pytest.raises((TypeError, ValueError)):
            heliodex.stream(wrong, **settings(files))
    assert list(heliodex.stream([], **settings(files))) == []


def test_the_progress_counts_files(files):
    told = []
    list(heliodex.stream(query(files), progress=told.append))
    assert told and told[0].files_done >= 1


# ---- the original tool's functions


def test_stream_as_scripts_call_it(files, monkeypatch):
    cc = CloudCatalog(TINY, **settings(files))
    frame = cc.request_cloud_catalog("d")
    called = []
    assert cc.stream(frame, lambda *arguments: called.append(arguments)) is None
    data, start, stop, size = called[9]
    assert len(called) == 60 and data.read() == FILES["f/009.cdf"]
    assert (start, stop, size) == (str(frame["start"][9]), str(frame["stop"][9]), len(FILES["f/009.cdf"]))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", files.origin.url)  # the class knows no settings but the environment's
    CloudCatalog.stream(frame[:2], lambda bfile, startdate, stopdate, filesize: called.append(bfile.read()))
    assert called[60:] == [FILES["f/000.cdf"], FILES["f/001.cdf"]]
    fr = FileRegistry(TINY, cache=False, **settings(files))
    early = []  # as versions before stop dates did
    fr.stream(fr.request_file_registry("d")[:1], lambda bfile, startdate, filesize: early.append((startdate, filesize)))
    assert early == [(start.replace(":09:", ":00:"), 500)]


def test_stream_uri_as_scripts_call_it(files):
    frame = CloudCatalog(TINY, **settings(files)).request_cloud_catalog("d")
    called = []
    CloudCatalog.stream_uri(frame, lambda uri, start, stop, size: called.append((uri, start, stop, size)))
    assert [row[0] for row in called] == uris()
    assert called[5][1:] == (str(frame["start"][5]), str(frame["stop"][5]), frame["filesize"][5])
    CloudCatalog.stream_uri(frame.rename(columns={"datakey": "key"})[:1], lambda uri, start, size: called.append(size))
    assert called[-1] == 500


@pytest.mark.parametrize("keys", ["str", "bytes", "lazy"])
def test_frames_with_keys_of_every_kind_and_without(files, keys):
    cc = CloudCatalog(TINY, **settings(files))
    frame = cc.request_cloud_catalog("d", keys=keys)[:4]
    if keys == "str":
        frame["datakey"] = [None, float("nan"), pd.NA, frame["datakey"][3]]
        frame["filesize"] = frame["filesize"].astype("Int64").where(frame.index != 1)
    called, failures = [], []
    cc.stream(frame, lambda file, start, stop, size: called.append(file.read()), errors=failures)
    assert called == list(FILES.values())[3 if keys == "str" else 0 : 4]
    assert [failure.status for failure in failures] == ["USAGE"] * (3 if keys == "str" else 0)


def test_a_wrong_size_in_the_index_does_not_stop_a_script(tiny):
    Archive(tiny).dataset("d", {"a": b"12345"}, sizes={"a": 99})
    cc = CloudCatalog(TINY, **settings(tiny))
    called = []
    cc.stream(cc.request_cloud_catalog("d"), lambda file, start, stop, size: called.append((file.read(), size)))
    assert called == [(b"12345", 99)]


def test_a_file_that_is_missing_is_raised_left_out_collected_or_none(files, caplog):
    files.origin.remove(f"/{TINY}/f/001.cdf")
    cc = CloudCatalog(TINY, **settings(files))
    frame = cc.request_cloud_catalog("d")[:4]
    frame.loc[2, "datakey"] = "s3://"  # which names no file

    def run(made, **options):
        called = []
        made.stream(frame, lambda file, start, stop, size: called.append(file and len(file.read())), **options)
        return called

    with pytest.raises(FailedS3Get, match="f/001.cdf"):
        run(cc)
    sizes = [len(FILES[f"f/00{i}.cdf"]) for i in (0, 3)]
    assert run(cc, ignore_faileds3get=True) == sizes and "left out" in caplog.text
    failures = []
    assert run(cc, errors=failures) == sizes
    assert [(failure.what, failure.status) for failure in failures] == [(uris()[1], "NOT_FOUND"), ("s3://", "USAGE")]
    assert run(CloudCatalog(TINY, strict=True, **settings(files))) == [sizes[0], None, None, sizes[1]]
