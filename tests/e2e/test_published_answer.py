"""The answer that the archive's documentation prints for a day of MMS burst data, from a bucket of that shape.

What the documentation says of the dataset: where its index and its files are, the form of their names, the fourteen
rows of 2020-02-01. The rows around them and the other years are made up here, in the form of the real ones.
"""

import datetime
import json

import pytest

from reference import Bucket
from servers import Nginx

BUCKET = "gov-nasa-hdrl-data1"
ID = "MMS1_FEEPS_BRST_L2_ELECTRON"
INDEX = f"s3://{BUCKET}/spdf/cdaweb/data/mms/indices/"
FILES = f"s3://{BUCKET}/spdf/cdaweb/data/mms/mms1/feeps/brst/l2/electron/"
QUESTION = ["--start", "2020-02-01T00:00:00Z", "--stop", "2020-02-02T00:00:00Z"]

# start-stop as hhmmss, size
PUBLISHED = """
075523-075622 1742991
081713-081922 3405073
081923-082132 3405073
082133-082342 3405073
082343-082602 3637329
082603-082812 3405073
082813-083022 3397815
083023-083232 3390557
083713-083932 3637329
083933-084152 3637329
084153-084412 3644587
084413-084632 3637329
084633-084852 3637329
084853-085112 3630071
"""


def line(start, stop, size):
    """A row of the index, of datetimes."""
    key = f"{FILES}{start:%Y/%m}/mms1_feeps_brst_l2_electron_{start:%Y%m%d%H%M%S}_v7.1.1.cdf"
    return f"{start:%Y-%m-%dT%H:%M:%S}Z,{stop:%Y-%m-%dT%H:%M:%S}Z,{key},{size}"


def published():
    rows = []
    for text in PUBLISHED.split("\n")[1:-1]:
        times, size = text.split(" ")
        rows.append(line(*(datetime.datetime.strptime("20200201" + time, "%Y%m%d%H%M%S") for time in times.split("-")), size))
    return rows


def bursts(first, last, size):
    """Made-up bursts of some minutes, a few hours one from the other, that start in [first, last)."""
    lines, at = [], first
    while at < last:
        lines.append(line(at, at + datetime.timedelta(seconds=100 + at.minute), size + at.minute * 7258))
        at += datetime.timedelta(hours=5, minutes=17, seconds=11)
    return lines


def date(*parts):
    return datetime.datetime(*parts)


@pytest.fixture
def archive(tmp_path):
    """The bucket in a folder, served."""
    folder = tmp_path / "served"
    years = {2019: bursts(date(2019, 1, 1), date(2020, 1, 1), 1_000_000), 2021: bursts(date(2021, 1, 1), date(2021, 6, 1), 2_000_000)}
    # The day's neighbours: one that ends as it begins would overlap it; these end and begin a second off.
    before = line(date(2020, 1, 31, 23, 57, 53), date(2020, 1, 31, 23, 59, 59), 1742991)
    behind = line(date(2020, 2, 2), date(2020, 2, 2, 0, 2, 9), 3405073)
    years[2020] = [*bursts(date(2020, 1, 1, 1), date(2020, 1, 31, 20), 3_000_000), before, *published(), behind,
                   *bursts(date(2020, 2, 2, 1), date(2021, 1, 1), 3_000_000)]
    indices = folder / INDEX.removeprefix("s3://")
    indices.mkdir(parents=True)
    for year, lines in years.items():
        (indices / f"{ID}_{year}.csv").write_text("\n".join(["# start, stop, datakey, filesize", *lines, ""]))
    entry = {"id": ID, "index": INDEX, "title": "MMS1 FEEPS burst electrons", "start": "2019-01-01T00:00:00Z", "stop": "2021-06-01T00:00:00Z",
             "modification": "2022-01-01T00:00:00Z", "indextype": "csv", "filetype": "cdf"}
    other = {**entry, "id": "MMS1_FEEPS_BRST_L2_ION", "title": "MMS1 FEEPS burst ions"}
    (indices / f"{other['id']}_2020.csv").write_text("\n".join(years[2020]).replace("electron", "ion") + "\n")
    catalog = {"Cloudy": "0.4", "endpoint": f"s3://{BUCKET}/", "name": "HelioCloud, including SDO", "status": {"code": 1200, "message": "OK"},
               "egress": "no-egress", "catalog": [entry, other]}
    (folder / BUCKET / "catalog.json").write_text(json.dumps(catalog))
    with Nginx(folder, tmp_path / "nginx") as server:
        server.folder = folder
        yield server


@pytest.mark.parametrize("indexed", [True, False])
def test_published_answer(heliodex, archive, indexed):
    access = ["--endpoint-url", archive.url]
    if indexed:
        heliodex("index", f"s3://{BUCKET}/", *access).expect(0)
    done = heliodex("query", BUCKET, ID, *QUESTION, *access, *(["--offline"] if indexed else []), "--format", "csv").expect(0)
    assert done.lines == ["start,stop,datakey,filesize", *published()]
    assert len(done.lines) == 15
    assert done.lines[1] == ("2020-02-01T07:55:23Z,2020-02-01T07:56:22Z,s3://gov-nasa-hdrl-data1/spdf/cdaweb/data/mms/mms1/feeps/brst/l2/electron/2020/02/"
                             "mms1_feeps_brst_l2_electron_20200201075523_v7.1.1.cdf,1742991")
    count = heliodex("query", BUCKET, ID, *QUESTION, *access, "--count-by", "day", "--format", "csv").expect(0)
    assert count.lines[1:] == [f"{ID},2020-02-01,14,{sum(int(row.rsplit(',', 1)[1]) for row in published())},0"]


def test_the_day_among_its_neighbours(heliodex, archive):
    """All else that is in the bucket is as the reference reads it."""
    access = ["--endpoint-url", archive.url]
    heliodex("index", BUCKET, *access).expect(0)
    dataset = Bucket(archive.folder, BUCKET).dataset(ID)
    done = heliodex("query", BUCKET, ID, *access, "--offline", "--format", "csv").expect(0)
    assert done.out == dataset.csv(dataset.answer()) and len(done.lines) > 3000
