"""The bucket generator: the same tree for the same seed, what it says of itself, and data that look like an archive's.

The program is HDX_BUILD/bench/hdx-generate (default: build/dev).
"""

import csv
import filecmp
import json
import os
import re
import resource
import subprocess
from pathlib import Path

import pytest

from reference import SECOND, Bucket, is_time, time_ns, year_of

BUILD = Path(os.environ.get("HDX_BUILD", Path(__file__).resolve().parents[2] / "build" / "dev")).resolve()
NAME = "gov-nasa-hdrl-data1"
DAY = 86400 * SECOND


def run(*arguments, **options):
    return subprocess.run([BUILD / "bench" / "hdx-generate", *map(str, arguments)], capture_output=True, text=True,
                          timeout=240, **options)


def generate(folder, *arguments):
    """The summary of a run that must succeed."""
    done = run("--out", folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_same(a, b, names):
    match, mismatch, errors = filecmp.cmpfiles(a, b, names, shallow=False)
    assert (sorted(match), mismatch, errors) == (sorted(names), [], [])


def plain_rows(path):
    """The rows of an index file that is not odd: fields by comma, header lines left out."""
    with open(path, newline="") as file:
        return [row for row in csv.reader(file) if not row[0].startswith("#")]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "deep" / "tree"
    return folder, generate(folder, "--scale", "small", "--odd")


@pytest.fixture(scope="module")
def bucket(small):
    return Bucket(small[0], NAME)


@pytest.fixture(scope="module")
def entries(bucket):
    return {entry["id"]: entry for entry in bucket.catalog["catalog"]}


@pytest.fixture(scope="module")
def plain(bucket, entries):
    """{id: {year: rows}} of the datasets that are not odd."""
    found = {}
    for identifier in entries:
        if not identifier.startswith("odd_"):
            dataset = bucket.dataset(identifier)
            found[identifier] = {year: plain_rows(dataset.path(year)) for year in dataset.years}
    return found


def test_same_seed_same_tree(small, tmp_path):
    folder, summary = small
    assert generate(tmp_path / "again", "--scale", "small", "--odd") == summary
    assert files(tmp_path / "again") == files(folder)
    assert_same(folder, tmp_path / "again", files(folder))


def test_other_seed_other_data(small, tmp_path):
    folder, summary = small
    other = generate(tmp_path / "other", "--scale", "small", "--odd", "--seed", 2)
    assert other["seed"] == 2 and other["datasets"] == summary["datasets"]
    name = f"{NAME}/sdo/aia/registries/aia_0094_2021.csv"
    assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


def test_a_dataset_does_not_depend_on_the_others(small, tmp_path):
    folder, _ = small
    generate(tmp_path / "few", "--daily", 4, "--rows-scale", 0.15)
    few = [name for name in files(tmp_path / "few") if name.endswith(".csv")]
    assert len({name.rsplit("_", 1)[0] for name in few}) == 4
    assert_same(folder, tmp_path / "few", few)


def test_summary_counts_what_is_there(small, bucket):
    folder, summary = small
    indexes = [folder / name for name in files(folder) if name.endswith(".csv")]
    rows = sum(len(bucket.dataset(identifier).rows) for identifier in bucket.ids)
    assert summary == {"seed": 1, "datasets": len(bucket.ids), "files": len(indexes), "rows": rows,
                       "bytes": sum(path.stat().st_size for path in indexes)}


def test_every_index_file_belongs_to_the_catalog(small, bucket):
    folder, _ = small
    belong = {bucket.dataset(identifier).path(year) for identifier in bucket.ids
              for year in bucket.dataset(identifier).years}
    assert belong == {folder / name for name in files(folder) if name.endswith(".csv")}


def test_no_row_is_bad(bucket):
    for identifier in bucket.ids:
        dataset = bucket.dataset(identifier)
        for year, bad in dataset.bad.items():
            lines = dataset.path(year).read_text().split("\n")
            # the reference may count a quoted header, which is no row
            assert [lines[number - 1] for number in bad if "datakey" not in lines[number - 1]] == [], (identifier, year)


def test_registry(small):
    registry = json.loads((small[0] / "registry.json").read_text())
    assert [(e["endpoint"], e["name"], e["region"]) for e in registry["registry"]] == \
        [(f"s3://{NAME}/", "HelioCloud, including SDO", "us-east-1")]


def test_catalog(bucket):
    catalog = bucket.catalog
    assert catalog["endpoint"] == f"s3://{NAME}/"
    assert catalog["status"] == {"code": 1200, "message": "OK"}
    assert {"name", "egress", "contact", "description"} <= catalog.keys()
    assert len({identifier.lower() for identifier in bucket.ids}) == len(bucket.ids)
    for entry in catalog["catalog"]:
        assert {"id", "index", "title", "start", "stop", "modification", "indextype", "filetype"} <= entry.keys()
        assert re.fullmatch(r"[A-Za-z0-9_-]+", entry["id"])
        assert re.fullmatch(rf"s3://{NAME}/(.+/)", entry["index"])
        assert is_time(entry["modification"])


def test_catalog_start_and_stop_are_those_of_the_data(bucket, entries):
    for identifier, entry in entries.items():
        rows = bucket.dataset(identifier).rows
        grain = SECOND // 1000 if identifier == "odd_nanoseconds" else 1  # the catalog tells milliseconds
        first, last = min(row.start for row in rows), max(row.stop for row in rows)
        assert time_ns(entry["start"]) == first // grain * grain, identifier
        assert time_ns(entry["stop"]) == -(-last // grain) * grain, identifier


def test_rows_are_in_order_and_in_their_year(plain):
    for identifier, years in plain.items():
        before = 0
        for year, rows in sorted(years.items()):
            assert rows, f"{identifier} {year}: no rows"
            for row in rows:
                start, stop = time_ns(row[0]), time_ns(row[1])
                assert row[0].startswith(str(year)), (identifier, row)
                assert before < start < stop, (identifier, row)
                before = start


def test_keys_and_sizes(plain):
    for identifier, years in plain.items():
        rows = [row for rows in years.values() for row in rows]
        keys = [row[2] for row in rows]
        assert len(set(keys)) == len(keys), identifier
        assert all(key.startswith(f"s3://{NAME}/") and key.isascii() for key in keys), identifier
        assert all(int(row[3]) > 0 for row in rows), identifier
    assert all(re.fullmatch(rf"s3://{NAME}/sdo/aia/(\d{{8}})/0094/sdo_aia_h2_\1T\d{{6}}_0094_v1\.fits", row[2])
               and int(row[3]) % 2880 == 0 for rows in plain["aia_0094"].values() for row in rows)


def test_a_key_tells_its_rows_start(plain):
    rows = [row for rows in plain["MMS1_FEEPS_BRST_L2_ELECTRON"].values() for row in rows]
    key = re.compile(rf"s3://{NAME}/spdf/cdaweb/data/mms/mms1/feeps/brst/l2/electron/(\d{{4}})/(\d\d)/"
                     r"mms1_feeps_brst_l2_electron_(\1\2\d{8})_(v\d\.\d\.\d)\.cdf")
    found = [key.fullmatch(row[2]) for row in rows]
    assert all(match and match[3] == re.sub(r"\D", "", row[0]) for match, row in zip(found, rows))
    assert 2 <= len({match[4] for match in found}) <= 4


def steps(rows):
    starts = [time_ns(row[0]) for row in rows]
    return [after - before for before, after in zip(starts, starts[1:])]


def test_aia_has_a_cadence_and_gaps(plain):
    for rows in plain["aia_0094"].values():
        minutes = [step / (60 * SECOND) for step in steps(rows)]
        assert sum(step == 4 for step in minutes) > 0.95 * len(minutes)
        assert sum(step >= 8 for step in minutes) > 0.005 * len(minutes)
        assert len({row[3] for row in rows}) > 20


def test_bursts_are_irregular(plain):
    rows = [row for rows in plain["MMS1_FEEPS_BRST_L2_ELECTRON"].values() for row in rows]
    lasts = [time_ns(row[1]) - time_ns(row[0]) for row in rows]
    assert max(lasts) == 139 * SECOND and min(lasts) < 60 * SECOND
    assert all(last % (10 * SECOND) == 9 * SECOND for last in lasts)
    follows = sum(time_ns(a[1]) + SECOND == time_ns(b[0]) for a, b in zip(rows, rows[1:]))
    assert 0.5 * len(rows) < follows < 0.95 * len(rows)


def test_bursts_over_new_year_stay_in_their_year(tmp_path):
    over = 0
    for seed in range(6):
        folder = tmp_path / str(seed)
        generate(folder, "--mms", 32, "--rows-scale", 0.01, "--seed", seed)
        for path in (folder / NAME / "spdf/cdaweb/data/mms/indices").iterdir():
            year = path.stem[-4:]
            rows = plain_rows(path)
            assert all(row[0].startswith(year) for row in rows), path
            over += not rows[-1][1].startswith(year)
    assert over > 10  # otherwise this shows nothing


def test_datasets_and_years_have_noise_of_their_own(tmp_path):
    generate(tmp_path / "aia", "--aia", 2, "--rows-scale", 0.01)
    folder = tmp_path / "aia" / NAME / "sdo/aia/registries"
    times = {name: [row[0][5:] for row in plain_rows(folder / f"aia_{name}.csv")]
             for name in ("0094_2015", "0131_2015", "0094_2017")}
    assert len(set(map(tuple, times.values()))) == 3


def test_daily_ones_lack_days_and_years(tmp_path):
    generate(tmp_path / "daily", "--daily", 40)
    bucket = Bucket(tmp_path / "daily", NAME)
    lack_days = lack_years = 0
    counts = []
    for identifier in bucket.ids:
        dataset = bucket.dataset(identifier)
        counts.append(len(dataset.years))
        lack_years += dataset.years != list(range(dataset.years[0], dataset.years[-1] + 1))
        for year in dataset.years:
            days = [time_ns(row[0]) // DAY for row in plain_rows(dataset.path(year))]
            assert len(set(days)) == len(days)
            lack_days += days != list(range(days[0], days[-1] + 1))
    assert sum(counts) == 40 * 21838 // 2000 and min(counts) < 6 and max(counts) > 18
    assert 2 <= lack_years <= 20
    assert sum(counts) / 4 < lack_days < sum(counts)


def test_daily_ones_vary(small, plain, bucket):
    daily = [identifier for identifier in plain if not re.match("aia_|MMS1_FEEPS_BRST", identifier)]
    first = [plain_rows(bucket.dataset(i).path(bucket.dataset(i).years[0]))[0] for i in daily]
    assert len({re.sub(r"\d", "", row[0]) for row in first}) >= 3  # forms of time
    assert len({re.sub(r"\w+", "", row[2]) for row in first}) >= 4  # shapes of paths
    heads = [bucket.dataset(i).path(bucket.dataset(i).years[0]).read_text().split("\n")[0] for i in daily]
    assert sum(head.startswith("#") for head in heads) < len(heads) / 3
    assert heads.count("# start, stop, datakey, filesize") >= 2
    extra = daily[heads.index("# start, stop, datakey, filesize, checksum, checksum_algorithm, records")]
    for row in bucket.dataset(extra).rows:
        assert re.fullmatch("[0-9a-f]{64}", row.extras["checksum"]) and row.extras["checksum_algorithm"] == "SHA256"
        assert int(row.extras["records"]) > 0


def odd(bucket, what, year=2018):
    return bucket.dataset(f"odd_{what}").path(year).read_bytes()


@pytest.mark.parametrize("what, pattern", [
    ("double_quotes", rb'# start, stop, datakey, filesize\n("[^"]*",){3}"\d+"\n'),
    ("double_quotes_comma", rb'"[^"]*","[^"]*","s3://[^"]*, ""[^"]*"" [^"]*","\d+"\n'),
    ("single_quotes", rb"# start, stop, datakey, filesize\n('[^']*',){3}'\d+'\n"),
    ("single_quotes_bare", rb"('[^']*',){3}'\d+'\n"),
    ("mixed_quotes", rb"[^\n'\"]*\n('[^\n']*',){3}'\d+'\n(\"[^\n\"]*\",){3}\"\d+\"\n"),
    ("crlf", rb"[^\r\n]*\r\n[^\r\n]*\r\n"),
    ("crlf_quotes", rb'"[^\r\n]*"\r\n'),
    ("bom", rb"\xef\xbb\xbf# start"),
    ("bom_bare", rb"\xef\xbb\xbf2018-"),
    ("header_plain", rb"start,stop,datakey,filesize\n"),
    ("header_other", rb"Start Time,End Time,File,Bytes\n"),
    ("header_quoted", rb'"start","stop","datakey","filesize"\n'),
    ("no_final_newline", rb"(?s).*[^\n]\Z"),
    ("blank_lines", rb"(?s).*\n\n"),
    ("size_empty", rb"[^\n]*,\n[^\n]*,\d+\n"),
    ("size_decimal", rb"[^\n]*,\d+\.0+\n"),
    ("size_quoted", rb'[^\n"]*,"\d+"\n'),
    ("no_stop", rb"# start, datakey, filesize\n[^,\n]*,s3:[^,\n]*,\d+\n"),
    ("no_stop_bare", rb"[^,\n]*,s3:[^,\n]*,\d+\n"),
    ("date_only", rb"\d{4}-\d\d-\d\dZ,[^T\n]*Z,[^\n]*\n\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d,s3"),
    ("nanoseconds", rb"\S{19}\.\d{9}Z,\S{19}\.\d{9}Z,"),
    ("mixed_times", rb"(?s).*\n\d{4}-\d{3}T"),
    ("dot_times", rb"2018-\d\d-\d\dT\d\d:\d\d\.\d\dZ,"),
    ("colon_times", rb"2018-\d\d-\d\d:\d\d:\d\d:\d\dZ,"),
    ("leap_times", rb"(?s)(?=.*:60Z).*T24:00:00Z"),
    ("key_percent", rb"[^\n]*%25[^\n]*%2F"),
    ("key_space", rb"[^\n]*/a file of \d+\.cdf,"),
    ("key_plus", rb"[^\n]*/c\+\+/"),
    ("key_utf8", "[^\n]*/Ørsted_磁場_".encode()),
    ("key_relative", rb"[^,]*,[^,]*,odd/"),
    ("key_http", rb"[^,]*,[^,]*,https://[^,\n]*\?v=1&t=\d+,"),
])
def test_odd_bytes(bucket, what, pattern):
    assert re.match(pattern, odd(bucket, what))


def test_odd_order_and_years(bucket, entries):
    def years_of_rows(what):
        return [(row.year, year_of(row.start)) for row in bucket.dataset(f"odd_{what}").rows]

    def lines(what):
        return odd(bucket, what).decode().splitlines()

    assert sorted(lines("unsorted")) != lines("unsorted")
    assert len(set(lines("duplicates"))) < len(lines("duplicates"))
    assert any(file < start for file, start in years_of_rows("filed_early"))
    assert any(file > start for file, start in years_of_rows("filed_late"))
    new_year = time_ns("2019")
    assert any(row.start < new_year < row.stop for row in bucket.dataset("odd_new_year").rows)
    assert any(row.stop - row.start > 366 * DAY for row in bucket.dataset("odd_multiyear").rows)
    assert entries["odd_multiyear"]["multiyear"] is True and entries["odd_multiyear_word"]["multiyear"] == "True"
    assert bucket.dataset("odd_missing_years").years == [2000, 2001, 2005, 2006, 2010, 2011, 2012]
    assert odd(bucket, "empty_files", 2019) == b"" and odd(bucket, "empty_files", 2020).count(b"\n") == 1


def test_more_rows_a_day(tmp_path):
    generate(tmp_path / "dense", "--aia", 1, "--rows-scale", 2)
    rows = plain_rows(tmp_path / "dense" / NAME / "sdo/aia/registries/aia_0094_2016.csv")
    twos = [step == 120 * SECOND for step in steps(rows)]
    assert sum(twos) > 0.95 * len(twos) and len(rows) > 200_000


def test_help():
    done = run("--help")
    assert done.returncode == 0 and "--rows-scale" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("arguments", [
    ["--scale", "huge"], ["--seed", "-1"], ["--seed", "18446744073709551616"], ["--aia", "many"],
    ["--mms", "1000000"], ["--rows-scale", "0"], ["--rows-scale", "nan"], ["--rows-scale", "21"], ["--rows-scale", "1x"],
    ["--unknown"], ["more"],
])
def test_wrong_arguments(tmp_path, arguments):
    done = run("--out", tmp_path / "none", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert arguments[-1].lstrip("-") in done.stderr
    assert not (tmp_path / "none").exists()


def test_no_out():
    done = run("--scale", "small")
    assert done.returncode == 2 and "--out" in done.stderr


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "precious").write_text("kept")
    done = run("--scale", "small", "--out", tmp_path)
    assert done.returncode == 6 and str(tmp_path) in done.stderr and "precious" in done.stderr
    assert files(tmp_path) == ["precious"]


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("--scale", "small", "--out", tmp_path / "file" / "below")
    assert done.returncode == 6 and str(tmp_path / "file") in done.stderr


def test_a_failed_write_is_told(tmp_path):
    def limit():  # a write beyond this fails with EFBIG; Python already ignores the signal
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = run("--aia", 1, "--out", tmp_path / "full", preexec_fn=limit, restore_signals=False)
    assert done.returncode == 6 and done.stdout == ""
    assert re.search(r"aia_0094_2010\.csv: write: ", done.stderr)
    assert not (tmp_path / "full" / "registry.json").exists()
