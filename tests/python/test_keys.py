"""Lazy keys (heliodex.keys): what pandas' own tests ask of extension arrays, and what users do with such a column."""

import io
import operator
import pickle

import numpy as np
import pandas as pd
import pytest

from conftest import TINY

base = pytest.importorskip("pandas.tests.extension.base")

TEXTS = [f"s3://b/\u00e9t\u00e9/{i * 7 % 100:03}.cdf" for i in range(100)]


def lazy(texts):
    """An array over bytes, as a query makes it."""
    from heliodex.keys import KeyArray
    from heliodex.texts import Run

    data = [text.encode("utf-8", "surrogateescape") + b"\n" for text in texts]
    offsets = np.cumsum([0, *map(len, data)]).astype(np.int64)
    return KeyArray.of_run(Run(np.frombuffer(b"".join(data), np.uint8), offsets, True))


def scattered(texts):
    """The same as rows selected from others."""
    others = [text for text in texts for text in (f"before {text}", text)]
    return lazy(others[::-1]).take(np.arange(len(texts)) * 2)[::-1]


def modified(texts):
    """The same after it was written to."""
    array = lazy(texts)
    array[0] = texts[0]
    return array


# ---- what pandas' tests want to be given

@pytest.fixture
def dtype():
    from heliodex.keys import KeyDtype

    return KeyDtype()


@pytest.fixture(params=[lazy, scattered, modified])
def make(request):
    return request.param


@pytest.fixture
def data(make):
    return make(TEXTS)


@pytest.fixture
def data_for_twos():
    pytest.skip("keys are no numbers")


@pytest.fixture
def data_missing(dtype):
    return dtype.construct_array_type()._from_sequence([np.nan, "a"])


@pytest.fixture
def data_for_sorting(make):
    return make(["b", "c", "a"])


@pytest.fixture
def data_missing_for_sorting(dtype):
    return dtype.construct_array_type()._from_sequence(["b", np.nan, "a"])


@pytest.fixture
def na_cmp():
    return lambda a, b: pd.isna(a) and pd.isna(b)


@pytest.fixture
def na_value():
    return np.nan


@pytest.fixture
def data_for_grouping(dtype):
    return dtype.construct_array_type()._from_sequence(["b", "b", np.nan, np.nan, "a", "a", "b", "c"])


@pytest.fixture
def data_repeated(data):
    return lambda count: (data for _ in range(count))


@pytest.fixture(params=[lambda x: 1, lambda x: [1] * len(x), lambda x: pd.Series([1] * len(x)), lambda x: x])
def groupby_apply_op(request):
    return request.param


@pytest.fixture(params=[True, False])
def as_frame(request):
    return request.param


@pytest.fixture(params=[True, False])
def as_series(request):
    return request.param


@pytest.fixture(params=[True, False])
def box_in_series(request):
    return request.param


@pytest.fixture(params=[True, False])
def use_numpy(request):
    return request.param


@pytest.fixture(params=["ffill", "bfill"])
def fillna_method(request):
    return request.param


@pytest.fixture(params=[True, False])
def as_array(request):
    return request.param


@pytest.fixture
def invalid_scalar():
    return 7


@pytest.fixture(params=["data", "data_missing"])
def all_data(request, data, data_missing):
    return data if request.param == "data" else data_missing


@pytest.fixture(params=[None, lambda x: x])
def sort_by_key(request):
    return request.param


@pytest.fixture(params=[operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
def comparison_op(request):
    return request.param


class TestCasting(base.BaseCastingTests):
    pass


class TestConstructors(base.BaseConstructorsTests):
    pass


class TestDtype(base.BaseDtypeTests):
    pass


class TestGetitem(base.BaseGetitemTests):
    pass


class TestGroupby(base.BaseGroupbyTests):
    pass


class TestInterface(base.BaseInterfaceTests):
    pass


class TestMethods(base.BaseMethodsTests):
    pass


class TestMissing(base.BaseMissingTests):
    pass


class TestReshaping(base.BaseReshapingTests):
    pass


class TestSetitem(base.BaseSetitemTests):
    pass


class TestPrinting(base.BasePrintingTests):
    pass


class TestComparison(base.BaseComparisonOpsTests):
    pass


class TestParsing(base.BaseParsingTests):
    pass


class TestIndex(base.BaseIndexTests):
    pass


# ---- what users do

ODD = ["s3://b/a.cdf", "with a\nnewline", "", "\u65e5\u672c", "no \udcff UTF-8", "s3://b/a.cdf", "\n"]


@pytest.mark.parametrize("make", [lazy, scattered, modified])
def test_odd_texts(make):
    array = make(ODD)
    assert array.tolist() == list(array) == np.asarray(array).tolist() == [array[i] for i in range(len(ODD))] == ODD
    assert array[::-2].tolist() == ODD[::-2] and array[[3, 1]].tolist() == [ODD[3], ODD[1]]
    assert pickle.loads(pickle.dumps(array[2:5])).tolist() == ODD[2:5]
    assert array._concat_same_type([array[4:], array[:2], array[:0], array[[5, 0]]]).tolist() == (
        ODD[4:] + ODD[:2] + [ODD[5], ODD[0]])


def test_rows_that_are_selected_hold_no_copy_and_pickle_without_the_others():
    array = lazy(["x" * 100] * 10000)
    part = array[::100]
    assert np.shares_memory(part._data, array._data) and np.shares_memory(array.copy()._data, array._data)
    assert part.nbytes == 100 * (101 + 16)
    assert len(pickle.dumps(part)) < 100 * 120 + 2000


def test_writing_changes_one_array_and_not_those_it_came_from():
    array = lazy(TEXTS)
    part, copy = array[10:20], array.copy()
    part[0] = "new"
    copy[1] = "other"
    assert array.tolist() == TEXTS
    assert part.tolist() == ["new", *TEXTS[11:20]] and copy.tolist() == [TEXTS[0], "other", *TEXTS[2:]]
    with pytest.raises(TypeError, match="keys are str"):
        array[0] = 5
    assert array.tolist() == TEXTS


@pytest.fixture
def frames(tiny):
    """Answers of the same query: with lazy keys, and with objects."""
    import heliodex

    tiny.add("one", {2019: 700, 2020: 300})
    tiny.add("two", {2019: 200})

    def ask(keys, ids):
        return heliodex.query(f"file://{tiny.folder}/{TINY}/", ids, keys=keys).to_pandas()

    return lambda ids="one": (ask("lazy", ids), ask("str", ids))


USES = {
    "iloc": lambda df: df["datakey"].iloc[5],
    "loc": lambda df: df.loc[5, "datakey"],
    "tolist": lambda df: df["datakey"].tolist(),
    "values": lambda df: list(df["datakey"].to_numpy()),
    "slice": lambda df: df[10:900:7],
    "mask": lambda df: df[df["filesize"] > 4000],
    "where key": lambda df: df[df["datakey"] == df["datakey"].iloc[3]],
    "isin": lambda df: df[df["datakey"].isin(list(df["datakey"].iloc[:4]))],
    "sorted": lambda df: df.sort_values("datakey", ascending=False),
    "sample": lambda df: df.sample(20, random_state=1),
    "head": lambda df: df.head(),
    "repr": lambda df: repr(df) + repr(df.iloc[0]),
    "html": lambda df: df.to_html(max_rows=10),
    "csv": lambda df: df.to_csv(),
    "records": lambda df: df.to_dict("records"),
    "itertuples": lambda df: list(df.itertuples()),
    "contains": lambda df: df[df["datakey"].str.contains("/00001")],
    "endswith": lambda df: df["datakey"].str.endswith("7.cdf"),
    "split": lambda df: df["datakey"].str.split("/").str[-1],
    "extract": lambda df: df["datakey"].str.extract(r"/(\d+)\.cdf$"),
    "length": lambda df: df["datakey"].str.len(),
    "astype": lambda df: df["datakey"].astype(str),
    "astype object": lambda df: df["datakey"].astype(object),
    "astype category": lambda df: df["datakey"].astype("category").cat.codes,
    "map": lambda df: df["datakey"].map(lambda key: key[-8:]),
    "apply": lambda df: df.apply(lambda row: row["datakey"] + str(row["filesize"]), axis=1),
    "prefix": lambda df: "mirror/" + df["datakey"] + "?",
    "unique": lambda df: list(df["datakey"].unique()),
    "nunique": lambda df: df["datakey"].nunique(),
    "value_counts": lambda df: sorted(df["datakey"].value_counts().items()),
    "isna": lambda df: df["datakey"].isna().any(),
    "groupby": lambda df: df.groupby("datakey")["filesize"].sum(),
    "groupby size": lambda df: df.groupby(df["filesize"] // 1000)["datakey"].first().tolist(),
    "duplicates": lambda df: pd.concat([df, df]).drop_duplicates("datakey"),
    "min max": lambda df: (df["datakey"].min(), df["datakey"].max()),
    "index": lambda df: df.set_index("datakey").loc[df["datakey"].iloc[9]],
    "merge": lambda df: df.merge(df[["datakey"]].iloc[5:9], on="datakey"),
    "reindex": lambda df: df.reindex([3, 1, 5000])["datakey"].fillna("none").tolist(),
    "shift": lambda df: df["datakey"].shift(1).iloc[1:].tolist(),
    "pickle": lambda df: pickle.loads(pickle.dumps(df)),
    "time index": lambda df: df.set_index("start").resample("180D")["datakey"].last().tolist(),
    "describe": lambda df: df["datakey"].describe(),
    "rename": lambda df: df.rename(columns={"datakey": "key"}),
}


@pytest.mark.parametrize("use", USES)
def test_a_column_of_lazy_keys_does_what_one_of_objects_does(frames, use):
    lazily, plainly = frames()
    assert str(lazily["datakey"].dtype) == "heliodex.key"
    found, wanted = USES[use](lazily), USES[use](plainly)
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found.astype(wanted.dtypes.to_dict()), wanted, check_index_type=False)
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(found.astype(wanted.dtype), wanted, check_index_type=False)
    else:
        assert found == wanted


def test_a_frame_may_be_modified(frames):
    lazily, plainly = frames()
    for df in (lazily, plainly):
        df.loc[3, "datakey"] = "new"
        df.loc[df["filesize"] > 5000, "datakey"] = "large"
        df["datakey"] = df["datakey"].where(df["filesize"] > 2000, "small")
    assert lazily["datakey"].tolist() == plainly["datakey"].tolist()
    lazily.iloc[0, lazily.columns.get_loc("datakey")] = "first"
    assert lazily["datakey"].iloc[0] == "first"


def test_keys_of_several_datasets_and_of_batches(frames, tiny):
    import heliodex

    lazily, plainly = frames(["one", "two"])
    assert lazily["datakey"].tolist() == plainly["datakey"].tolist() and len(lazily) == 1200
    query = heliodex.query(f"file://{tiny.folder}/{TINY}/", ["one", "two"], keys="lazy", batch_rows=77)
    whole = pd.concat([batch.to_pandas() for batch in query], ignore_index=True)
    assert str(whole["datakey"].dtype) == "heliodex.key"
    pd.testing.assert_frame_equal(whole.astype({"datakey": object}), plainly)
    both = pd.concat([lazily, plainly])
    assert both["datakey"].tolist() == 2 * plainly["datakey"].tolist()


def test_more_keys_than_one_call_has_room_for(tiny):
    import heliodex

    line = "2020-01-01T00:00:{:02}Z,2020-01-01T00:00:{:02}Z,s3://tiny-bucket/{}{},1\n"
    tiny.add("long", {2020: "".join(line.format(i, i, i, "x" * 600_000) for i in range(40))})
    keys = heliodex.query(f"file://{tiny.folder}/{TINY}/", "long", keys="lazy").to_pandas()["datakey"]
    assert keys.tolist() == [row.key for row in tiny.reference().dataset("long").answer()]


def test_no_rows(frames):
    lazily, _ = frames()
    none = lazily[:0]
    assert none["datakey"].tolist() == [] and none.to_csv() == ",start,stop,datakey,filesize\n"
    assert pd.concat([none, lazily])["datakey"].tolist() == lazily["datakey"].tolist()


def test_extra_columns_beside_lazy_keys(tiny):
    """They are objects, in the same call of the library."""
    import heliodex

    tiny.add("one", {2020: "#start, stop, datakey, filesize, who\n"
                           "2020-01-01,2020-01-02,s3://tiny-bucket/a,1,north\n"
                           "2020-01-02,2020-01-03,s3://tiny-bucket/b,2,\n"})
    bucket = f"file://{tiny.folder}/{TINY}/"
    df = heliodex.query(bucket, "one", keys="lazy").to_pandas()
    assert df["who"].tolist() == ["north", None] and df["datakey"].str[-1].tolist() == ["a", "b"]
    df = heliodex.query(bucket, "one", columns=["who"]).to_pandas()
    assert df["who"].tolist() == ["north", None]


def test_csv_of_lazy_keys_reads_back(frames):
    lazily, _ = frames()
    again = pd.read_csv(io.StringIO(lazily.to_csv(index=False)), dtype={"datakey": "heliodex.key"})
    assert again["datakey"].tolist() == lazily["datakey"].tolist()
