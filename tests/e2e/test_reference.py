"""The reference itself, on small inputs with answers worked out by hand."""

import pytest

from reference import SECOND, TIME_MAX, Dataset, column_names, is_time, read_index, time_ns, time_text

DAY = 86400 * SECOND


@pytest.mark.parametrize("text, ns", [
    ("1970-01-01T00:00:00Z", 0),
    ("1970", 0),
    ("1970-02", 31 * DAY),
    ("1970-01-02Z", DAY),
    ("1970-032T01Z", 31 * DAY + 3600 * SECOND),
    ("1969-12-31T23:59:59.999999999Z", -1),
    ("2000-02-29T00:00:00.5Z", 951782400 * SECOND + SECOND // 2),
    ("2016-12-31T23:59:60Z", 1483228800 * SECOND - 1),
    ("1996-01-01T00:00.00Z", 820454400 * SECOND),
    ("2023-05-04:00:00:00Z", 1683158400 * SECOND),
    ("2023-05-03T24:00:00Z", 1683158400 * SECOND),
    ("9999-12-31T00:00:00Z", TIME_MAX),
])
def test_times(text, ns):
    assert time_ns(text) == ns


@pytest.mark.parametrize("text", ["", "static", "19700101", "1970-13-01", "1970-02-30", "1971-366", "1970-01-01T25:00Z",
                                  "1970-01-01T00:00:00+01:00", "1970-01-01T24:00:01Z", "1970T00:00Z"])
def test_no_times(text):
    assert not is_time(text)


def test_time_text():
    assert time_text(0, 0) == "1970-01-01T00:00:00Z"
    assert time_text(-1, 9) == "1969-12-31T23:59:59.999999999Z"
    assert time_text(1683158400 * SECOND + 5 * 10**6, 3) == "2023-05-04T00:00:00.005Z"


def plain(content):
    rows, bad = read_index(content)
    return [(row.start // DAY, None if row.stop is None else row.stop // DAY, row.key, row.size) for row in rows], bad


@pytest.mark.parametrize("content", [
    b"1970-01-02Z,1970-01-03Z,s3://b/k,5\n",
    b"# start, stop, datakey, filesize\n1970-01-02Z, 1970-01-03Z, s3://b/k, 5",
    b"\xef\xbb\xbfstart,stop,datakey,filesize\r\n\r\n1970-01-02Z,1970-01-03Z,s3://b/k,5\r\n",
    b"'1970-01-02Z','1970-01-03Z','s3://b/k','5'\n",
    b'"1970-01-02Z","1970-01-03Z","s3://b/k",5.0\n',
    b"'1970-01-02Z,'1970-01-03Z','s3://b/k','5'\n",
    "\u20181970-01-02Z\u2019,\u20181970-01-03Z\u2019,\u2018s3://b/k\u2019,\u20185\u2019\n".encode(),
])
def test_dialects(content):
    assert plain(content) == ([(1, 2, "s3://b/k", 5)], [])


def test_without_stop():
    assert plain(b"# start, key, filesize\n1970-01-02Z,s3://b/k,5\n") == ([(1, None, "s3://b/k", 5)], [])
    assert plain(b"1970-01-02Z,s3://b/k,\n") == ([(1, None, "s3://b/k", None)], [])


def test_bad_lines_are_numbered():
    rows, bad = plain(b"1970-01-02Z,1970-01-03Z,a,5\nnonsense\n1970-01-02Z,x,b,5\n1970-01-04Z,1970-01-05Z,c,\n")
    assert rows == [(1, 2, "a", 5), (3, 4, "c", None)] and bad == [2, 3]


def test_extras_by_name_and_place():
    rows, _ = read_index(b"# start, stop, datakey, filesize, checksum, checksum_algorithm, mode\n"
                         b"1970-01-02Z,1970-01-03Z,a,5,ff,md5,x\n")
    assert rows[0].extras == {"checksum": "ff", "checksum_algorithm": "md5", "mode": "x"}
    rows, _ = read_index(b"1970-01-02Z,1970-01-03Z,a,5,ff,md5,x\n")
    assert rows[0].extras == {"checksum": "ff", "checksum_algorithm": "md5", "column7": "x"}


@pytest.mark.parametrize("count, header, published, names", [
    (3, [], [], ["checksum", "checksum_algorithm", "column7"]),
    (3, [], ["a"], ["checksum", "checksum_algorithm", "a"]),
    (2, [], ["a"], ["a", "checksum_algorithm"]),
    (1, [], ["a", "b"], ["a"]),
    (3, ["x"], ["a"], ["x", "checksum_algorithm", "column7"]),
    (4, ["id", "id", "id_2", "id"], [], ["id", "id_3", "id_2", "id_4"]),
    (3, ["checksum_algorithm", "", "b"], ["a", "b"], ["checksum_algorithm", "checksum_algorithm_2", "b"]),
])
def test_names_of_columns(count, header, published, names):
    assert column_names(count, header, published) == names


@pytest.fixture
def dataset(tmp_path):
    def make(files, **entry):
        folder = tmp_path / "b" / "i"
        folder.mkdir(parents=True)
        for year, content in files.items():
            (folder / f"d_{year}.csv").write_text(content)
        return Dataset(tmp_path, {"id": "d", "index": "s3://b/i/", "start": "1970-01-01Z", "stop": "1980-01-01Z", **entry})
    return make


def keys(rows):
    return "".join(row.key for row in rows)


def test_match_rules_at_their_boundaries(dataset):
    it = dataset({1970: "1970-01-02Z,1970-01-03Z,a,1\n1970-01-03Z,1970-01-05Z,b,1\n1970-01-06Z,1970-01-06Z,c,1\n"})
    assert keys(it.answer(2 * DAY, 5 * DAY)) == "ab"  # a stops where the range starts: it counts
    assert keys(it.answer(2 * DAY + 1, 5 * DAY + 1)) == "bc"
    assert keys(it.answer(1 * DAY, 2 * DAY, "start")) == "a"
    assert keys(it.answer(1 * DAY, 4 * DAY, "contained")) == "ab"
    assert keys(it.answer(1 * DAY, 4 * DAY - 1, "contained")) == "a"
    assert keys(it.answer()) == "abc"


def test_years_wanted(dataset):
    files = {1970: "1970-06-01Z,1975-01-01Z,a,1\n", 1971: "1971-06-01Z,1975-01-01Z,b,1\n", 1972: "1972-01-01Z,1972-01-02Z,c,1\n"}
    it = dataset(files)
    june = time_ns("1972-06")
    assert keys(it.answer(june, None)) == "b"  # the file of 1970 is not asked
    it.multiyear = True
    assert keys(it.answer(june, None)) == "ab"
    assert keys(it.answer(None, time_ns("1972"))) == "ab"


def test_made_up_stops_and_text(dataset):
    it = dataset({1970: "1970-01-02T00:00:00.5Z,k1,\n1970-01-01Z,k0,3\n", 1971: "1971-01-01Z,\"k,2\",4\n"})
    assert it.csv(it.answer()) == (
        "start,stop,datakey,filesize\n"
        "1970-01-01T00:00:00.000Z,1970-01-02T00:00:00.500Z,k0,3\n"
        "1970-01-02T00:00:00.500Z,1971-01-01T00:00:00.000Z,k1,\n"
        "1971-01-01T00:00:00.000Z,1971-01-01T00:00:00.000Z,\"k,2\",4\n")
