"""heliodex.index and heliodex.mirror."""

import pytest

import heliodex
from conftest import TINY
from heliodex import HeliodexError, PartialError
from mirror import Archive, content, tree
from origin import Behaviour

FILES = {f"2020/{number:03}.cdf": content(2000 + number, number) for number in range(50)}


@pytest.fixture
def files(tiny):
    Archive(tiny).dataset("d", FILES)
    tiny.add("one", {2018: 40, 2019: None, 2020: 30})
    tiny.add("two", {2019: 10})
    return tiny


def settings(tiny, **more):
    return {"endpoint_url": tiny.origin.url, "retries": 0, **more}


def test_index_fetches_what_is_new(files):
    first = heliodex.index(TINY, **settings(files))
    assert (first.datasets, first.files_fetched, first.gaps, first.rows, first.failures) == (3, 4, 1, 130, [])
    again = heliodex.index(TINY, ["one", "t*"], "2019", "2021", **settings(files))
    assert (again.datasets, again.files_fetched, again.files_unchanged) == (2, 0, 2)
    asked = len(files.origin.requests())
    assert heliodex.query(TINY, "*", **settings(files)).summary().rows == 130 and len(files.origin.requests()) == asked


def test_index_tells_what_failed(files):
    files.origin.always(files.path("one", 2020), Behaviour(status=500))
    with pytest.raises(PartialError, match="one_2020.csv") as raised:
        heliodex.index(TINY, **settings(files))
    assert raised.value.summary.files_fetched == 3
    failure, = raised.value.failures
    assert failure.what.endswith("i/one_2020.csv") and failure.status == "TEMPORARY" and "500" in failure.message
    summary = heliodex.index(TINY, errors="collect", **settings(files))
    assert len(summary.failures) == summary.files_failed == 1
    assert heliodex.index(TINY, "one", "2020", errors="collect", **settings(files)).files_failed == 1  # none succeeded
    for wrong in (dict(ids="none"), dict(errors="maybe"), dict(discover="guess"), dict(start="soon")):
        with pytest.raises((KeyError, ValueError)):
            heliodex.index(TINY, **{**settings(files), **wrong})


def test_index_keeps_files_and_refuses_bad_rows(files, tmp_path):
    files.add("bad", {2018: "2018-01-01Z,2018-01-02Z,s3://x/y,5\nnonsense\nmore,of,it,5\n"})
    summary = heliodex.index(TINY, "bad", keep_index=tmp_path / "kept", **settings(files))
    assert (summary.rows, summary.rows_bad) == (1, 2) and (tmp_path / "kept/bad/bad_2018.csv").is_file()
    with pytest.raises(HeliodexError):
        heliodex.index(TINY, "bad", max_bad_rows=1, session=heliodex.Session(
            **settings(files, store=str(tmp_path / "other"))))


def test_mirror_and_again(files, tmp_path):
    rows = heliodex.query(TINY, "d", **settings(files))
    seen, told = [], []
    summary = heliodex.mirror(rows, tmp_path / "dest", item=lambda item: seen.append((item.outcome, item.path)),
                              progress=told.append)
    assert tree(tmp_path / "dest") == FILES
    assert (summary.files, summary.fetched, summary.bytes_fetched) == (50, 50, sum(map(len, FILES.values())))
    assert summary.checked["md5"] == 50 and sorted(seen) == [("fetched", key) for key in FILES]
    again = heliodex.mirror(rows.to_pandas()[:20], tmp_path / "dest", **settings(files))
    assert (again.files, again.unchanged, again.fetched) == (20, 20, 0)
    other = heliodex.mirror([f"s3://{TINY}/2020/001.cdf"], tmp_path / "flat", layout="{name}", **settings(files))
    assert other.fetched == 1 and tree(tmp_path / "flat") == {"001.cdf": FILES["2020/001.cdf"]}
    assert heliodex.mirror(rows, tmp_path / "none", dry_run=True).files_to_fetch == 50 and not (tmp_path / "none").exists()


def test_mirror_tells_what_failed(files, tmp_path):
    files.origin.remove(f"/{TINY}/2020/003.cdf")
    rows = heliodex.query(TINY, "d", **settings(files))
    with pytest.raises(PartialError, match="003.cdf") as raised:
        heliodex.mirror(rows, tmp_path / "dest")
    assert raised.value.summary.fetched == 49 and len(tree(tmp_path / "dest")) == 49
    summary = heliodex.mirror(rows, tmp_path / "dest", errors="collect")
    assert [(failure.what, failure.status) for failure in summary.failures] == [(f"s3://{TINY}/2020/003.cdf", "NOT_FOUND")]
    (tmp_path / "file").write_text("")
    for wrong in (dict(dest=tmp_path / "file"), dict(layout="{colour}"), dict(fsync="always"), dict(max_bytes=-1),
                  dict(dest="a\0b"), dict(dest=""), dict(delete_max=2**64), dict(keep_free=-5), dict(max_seconds=-1)):
        with pytest.raises((ValueError, OSError)):
            heliodex.mirror(**{"files": rows, "dest": tmp_path / "x", **wrong})


def test_what_a_callback_raises_ends_the_run_and_comes_out(files, tmp_path):
    rows = heliodex.query(TINY, "d", **settings(files))

    def fail(item):
        raise LookupError(item.uri)

    with pytest.raises(LookupError, match="s3://"):
        heliodex.mirror(rows, tmp_path / "dest", item=fail)
    assert heliodex.mirror(rows, tmp_path / "dest").files == 50 and tree(tmp_path / "dest") == FILES


def test_a_callback_cannot_call_its_own_session(files, tmp_path):
    rows = heliodex.query(TINY, "d", **settings(files))
    with pytest.raises(ValueError, match="callbacks cannot call the session"):
        heliodex.mirror(rows, tmp_path / "dest", item=lambda item: rows.summary())


def test_the_rows_of_a_query_in_batches(files):
    rows = heliodex.query(TINY, ["one", "two"], batch_rows=7, **settings(files))
    batches = list(rows)
    assert [len(batch) for batch in batches] == [7] * 11 + [3] and rows.ids == ["one", "two"]
    frame = rows.to_pandas()
    assert list(frame.columns) == ["id", "start", "stop", "datakey", "filesize"]
    assert list(frame["datakey"]) == [key for batch in batches for key in batch["datakey"]]
    for id in ("one", "two"):
        assert list(frame[frame["id"] == id]["datakey"]) == [row.key for row in files.reference().dataset(id).rows]
    first, second = iter(rows), iter(rows)
    next(first), next(second)
    with pytest.raises(RuntimeError, match="another iteration"):
        next(first)
    assert rows.counts("year")[1][1].rows == 10 and str(rows.counts("year")[0][0])[:4] == "2018"
    assert len(heliodex.query(TINY, "one", limit=5, reverse=True, **settings(files)).to_pandas()) == 5
    assert heliodex.query(TINY, "one", where=[], min_size=5000, **settings(files)).to_pandas()["filesize"].min() >= 5000
    with pytest.raises(ValueError, match="no extra column"):
        heliodex.query(TINY, "one", where="wave >= 94", **settings(files))
    assert rows.location(frame["datakey"][0], "fetched").startswith(files.origin.url)
    for wrong in (dict(keys="lasy"), dict(ids=5), dict(session=5)):
        with pytest.raises(ValueError, match="expected"):
            heliodex.query(**{"bucket": TINY, "ids": "one", **wrong})
    rows.close()
    with pytest.raises(ValueError, match="closed"):
        rows.to_pandas()
