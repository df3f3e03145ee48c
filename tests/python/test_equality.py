"""Row for row what the client's rule says, over every shape of bucket; types, ownership, choice of columns."""

import json
import random
import shutil

import numpy as np
import pandas as pd
import pytest

import client_rule
from conftest import ROOT, SAMPLE
from heliodex import CloudCatalog, FileRegistry, HeliodexError
from origin import Origin
from reference import Bucket as Reference
from reference import STATIC

CORPUS = ROOT / "tests" / "corpus" / "buckets"
KINDS = {"start": "datetime64[ns]", "stop": "datetime64[ns]", "datakey": "object", "filesize": "int64"}
# What pandas cannot read as the file means it; the reference's own reader has those.
UNREADABLE = {"odd_mixed_quotes", "odd_dot_times", "odd_colon_times", "odd_leap_times", "odd_multiyear",
              "odd_multiyear_word", "odd_filed_early", "odd_filed_late"}


def same(got, wanted):
    pd.testing.assert_frame_equal(got[list(KINDS)], wanted[list(KINDS)], check_index_type=False)


def frame_of(rows):
    """Rows of the reference as a frame."""
    frame = pd.DataFrame({
        "start": np.array([row.start for row in rows], np.int64).view("datetime64[ns]"),
        "stop": np.array([row.stop for row in rows], np.int64).view("datetime64[ns]"),
        "datakey": pd.Series([row.key for row in rows], dtype=object),
        "filesize": np.array([-1 if row.size is None else row.size for row in rows], np.int64)})
    static = np.array([row.start == STATIC for row in rows], bool)
    frame.loc[static, ["start", "stop"]] = pd.NaT
    return frame


@pytest.fixture(scope="module")
def sample_bucket(sample):
    return f"file://{sample}/{SAMPLE}/"


def test_p7_all_rows_of_every_dataset(sample, sample_bucket, reference):
    bucket = CloudCatalog(sample_bucket)
    compared = 0
    for id in reference.ids:
        got = bucket.request_cloud_catalog(id)
        assert {name: str(got[name].dtype) for name in KINDS} == KINDS, id
        assert got.index.equals(pd.RangeIndex(len(got)))
        same(got, frame_of(reference.dataset(id).answer()))
        if id not in UNREADABLE:
            same(got, client_rule.request_cloud_catalog(sample, SAMPLE, id))
            compared += 1
    assert compared > 40


def test_p7_ranges_at_random(sample, sample_bucket, reference):
    bucket = CloudCatalog(sample_bucket)
    bucket._refreshing = False  # one question after the other of snapshots that are open
    chance = random.Random(7)
    for id in ("aia_0094", "MMS1_FEEPS_BRST_L2_ELECTRON", "odd_unsorted", "odd_no_stop", "odd_new_year", "odd_size_empty"):
        rows = reference.dataset(id).rows
        for _ in range(10):
            a, b = sorted(chance.choice(rows).start + chance.choice((-1, 0, 1)) * 10**9 for _ in range(2))
            start, stop = (str(pd.Timestamp(time)).replace(" ", "T") for time in (a, b))
            got = bucket.request_cloud_catalog(id, start, stop)
            same(got, frame_of(reference.dataset(id).answer(a, b)))
            same(got, client_rule.request_cloud_catalog(sample, SAMPLE, id, start, stop))


def test_the_seed_rule_goes_by_start_alone(sample_bucket, reference, tmp_path):
    registry = FileRegistry(sample_bucket, cache_folder=str(tmp_path / "cache"))
    dataset = reference.dataset("MMS1_FEEPS_BRST_L2_ELECTRON")
    a, b = dataset.rows[100].start + 1, dataset.rows[300].start
    assert dataset.rows[100].stop > a  # which the other rule would have
    got = registry.request_file_registry(dataset.id, np.datetime64(a, "ns"), pd.Timestamp(b))
    assert len(got) == 199 and list(got.columns) == ["startdate", "key", "filesize", "stopdate"]
    same(got.rename(columns={"startdate": "start", "key": "datakey", "stopdate": "stop"}),
         frame_of(dataset.answer(a, b, match="start")))


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir()))
def test_every_peculiarity(name, tmp_path):
    """The hand-made buckets, each with one peculiarity, from a server."""
    root = tmp_path / "root"
    root.mkdir()
    shutil.copytree(CORPUS / name / "bucket", root / "corpus")
    expected = json.loads((CORPUS / name / "expected.json").read_text())
    arguments = expected.get("arguments", [])
    other = arguments[arguments.index("--catalog-name") + 1] if "--catalog-name" in arguments else None
    with Origin(root) as origin:
        def bucket():
            return CloudCatalog("s3://corpus/", altcatalog=other, endpoint_url=origin.url)

        if expected.get("exit", 0) != 0 and not expected.get("queries"):
            with pytest.raises(HeliodexError):
                made = bucket()
                for entry in made.get_entries_dict():
                    made.request_cloud_catalog(entry["id"])
            return
        made, reference = bucket(), Reference(root, "corpus", other or "catalog.json")
        for question in expected.get("queries", []):
            if len(question["id"].split()) != 1 or question.get("arguments") or question["id"] not in reference.ids:
                continue
            got = made.request_cloud_catalog(question["id"])
            dataset = reference.dataset(question["id"])
            same(got, frame_of(dataset.answer()))
            assert list(got.columns) == [*KINDS, *dataset.extra_names]


def test_an_empty_answer_is_a_frame_with_its_types(sample_bucket):
    got = CloudCatalog(sample_bucket).request_cloud_catalog("aia_0094", "2021-05-01T00:00:00.001", "2021-05-01T00:00:00.002")
    empty = got[got["filesize"] < 0]
    assert dict(got.dtypes.astype(str)) == KINDS and dict(empty.dtypes.astype(str)) == KINDS
    assert len(CloudCatalog(sample_bucket).request_cloud_catalog("odd_missing_years", "1999-01-01T00", "1999-06-01T00")) == 0


def test_the_frame_may_be_modified_in_place(sample_bucket):
    bucket = CloudCatalog(sample_bucket)
    first, second = (bucket.request_cloud_catalog("AC_H0_CRIS") for _ in range(2))
    for name in ("start", "stop", "filesize", "datakey"):
        values = first[name].to_numpy()
        assert values.flags.writeable
        assert not np.shares_memory(values, second[name].to_numpy())
    first["start"] += pd.Timedelta("1D")
    first.loc[0, "filesize"] = 5
    first["filesize"].to_numpy()[1] = 6
    first["datakey"] = first["datakey"].str.replace("s3://", "", regex=False)
    first["url"] = "https://" + first["datakey"]
    first.drop(columns=["stop"], inplace=True)
    first.sort_values("filesize", inplace=True)
    again = bucket.request_cloud_catalog("AC_H0_CRIS")
    pd.testing.assert_frame_equal(again, second)
    del bucket
    assert again["datakey"].str.startswith("s3://").all()  # no lifetime to mind


def test_columns_and_kinds_of_keys(sample_bucket):
    bucket = CloudCatalog(sample_bucket)
    whole = bucket.request_cloud_catalog("odd_key_utf8")
    assert list(bucket.request_cloud_catalog("odd_key_utf8", columns=["filesize", "start"]).columns) == ["filesize", "start"]
    pd.testing.assert_frame_equal(bucket.request_cloud_catalog("odd_key_utf8", columns=["filesize", "start"]),
                                  whole[["filesize", "start"]])
    raw = bucket.request_cloud_catalog("odd_key_utf8", keys="bytes")
    assert [key.decode() for key in raw["datakey"]] == list(whole["datakey"]) and not all(map(str.isascii, whole["datakey"]))
    lazy = bucket.request_cloud_catalog("odd_key_utf8", keys="lazy")
    assert list(lazy["datakey"]) == list(whole["datakey"]) and lazy["datakey"].iloc[-1] == whole["datakey"].iloc[-1]
    with pytest.raises(ValueError, match="there is no 'size'; there are start, stop, datakey, filesize"):
        bucket.request_cloud_catalog("odd_key_utf8", columns=["size"])
    with pytest.raises(ValueError, match="keys: expected one of str, bytes, lazy"):
        bucket.request_cloud_catalog("odd_key_utf8", keys="text")


def test_rows_without_time_have_none(tmp_path):
    with Origin(tmp_path) as origin:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "catalog.json").write_text(json.dumps({
            "version": "0.5", "status": "1200/OK", "catalog": [
                {"id": "model", "index": "s3://models/i/", "title": "A model", "start": "static", "stop": "static"}]}))
        (tmp_path / "models" / "i").mkdir()
        (tmp_path / "models" / "i" / "model_static.csv").write_text("static,static,s3://models/a.nc,5\nstatic,static,s3://models/b.nc,6\n")
        got = CloudCatalog("models", endpoint_url=origin.url).request_cloud_catalog("model")
        alone = CloudCatalog("models", endpoint_url=origin.url).request_cloud_catalog("model", columns=["stop"])
        assert list(alone.columns) == ["stop"] and alone["stop"].isna().all()
    assert got["start"].isna().all() and got["stop"].isna().all() and list(got["filesize"]) == [5, 6]
