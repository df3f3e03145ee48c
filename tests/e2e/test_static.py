"""Datasets of models, which have no time: one index file without a year, and rows that say static for a time."""

import json

import pytest

from conftest import TINY
from origin import Behaviour
from reference import ask, counts_csv, merged_csv, summary_csv, time_ns

PLAIN = "".join(f"static,static,s3://{TINY}/model/{name}.txt,{size}\n" for name, size in (("b", 20), ("a", 10), ("c", "")))
FORMS = {
    "no header": PLAIN,
    "header": "# start, stop, datakey, filesize\n" + PLAIN,
    "plain header": "start,stop,datakey,filesize\r\n" + PLAIN.replace("\n", "\r\n"),
    "quoted": "# start, stop, datakey, filesize\n" + "".join(",".join(f"'{field}'" for field in line.split(",")) + "\n"
                                                          for line in PLAIN.splitlines()),
    "letter case": PLAIN.replace("static,static", "Static,STATIC"),
    "empty stops": PLAIN.replace("static,static", "static,"),
    "no stops": PLAIN.replace("static,static", "static"),
    "extra column": "# start, stop, datakey, filesize, kind\n" + PLAIN.replace("\n", ",mesh\n"),
    "among times": PLAIN + f"2019-05-05T00:00:00Z,2019-05-06T00:00:00Z,s3://{TINY}/run.txt,5\n" + PLAIN.replace("model", "again"),
    "times alone": f"2001-05-05T00:00:00Z,2019-05-06T00:00:00Z,s3://{TINY}/run.txt,5\n2030-05-05Z,2030-05-06Z,k,\n",
}
RANGES = [(None, None), ("2019", "2020"), (None, "2020"), ("2019", None), ("1700", "1701"), ("2019-05-05", "2019-05-07")]


def add(tiny, identifier, content, **entry):
    tiny.add(identifier, {"static": content}, **{"start": "static", "stop": "static", **entry})


def told(start, stop, match="overlap"):
    return [*(["--start", start] if start else []), *(["--stop", stop] if stop else []), "--match", match]


def check_ranges(client, dataset):
    for start, stop in RANGES:
        for match in ("overlap", "start", "contained"):
            span = [time and time_ns(time) for time in (start, stop)]
            done = client.query(dataset.id, "--offline", *told(start, stop, match)).expect(0)
            assert done.out == dataset.csv(dataset.answer(*span, match)), (start, stop, match)
            rows = ask([dataset], *span, match)
            done = client.query(dataset.id, "--offline", *told(start, stop, match), "--count-by", "year").expect(0)
            assert done.out == counts_csv([dataset], rows, "year"), (start, stop, match)


@pytest.mark.parametrize("form", FORMS)
def test_forms(client, tiny, form):
    add(tiny, "model", FORMS[form])
    tiny.extra["Cloudy"] = "0.3"
    tiny.publish()
    client.index().expect(0)
    assert [path for path in tiny.asked() if path.endswith(".csv")] == [tiny.path("model", "static")]
    dataset = tiny.reference().dataset("model")
    assert dataset.rows and not dataset.bad[0]
    check_ranges(client, dataset)
    done = client.query("model", "--offline", "--reverse").expect(0)
    assert done.out == dataset.csv(dataset.answer()[::-1])
    done = client.query("model", "--offline", "--summary").expect(0)
    assert done.out == summary_csv([dataset], ask([dataset]))
    client.program("verify", client.bucket, *client.access).expect(0)
    client.program("verify", client.bucket, "--deep", *client.access).expect(0)


def test_which_ranges_have_them(client, tiny):
    """Said once in plain numbers: by overlap all, by start those without a start, by contained those without an end."""
    add(tiny, "model", PLAIN)
    client.index().expect(0)
    counts = [len(client.query("model", "--offline", *told(start, stop, match)).expect(0).lines) - 1
              for match in ("overlap", "start", "contained") for start, stop in RANGES]
    assert counts == [3] * 6 + [3, 0, 3, 0, 0, 0] + [3, 0, 0, 0, 0, 0]


def test_output(client, tiny):
    add(tiny, "model", PLAIN)
    client.index().expect(0)

    def put(form):
        return client.program("query", client.bucket, "model", *client.access, "--offline", "--limit", "1", "--format", form).expect(0).out

    assert put("csv") == f"start,stop,datakey,filesize\nstatic,static,s3://{TINY}/model/a.txt,10\n"
    assert put("tsv").splitlines()[1] == f"static\tstatic\ts3://{TINY}/model/a.txt\t10"
    assert put("table").split()[4:6] == ["static", "static"]
    assert json.loads(put("ndjson")) == {"start": "static", "stop": "static", "datakey": f"s3://{TINY}/model/a.txt", "filesize": 10}
    assert put("keys") == f"s3://{TINY}/model/a.txt\n"


@pytest.mark.parametrize("entry", [{"start": "static", "stop": "static"}, {"start": "Static", "stop": ""}, {"start": "1980-01-01"},
                                   {"start": None, "stop": None, "startdate": "static", "enddate": "STATIC", "index": None, "loc": f"s3://{TINY}/i/"}])
def test_catalogs(client, tiny, entry):
    add(tiny, "model", PLAIN, **entry)
    client.query("model", "--start", "2020", "--stop", "2021").expect(0)
    assert tiny.asked() == [tiny.path("model", "static")]
    tiny.origin.clear()
    assert len(client.query("model", "--start", "1990", "--stop", "1991").expect(0).lines) == 4
    assert tiny.origin.requests() == []


def test_shown_as_published(client, tiny):
    add(tiny, "model", PLAIN, start="static", stop="static")
    shown = client.program("datasets", client.bucket, *client.access, "--format", "csv").expect(0)
    assert shown.lines[1].count("static") == 2
    client.index().expect(0)
    shown = client.program("info", client.bucket, "model", *client.access, "--format", "csv").expect(0)
    assert "start,static" in shown.lines and "stop,static" in shown.lines
    assert any(line.startswith("held file,static: 1 present") or line.startswith('held file,"static: 1 present') for line in shown.lines), shown
    assert any("held times" in line and "static to static" in line for line in shown.lines), shown
    assert any("model_static.csv" in line for line in shown.lines)


def test_beside_yearly_datasets(client, tiny):
    """The word in a yearly file is accepted likewise; all in one order."""
    add(tiny, "model", FORMS["among times"])
    tiny.add("yearly", {2018: 30, 2019: "2019-06-01Z,2019-06-02Z,late,3\nstatic,static,never,4\n2019-01-01Z,2019-01-02Z,early,5\n"})
    tiny.add("bare", {2018: "2018-06-01Z,x,3\nstatic,never,4\n2018-01-01Z,early,5\n", 2019: "2019-01-01Z,next,1\n"})
    client.index().expect(0)
    reference = tiny.reference()
    datasets = [reference.dataset(name) for name in ("bare", "model", "yearly")]
    for dataset in datasets:
        check_ranges(client, dataset)
    everything = [client.bucket, "*", *client.access, "--offline", "--format", "csv"]
    for asked, options in (({}, []), ({"reverse": True}, ["--reverse"]), ({"latest_version": True}, ["--latest-version"]),
                           ({"reverse": True, "limit": 9}, ["--reverse", "--limit", "9"])):
        done = client.program("query", *everything, *options).expect(0)
        assert done.out == merged_csv(datasets, ask(datasets, **asked)), asked
    done = client.program("query", *everything, "--count-by", "month").expect(0)
    assert done.out == counts_csv(datasets, ask(datasets), "month")
    client.program("verify", client.bucket, *client.access).expect(0)
    client.program("verify", client.bucket, "--deep", *client.access).expect(0)


def test_many_rows_among_times(client, tiny):
    """So many that they fill blocks of their own, backwards too, and whatever fits into memory."""
    lines = [f"static,static,s3://{TINY}/model/{i:06}_v{i % 7}.txt,{i}\n" for i in range(40_000)]
    lines += [f"2019-01-{1 + i % 28:02}T{i % 24:02}:00:00Z,2019-03-01T00:00:00Z,s3://{TINY}/run/{i:06}.txt,{i}\n" for i in range(40_000)]
    add(tiny, "model", "".join(lines))
    client.index().expect(0)
    dataset = tiny.reference().dataset("model")
    assert client.query("model", "--offline").expect(0).out == dataset.csv(dataset.answer())
    backwards = client.query("model", "--offline", "--reverse", "--memory", "16M").expect(0)
    assert backwards.out == dataset.csv(dataset.answer()[::-1])
    done = client.query("model", "--offline", "--count-by", "day").expect(0)
    assert done.out == counts_csv([dataset], ask([dataset]), "day")
    client.query("model", "--offline", "--latest-version", "--summary").expect(0)


def test_bad_rows(client, tiny):
    add(tiny, "model", PLAIN + "static,2019-01-01Z,k,1\n2019-01-01Z,static,k,1\n1677-09-21T00:12:43.145224194Z,2019-01-01Z,k,1\n")
    client.index().expect(0, "static.csv:4:8: stop: expected static", "static.csv:5:13: stop: expected a time",
                          "static.csv:6:1: start: expected a time of 1678")
    dataset = tiny.reference().dataset("model")
    assert dataset.bad[0] == [4, 5, 6]
    client.check()


# ---- the file


def test_refresh_and_change(client, tiny):
    add(tiny, "model", PLAIN)
    client.index().expect(0)
    tiny.origin.clear()
    client.index().expect(0)
    assert [r.status for r in tiny.origin.of(tiny.path("model", "static"))] == [304]
    tiny.write(tiny.path("model", "static"), PLAIN.replace("model", "other"))
    client.index().expect(0)
    client.check()


def test_vanished(client, tiny):
    add(tiny, "model", PLAIN)
    client.index().expect(0)
    (tiny.folder / tiny.path("model", "static").lstrip("/")).unlink()
    client.index("--keep-vanished").expect(0, "gone (asked twice)", "kept")
    assert len(client.query("model", "--offline").expect(0).lines) == 4
    client.index().expect(0, "gone (asked twice)", "dropped")
    assert len(client.query("model", "--offline").expect(0).lines) == 1


def test_gap(client, tiny):
    add(tiny, "model", None)
    client.index().expect(0, "warning", "none of its 1 index files exists")
    assert client.query("model", "--offline").expect(0).lines == ["start,stop,datakey,filesize"]
    add(tiny, "late", PLAIN)
    tiny.write(tiny.path("model", "static"), PLAIN)
    client.index().expect(0)
    client.check()


def test_failure(client, tiny):
    """Told without a year; what was held stays, and says that it is stale."""
    add(tiny, "model", PLAIN)
    client.index().expect(0)
    tiny.origin.always(tiny.path("model", "static"), Behaviour(status=500))
    client.index("--retries", "0").expect(5, "model_static.csv", "1 stale")
    client.query("model", "--offline", "--start", "2020").expect(0, "the rows of the file without a year are those of an earlier version")
    client.query("model", "--retries", "0", "--store", client.program.home / "other").expect(5, "model_static.csv")


def test_keep_index(client, tiny, tmp_path):
    add(tiny, "model", PLAIN)
    client.index("--keep-index", tmp_path / "kept").expect(0)
    assert (tmp_path / "kept" / "model" / "model_static.csv").read_text() == PLAIN


def test_years_given_to_index_do_not_leave_it_out(client, tiny):
    add(tiny, "model", PLAIN)
    tiny.add("yearly", {2018: 3, 2019: 3})
    client.index("--start", "2019", "--stop", "2020").expect(0)
    assert sorted(tiny.asked()) == sorted([tiny.path("model", "static"), tiny.path("yearly", 2019)])


def test_dataset_that_gets_years(client, tiny):
    """And back: what is wanted is what the catalog says now, whatever was indexed before."""
    add(tiny, "model", PLAIN)
    client.index().expect(0)
    static = dict(tiny.entries[0])
    tiny.entries[0].update(start="2019-01-01Z", stop="2019-12-31Z")
    tiny.publish()
    tiny.write(tiny.path("model", 2019), "2019-05-05Z,2019-05-06Z,timed,1\n")
    client.index().expect(0)
    client.check()
    client.program("verify", client.bucket, "--deep", *client.access)
    client.program("store", "remove", client.bucket, *client.access).expect(0)
    client.index().expect(0)
    tiny.entries[0].update(static)
    tiny.publish()
    client.program("datasets", client.bucket, *client.access, "--refresh").expect(0)
    client.query("model", "--offline").expect(3, "the file without a year is not held")
    client.query("model").expect(0)
    client.check()
