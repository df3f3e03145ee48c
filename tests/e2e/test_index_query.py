"""Answers equal the naive reference, row for row: over a generated bucket with every kind of dataset and every oddity,
for whole datasets and for ranges, from every kind of place, and whatever the settings are.
"""

import concurrent.futures
import hashlib
import os
import random
import shutil

import pytest

from conftest import SAMPLE, Program
from reference import SECOND, time_ns, time_text
from servers import Nginx, make_authority

WORKERS = max(2, os.cpu_count() or 2)
SEED = 20240229


@pytest.fixture(scope="module")
def server(sample, tmp_path_factory):
    with Nginx(sample, tmp_path_factory.mktemp("nginx")) as it:
        yield it


@pytest.fixture(scope="module")
def indexed(build, server, tmp_path_factory):
    """A store that holds the whole sample, indexed through --endpoint-url; the function that queries it."""
    program = Program(tmp_path_factory.mktemp("home"))
    access = [f"s3://{SAMPLE}/", "--endpoint-url", server.url]
    program.indexing = program("index", *access).expect(0)

    def query(identifier, *arguments):
        return program("query", access[0], identifier, *access[1:], "--offline", "--format", "csv", *arguments)

    query.program, query.access = program, access
    return query


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(function, items))


def difference(got, wanted):
    """The first line that differs, told briefly."""
    for number, (a, b) in enumerate(zip(got.splitlines() + [None], wanted.splitlines() + [None]), 1):
        if a != b:
            return f"line {number}: found {a!r}, expected {b!r}"
    return "line ends differ" if got != wanted else ""


def test_p7_whole_datasets(indexed, reference):
    def one(identifier):
        dataset = reference.dataset(identifier)
        done = indexed(identifier)
        if done.code != 0:
            return f"{identifier}: {done}"
        problem = difference(done.out, dataset.csv(dataset.answer()))
        return problem and f"{identifier}: {problem}"

    assert len(reference.ids) > 40
    assert not list(filter(None, in_parallel(one, reference.ids)))


def test_rows_are_neither_lost_nor_made(reference):
    """The reference reads every line of the sample: what it calls bad would be lost on both sides unseen."""
    for identifier in reference.ids:
        assert not any(reference.dataset(identifier).bad.values()), identifier


def ranges_of(dataset, count, chance):
    """Ranges in which a mistake of one nanosecond, one row or one year shows."""
    edges = [t for row in dataset.rows for t in (row.start, row.stop)]
    new_years = [time_ns(str(year)) for year in range(dataset.first, dataset.last + 2)]
    first, last = min(edges), max(edges)

    def edge():
        kind = chance.random()
        at = chance.choice(edges) if kind < 0.6 else chance.choice(new_years) if kind < 0.75 else chance.randint(first, last)
        return at + chance.choice([0, 0, 0, -1, 1, SECOND, -SECOND])

    for _ in range(count):
        a, b = edge(), edge()
        if chance.random() < 0.5:  # short ones
            b = a + chance.choice([1, 60, 3600, 86400, 86400 * 31]) * SECOND
        a, b = min(a, b), max(a, b) + (a == b)
        kind = chance.random()
        yield (None if kind < 0.07 else a), (None if 0.07 <= kind < 0.14 else b), chance.choice(["overlap", "start", "contained"])


def kind_of(identifier):
    return identifier if identifier.startswith("odd_") else identifier.split("_")[0]


def test_p7_random_ranges(indexed, reference):
    chance = random.Random(SEED)
    kinds = {}
    for identifier in reference.ids:
        if reference.dataset(identifier).rows:
            kinds.setdefault(kind_of(identifier), []).append(identifier)
    questions = []
    for kind, identifiers in sorted(kinds.items()):
        count = 5 if kind.startswith("odd_") else 30
        for _ in range(count):
            identifier = chance.choice(identifiers)
            questions += [(identifier, *ask) for ask in ranges_of(reference.dataset(identifier), 1, chance)]

    def one(question):
        identifier, start, stop, match = question
        dataset = reference.dataset(identifier)
        told = [] if start is None else ["--start", time_text(start, 9)]
        told += [] if stop is None else ["--stop", time_text(stop, 9)]
        done = indexed(identifier, *told, "--match", match)
        wanted = dataset.answer(start, stop, match)
        if done.code != 0:
            return 0, f"{done}"
        problem = difference(done.out, dataset.csv(wanted))
        return len(wanted), problem and f"query {identifier} {' '.join(told)} --match {match}: {problem}"

    answers = in_parallel(one, questions)
    assert not [problem for _, problem in answers if problem]
    assert len(questions) >= 200
    assert sum(count > 0 for count, _ in answers) > len(questions) / 2  # the questions are worth asking


def test_no_request_for_what_is_known(indexed, reference, server):
    before = len(server.requests())
    for identifier in ("aia_0094", "odd_no_stop", "odd_missing_years"):
        program, access = indexed.program, indexed.access
        program("query", access[0], identifier, *access[1:], "--start", "2005-06", "--stop", "2019-02").expect(0)
    assert len(server.requests()) == before


def test_second_index_fetches_nothing(indexed, server):
    before = len(server.requests())
    done = indexed.program("index", *indexed.access).expect(0)
    asked = server.requests()[before:]
    lists = [target for _, target, status, _ in asked if "list-type=2" in target]
    assert len(lists) < 20, "nginx lists no bucket: that is found out once, not for each dataset"
    asked = [request for request in asked if request[1] not in lists]
    assert asked and {status for _, _, status, _ in asked} <= {304, 404}
    assert any(status == 304 for _, _, status, _ in asked)
    assert sum(size for _, _, status, size in asked if status == 304) == 0
    assert done.err
    dataset_files = [target for _, target, status, _ in server.requests()[:before] if status in (200, 206)]
    assert {t for _, t, s, _ in asked if s == 304} == set(dataset_files)


# ---- the same from everywhere

SUBSET = ["odd_*", "aia_0094", "MMS1_*"]


def digest(program, bucket, *options):
    """A hash of the answers to some questions, and their text for the curious."""
    questions = [(identifier, *span) for identifier in
                 ("aia_0094", "MMS1_FEEPS_BRST_L2_ELECTRON", "odd_unsorted", "odd_filed_late", "odd_duplicates", "odd_no_stop",
                  "odd_nanoseconds", "odd_missing_years")
                 for span in ([], ["--start", "2018-12-31T12", "--stop", "2019-01-01T12"])]

    def one(question):
        return program("query", bucket, *question, *options, "--offline", "--format", "csv").expect(0).raw

    return hashlib.sha256(b"".join(in_parallel(one, questions))).hexdigest()


@pytest.fixture(scope="module")
def usual(indexed):
    return digest(indexed.program, *indexed.access)


SETTINGS = {
    "one job": ["--jobs", "1", "--max-connections-per-host", "1"],
    "many jobs": ["--jobs", "1000", "--max-connections-per-host", "500"],
    "small parts": ["--part-size", "64K"],
    "little memory": ["--memory", "16M", "--part-size", "64K", "--threads", "3"],
    "one thread": ["--threads", "1"],
    "seven threads": ["--threads", "7"],
    "scalar": {"HELIODEX_KERNEL": "scalar"},
    "sse2": {"HELIODEX_KERNEL": "sse2"},
    "avx2": {"HELIODEX_KERNEL": "avx2"},
    "avx512": {"HELIODEX_KERNEL": "avx512"},
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_p9_same_answers_with_any_settings(heliodex, server, usual, settings):
    chosen = SETTINGS[settings]
    options, env = ([], chosen) if isinstance(chosen, dict) else (chosen, {})
    access = [f"s3://{SAMPLE}/", "--endpoint-url", server.url]
    heliodex("index", access[0], *SUBSET, *access[1:], *options, env=env).expect(0)
    assert digest(heliodex, *access) == usual


def test_same_answers_from_an_http_prefix(heliodex, server, usual):
    bucket = f"{server.url}/{SAMPLE}/"
    heliodex("index", bucket, *SUBSET).expect(0)
    assert digest(heliodex, bucket) == usual


def test_same_answers_from_a_folder(heliodex, sample, usual):
    bucket = f"file://{sample}/{SAMPLE}/"
    heliodex("index", bucket, *SUBSET).expect(0)
    assert digest(heliodex, bucket) == usual


def test_same_answers_from_a_folder_with_another_name(heliodex, sample, usual, tmp_path):
    """A local copy is a copy whatever its folder is called, spaces and percent signs too."""
    copy = tmp_path / "a copy, 100%"
    shutil.copytree(sample / SAMPLE, copy)
    bucket = "file://" + str(copy).replace("%", "%25").replace(" ", "%20") + "/"
    heliodex("index", bucket, *SUBSET).expect(0)
    assert digest(heliodex, bucket) == usual


def test_same_answers_through_a_map(heliodex, sample, usual):
    options = ["--map", f"s3://{SAMPLE}/=file://{sample}/{SAMPLE}/"]
    heliodex("index", f"s3://{SAMPLE}/", *SUBSET, *options).expect(0)
    assert digest(heliodex, f"s3://{SAMPLE}/", *options) == usual


def test_same_answers_over_tls_and_http2(heliodex, sample, usual, tmp_path):
    authority = make_authority(tmp_path)
    with Nginx(sample, tmp_path / "nginx", tls=authority) as safe:
        access = [f"s3://{SAMPLE}/", "--endpoint-url", safe.url, "--ca-file", authority.ca]
        heliodex("index", access[0], *SUBSET, *access[1:]).expect(0)
        assert digest(heliodex, *access) == usual


def test_same_answers_without_ranges_and_with_latency(heliodex, sample, usual, tmp_path):
    for number, options in enumerate(({"ranges": False}, {"latency": 0.01})):
        with Nginx(sample, tmp_path / f"nginx{number}", **options) as server:
            access = [f"s3://{SAMPLE}/", "--endpoint-url", server.url]
            heliodex("index", access[0], *SUBSET, *access[1:], "--part-size", "64K").expect(0)
            assert digest(heliodex, *access) == usual


def test_same_answers_without_an_index_run(heliodex, server, usual, reference):
    """Queries fetch what they need, and only that."""
    access = [f"s3://{SAMPLE}/", "--endpoint-url", server.url]
    before = len(server.requests())
    done = heliodex("query", access[0], "odd_unsorted", *access[1:], "--format", "csv", "--start", "2019-03-01", "--stop", "2019-03-05")
    dataset = reference.dataset("odd_unsorted")
    assert done.expect(0).out == dataset.csv(dataset.answer(time_ns("2019-03-01"), time_ns("2019-03-05")))
    targets = {target for _, target, _, _ in server.requests()[before:]}
    assert targets == {f"/{SAMPLE}/catalog.json", *(f"/{SAMPLE}/odd/indices/odd_unsorted_{year}.csv" for year in (2018, 2019))}
    heliodex("index", access[0], *SUBSET, *access[1:]).expect(0)
    assert digest(heliodex, *access) == usual
