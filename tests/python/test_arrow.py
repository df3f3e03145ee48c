"""Arrow streams of queries and batches, read by a consumer in C (arrow_consumer.c) that was written from the
specifications alone, and compared with the naive reference."""

import ctypes
import errno
import gc
import re
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import BUILD, SAMPLE, TINY
from reference import STATIC

RELEASE_IN_THREAD, KEEP_ALL, MOVE_CHILD, SCHEMA_ONLY, FIRST_ONLY, NO_SCHEMA = 1, 2, 4, 8, 16, 32
MODES = (0, RELEASE_IN_THREAD, KEEP_ALL, KEEP_ALL | RELEASE_IN_THREAD, MOVE_CHILD, MOVE_CHILD | RELEASE_IN_THREAD)
TYPES = {"int": "l", "double": "g"}

STATES = """#start, stop, datakey, filesize, records, quality, who, note
2020-01-01T00:00:00Z, 2020-01-01T01:00:00Z, s3://tiny-bucket/a/1.cdf, 100, 5, 0.5, north, one
2020-01-02T00:00:00Z, 2020-01-02T01:00:00Z, s3://tiny-bucket/a/2.cdf, , -7, 1e-3, , "t,wo"
2020-01-03T00:00:00Z, 2020-01-03T01:00:00Z, s3://tiny-bucket/a/dr\u00e9i \u65e5.cdf, 0, , , s\u00fcd,
2020-01-04T00:00:00Z, 2020-01-04T01:00:00Z, s3://tiny-bucket/a/4.cdf, 9223372036854775807, 9223372036854775807, nan, ,
"""
PARAMETERS = [("records", "int", "1", "How many there are"), ("quality", "double", "m/s", None),
              ("who", "string", None, "The \u00fcbliche")]


# ---- the consumer

@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    file = tmp_path_factory.mktemp("consumer") / "consumer.so"
    cache = BUILD / "CMakeCache.txt"
    sanitize = re.search(r"^HDX_SANITIZE:\w+=(.+)$", cache.read_text(), re.M) if cache.exists() else None
    flags = [f"-fsanitize={sanitize[1]}"] if sanitize else []
    flags += ["-shared", "-fPIC", "-pthread", "-g", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "-o", file, Path(__file__).with_name("arrow_consumer.c")], check=True)
    return file


class Told:
    """What the consumer tells of a stream."""

    def __init__(self, text):
        assert b"broken: " not in text, text[-500:]
        self.fields, self.rows, self.batches, self.error, self.ended = [], [], [], None, False
        at = 0
        while at < len(text):
            line_end = text.find(b"\n", at)
            line = text[at:line_end]
            if line.startswith(b"batch "):
                self.batches.append(int(line[6:]))
            elif line.startswith(b"error "):
                code, _, message = line[6:].partition(b" ")
                self.error = int(code), message.decode()
            elif line == b"end":
                self.ended = True
            else:
                tokens, line_end = self.tokens(text, at)
                (self.rows if self.batches else self.fields).append(tokens)
            at = line_end + 1

    @staticmethod
    def tokens(text, at):
        found = []
        while text[at:at + 1] != b"\n":
            if text[at:at + 2] == b"- ":
                found, at = [*found, None], at + 2
                continue
            colon = text.index(b":", at)
            size = int(text[at:colon])
            found, at = [*found, text[colon + 1:colon + 1 + size]], colon + 2 + size
        return found, at


@pytest.fixture
def consume(consumer):
    library = ctypes.CDLL(str(consumer))
    library.arrow_consume.restype = ctypes.c_size_t
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]

    def consume(source, modes=0):
        capsule = source if type(source).__name__ == "PyCapsule" else source.__arrow_c_stream__()
        text = ctypes.c_void_p()
        size = library.arrow_consume(ctypes.c_void_p(pointer_of(capsule, b"arrow_array_stream")), modes,
                                     ctypes.byref(text))
        told = Told(ctypes.string_at(text.value, size))
        free(text)
        return told

    consume.pointer_of = lambda capsule: ctypes.c_void_p(pointer_of(capsule, b"arrow_array_stream"))
    return consume


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Every test leaves no stream behind."""
    yield
    from heliodex import arrow

    gc.collect()
    assert arrow.live() == 0


def number(value):
    return None if value is None else b"%d" % value


def expected(rows, ids=None, extras=(), types={}):
    """The rows of the reference as the consumer tells them; of pairs of id and row where there are several ids."""
    told = []
    for row in rows:
        name, row = row if ids else (None, row)
        times = [None, None] if row.start == STATIC else [number(row.start), number(row.stop)]
        line = [name.encode()] if ids else []
        line += [*times, row.key.encode("utf-8", "surrogateescape"), number(row.size)]
        for extra in extras:
            text = row.extras.get(extra) or None
            if text is not None:
                text = {"int": lambda: b"%d" % int(text), "double": lambda: b"%.17g" % float(text)}.get(
                    types.get(extra), text.encode)()
            line.append(text)
        told.append(line)
    return told


@pytest.fixture
def asked(tiny):
    import heliodex

    bucket = f"file://{tiny.folder}/{TINY}/"
    return lambda ids, *arguments, **options: heliodex.query(bucket, ids, *arguments, **options)


# ---- what is handed out

def test_every_kind_of_dataset_is_as_the_reference_has_it(consume, sample, reference):
    import heliodex

    with heliodex.Session() as session:
        for n, identifier in enumerate(reference.ids):
            dataset = reference.dataset(identifier)
            answer = heliodex.query(f"file://{sample}/{SAMPLE}/", identifier, batch_rows=(65536, 300, 7)[n % 3],
                                    session=session)
            told = consume(answer, MODES[n % len(MODES)])
            assert told.ended, told.error
            names = ["start", "stop", "datakey", "filesize", *dataset.extra_names]
            assert [field[1].decode() for field in told.fields] == names
            assert told.rows == expected(dataset.answer(), extras=dataset.extra_names), identifier
            assert max(told.batches, default=0) <= (65536, 300, 7)[n % 3]


def test_the_schema_says_what_the_archive_states(consume, tiny, asked):
    tiny.add("one", {2020: STATES})
    tiny.describe("one", PARAMETERS)
    query = asked("one")
    told = consume(query)
    assert [" ".join(text.decode() for text in field[:3]) for field in told.fields] == [
        "tsn:UTC start nullable", "tsn:UTC stop nullable", "U datakey never null", "l filesize nullable",
        "U note nullable", "g quality nullable", "l records nullable", "U who nullable"]
    assert [[text.decode() for text in field[3:]] for field in told.fields[4:]] == [
        [], ["units", "m/s"], ["units", "1", "description", "How many there are"], ["description", "The \u00fcbliche"]]
    dataset = tiny.reference().dataset("one")
    types = {"records": "int", "quality": "double"}
    assert told.rows == expected(dataset.answer(), extras=dataset.extra_names, types=types)
    assert told.rows[1][3] is None and told.rows[1][7] is None and told.rows[2][5] is None  # not stated
    for batch in (query.to_batch(), *query):
        assert consume(batch).rows == told.rows
        assert consume(batch, KEEP_ALL | RELEASE_IN_THREAD).fields == told.fields


def test_rows_without_time_are_null(consume, tiny, asked):
    tiny.add("none", {2020: "static,static,s3://tiny-bucket/a,1\nstatic,static,s3://tiny-bucket/b,2\n"}, start="static",
             stop="static", indextype="static")
    dataset = tiny.reference().dataset("none")
    rows = dataset.answer()
    if not rows or rows[0].start != STATIC:
        tiny.add("some", {2020: "static,static,s3://tiny-bucket/a,1\n2020-01-01,2020-01-02,s3://tiny-bucket/b,2\n"})
        dataset = tiny.reference().dataset("some")
        rows = dataset.answer()
    told = consume(asked(dataset.id))
    assert [row[:2] for row in told.rows][0] == [None, None]
    assert told.rows == expected(rows)


def test_several_datasets_and_chosen_columns(consume, tiny, asked):
    tiny.add("a-1", {2019: 300, 2020: 100})
    tiny.add("b", {2019: 200})
    reference = tiny.reference()
    pairs = [(name, row) for name in ("a-1", "b") for row in reference.dataset(name).answer()]
    pairs.sort(key=lambda pair: (*pair[1].order(), pair[0]))
    told = consume(asked(["a-1", "b"], batch_rows=64))
    assert told.rows == expected(pairs, ids=True) and sum(told.batches) == 600
    assert told.fields[0][:3] == [b"U", b"id", b"never null"]
    told = consume(asked(["a-1", "b"], columns=["filesize", "id"]))
    assert told.rows == [[line[4], line[0]] for line in expected(pairs, ids=True)]
    assert consume(asked(["a-1", "b"]).to_batch()).rows == expected(pairs, ids=True)


def test_no_rows(consume, tiny, asked):
    tiny.add("one", {2020: 10})
    query = asked("one", "2020-12-31T23:00", "2020-12-31T23:30")
    for source in (query, query.to_batch()):
        for modes in MODES:
            told = consume(source, modes)
            assert told.ended and not told.rows and len(told.fields) == 4


@pytest.mark.parametrize("keys", ("str", "bytes", "lazy"))
def test_kinds_of_keys(consume, tiny, asked, keys):
    tiny.add("one", {2020: STATES})
    query = asked("one", keys=keys)
    for source in (query, query.to_batch()):
        told = consume(source)
        assert told.fields[2][0] == (b"Z" if keys == "bytes" else b"U")
        assert [row[2] for row in told.rows] == [row.key.encode() for row in tiny.reference().dataset("one").answer()]


def test_more_text_than_a_batch_has_room_for(consume, tiny, asked):
    line = "2020-01-01T00:00:{:02}Z,2020-01-01T00:00:{:02}Z,s3://tiny-bucket/{}{},1\n"
    tiny.add("long", {2020: "".join(line.format(i, i, i, "x" * 600_000) for i in range(40))})
    rows = tiny.reference().dataset("long").answer()
    query = asked("long")
    told = consume(query)
    assert told.rows == expected(rows), told.error
    assert consume(query.to_batch()).rows == expected(rows)


def test_a_batch_may_change_after_it_was_handed_out(consume, tiny, asked):
    tiny.add("one", {2020: 10})
    batch = asked("one").to_batch()
    wanted = consume(batch).rows
    capsule = batch.__arrow_c_stream__()
    batch["filesize"][:] = 7
    assert [row[3] for row in consume(capsule).rows] == [b"7"] * 10 != [row[3] for row in wanted]


# ---- what goes wrong

def raw(*keys):
    return b"".join(b"2020-01-01T00:00:%02dZ,2020-01-01T00:00:%02dZ,%s,1\n" % (i, i, key) for i, key in enumerate(keys))


@pytest.mark.parametrize("keys", ([b"a", b"b\xff", b"c"], [b"ab\xc3", b"\xa9d"], [b"\xed\xa0\x80"]))
def test_a_key_that_is_no_utf8(consume, tiny, asked, keys):
    tiny.add("one", {2020: ""})
    tiny.write(tiny.path("one", 2020), raw(*keys))
    held = [row.key.encode("utf-8", "surrogateescape") for row in tiny.reference().dataset("one").answer()]
    assert held == keys
    wrong = next(i for i, key in enumerate(keys) if b"ascii" != key and not _is_utf8(key))
    for source in (asked("one"), asked("one").to_batch()):
        told = consume(source)
        assert told.error[0] == errno.EINVAL and not told.rows
        assert f"datakey of row {wrong} is no UTF-8" in told.error[1] and "keys='bytes'" in told.error[1]
    assert [row[2] for row in consume(asked("one", keys="bytes")).rows] == keys


def _is_utf8(data):
    try:
        data.decode()
        return True
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("value,kind", [("many", "int"), ("1.5", "int"), ("1_0", "int"), ("9223372036854775808", "int"),
                                        ("0x10", "int"), ("1" * 5000, "int"), ("1e999", "double"), ("1,5", "double"),
                                        ("--1", "double"), ("1_0.5", "double")])
def test_what_is_no_number_is_an_error_and_no_other_value(consume, tiny, asked, value, kind):
    text = "#start, stop, datakey, filesize, n\n"
    text += "2020-01-01T00:00:00Z,2020-01-01T00:00:00Z,s3://tiny-bucket/a,1,3\n"
    text += f'2020-01-02T00:00:00Z,2020-01-02T00:00:00Z,s3://tiny-bucket/b,1,"{value}"\n'
    tiny.add("one", {2020: text})
    tiny.describe("one", [("n", kind, None, None)])
    told = consume(asked("one"))
    assert told.error and told.error[0] == errno.EINVAL
    assert "n of row 1 is" in told.error[1] and value[:100] in told.error[1]
    assert len(consume(asked("one", columns=["start", "datakey"])).rows) == 2
    first = consume(asked("one", batch_rows=1))
    assert first.rows == [[*first.rows[0][:4], b"3"]] and "n of row 1 is" in first.error[1]


@pytest.mark.parametrize("value,kind,found", [
    ("007", "int", b"7"), ("+7", "int", b"7"), ("-9223372036854775808", "int", b"-9223372036854775808"),
    ("inf", "double", b"inf"), ("NaN", "double", b"nan"), ("5", "double", b"5"), ("1E3", "double", b"1000")])
def test_odd_numbers(consume, tiny, asked, value, kind, found):
    text = "#start, stop, datakey, filesize, n\n2020-01-02T00:00:00Z,2020-01-02T00:00:00Z,s3://tiny-bucket/b,1," + value
    tiny.add("one", {2020: text + "\n"})
    tiny.describe("one", [("n", kind, None, None)])
    assert [row[4] for row in consume(asked("one")).rows] == [found]


def test_a_stream_ends_with_its_query_and_its_session(consume, tiny, asked):
    import heliodex

    tiny.add("one", {2020: 100})
    session = heliodex.Session()
    query = asked("one", session=session, batch_rows=10)
    closed, other, late = query.__arrow_c_stream__(), query.__arrow_c_stream__(), query.__arrow_c_stream__()
    told = consume(other, FIRST_ONLY)
    assert told.batches == [10]
    assert consume(query).batches == [10] * 10
    session.close()
    told = consume(closed)
    assert told.error[0] == errno.EINVAL and "closed" in told.error[1] and not told.rows
    query.close()
    assert "closed" in consume(late).error[1]


def test_another_iteration_ends_a_stream_with_an_error(consume, tiny, asked):
    import heliodex.arrow as arrow

    tiny.add("one", {2020: 100})
    query = asked("one", batch_rows=10)
    batches = query._batches(raw=True)
    next(batches)
    next(iter(query))
    told = consume(arrow.stream_of(query._columns, batches))
    assert told.error[0] == errno.EIO and "another iteration" in told.error[1]


def test_a_failure_stays(tiny, consume, consumer, asked):
    """Whoever asks again after an error is not told that the rows have ended."""
    from heliodex import arrow

    tiny.add("one", {2020: ""})
    tiny.write(tiny.path("one", 2020), raw(b"a\xff"))
    capsule = asked("one").__arrow_c_stream__()
    stream = arrow.Stream.from_address(consume.pointer_of(capsule).value)
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(stream.get_next)
    for _ in range(3):
        out = arrow.Array(release=1)
        assert call(ctypes.addressof(stream), ctypes.addressof(out)) == errno.EINVAL and not out.release
    call, out = type(call)(stream.get_schema), arrow.Schema(release=1)
    assert call(ctypes.addressof(stream), ctypes.addressof(out)) == errno.EINVAL and not out.release


# ---- lifetimes

def test_a_capsule_that_nobody_takes_releases_its_stream(tiny, asked, consume):
    from heliodex import arrow

    tiny.add("one", {2020: 100})
    query = asked("one")
    capsule = query.__arrow_c_stream__()
    assert arrow.live() == 1
    del capsule
    assert arrow.live() == 0
    for modes in (SCHEMA_ONLY, FIRST_ONLY, NO_SCHEMA):
        consume(query, modes)
        assert arrow.live() == 0


def test_streams_are_let_go_of_while_an_exception_is_on_its_way(tiny, asked, consume, consumer):
    from heliodex import arrow

    tiny.add("one", {2020: 100})
    library = ctypes.PyDLL(str(consumer))
    library.arrow_fail.restype = ctypes.py_object
    query = asked("one", batch_rows=10)
    for _ in range(3):
        capsule = query.__arrow_c_stream__()
        with pytest.raises(ValueError, match="the consumer's own"):
            library.arrow_fail(consume.pointer_of(capsule))
        with pytest.raises(TypeError):
            len(query.__arrow_c_stream__())  # the capsule goes while the exception comes
        del capsule
        assert arrow.live() == 0


def test_streams_in_threads(tiny, asked, consume):
    tiny.add("one", {2020: 3000})
    wanted = consume(asked("one")).rows
    found = []

    def work():
        query = asked("one", batch_rows=100)
        for modes in MODES:
            found.append(consume(query, modes).rows == wanted)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * len(MODES) * 4


def allocated():
    """Bytes that the process has of malloc."""
    process = ctypes.CDLL(None)
    if hasattr(process, "__sanitizer_get_current_allocated_bytes"):
        function = process["__sanitizer_get_current_allocated_bytes"]
        function.restype = ctypes.c_size_t
        return function()

    class Information(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "used", "fordblks", "keepcost")]

    process.mallinfo2.restype = Information
    information = process.mallinfo2()
    return information.used + information.hblkhd


def test_nothing_leaks(tiny, asked, consume):
    tiny.add("one", {2020: 2000})
    tiny.add("bad", {2020: ""})
    tiny.write(tiny.path("bad", 2020), raw(*[b"a" * 1000] * 50, b"\xff"))
    one, bad = asked("one", batch_rows=500), asked("bad")
    size = sum(len(value or b"") for row in consume(one).rows for value in row)

    def round():
        for modes in (*MODES, SCHEMA_ONLY, FIRST_ONLY, NO_SCHEMA):
            consume(one, modes)
            consume(bad, modes)
        consume(one.to_batch())
        gc.collect()
        return allocated()

    for _ in range(3):
        before = round()
    for _ in range(10):
        after = round()
    assert after - before < size / 2  # of ten rounds, each of which has all rows many times


def test_what_is_released_after_the_interpreter_has_ended(python, tiny, consumer):
    tiny.add("one", {2020: 100})
    done = python("""
import ctypes, sys
import heliodex
pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
query = heliodex.query(sys.argv[2], "one", batch_rows=10)
capsule = query.__arrow_c_stream__()
assert ctypes.CDLL(sys.argv[1]).arrow_keep(ctypes.c_void_p(pointer_of(capsule, b"arrow_array_stream"))) == 0
sys.left = [query.__arrow_c_stream__(), iter(query)]  # collected when there is hardly an interpreter
""", consumer, f"file://{tiny.folder}/{TINY}/").expect(0)
    assert done.out == "released at exit\n" and not done.err


def test_forked_children_have_no_streams(python, tiny, consumer):
    tiny.add("one", {2020: 100})
    done = python("""
import os, sys
import heliodex
query = heliodex.query(sys.argv[1], "one", batch_rows=10)
capsule = query.__arrow_c_stream__()
child = os.fork()
if child == 0:
    del capsule
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""", f"file://{tiny.folder}/{TINY}/").expect(0)
    assert not done.err
