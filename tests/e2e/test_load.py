"""Load: many processes on one store, and servers that grant only so many requests a second. scripts/ceilings does the
same for longer."""

import itertools

import pytest

from mirror import content, tree

PROCESSES = 24
DATASETS = ("a", "b", "c")
YEARS = range(2010, 2020)
RATE = 200  # requests a second that a strict server grants
BURST = 50
FIRST_GRANTED = 350  # within which the rate is found out: in 1.5 s, if nothing else holds the run up
REFUSED_MAX = 0.05


@pytest.fixture
def filled(tiny, client):
    """Three datasets of ten years."""
    for name in DATASETS:
        tiny.add(name, {year: 50 for year in YEARS})
    return client


def finish(program, process):
    out, err = process.communicate(timeout=300)
    return program.finished(process.args[1:], process.returncode, out, err)


# ---- many processes


def test_36_many_index_runs_on_one_store(filled):
    """Each waits for its turn, says so, and ends well."""
    processes = [filled.program.start("index", filled.bucket, *filled.access) for _ in range(PROCESSES)]
    done = [finish(filled.program, process).expect(0) for process in processes]
    fetched = [run for run in done if "30 fetched" in run.err]
    assert len(fetched) == 1 and all("30 unchanged" in run.err for run in done if run not in fetched)
    assert any("waiting" in run.err for run in done)  # how many, the scheduler decides
    filled.program("verify").expect(0)
    filled.check()


def test_36_index_query_and_verify_at_once(filled, tiny):
    """While what is held changes, an answer is the old one or the new one as a whole; snapshots are sound all along."""
    filled.index().expect(0)

    def answers():
        reference = tiny.reference()
        return {name: reference.dataset(name).csv(reference.dataset(name).answer()) for name in DATASETS}

    old = answers()
    for name in DATASETS:
        for year in YEARS:
            path = tiny.path(name, year)
            tiny.write(path, tiny.read(path) + f"{year}-12-31T01:00:00Z,{year}-12-31T02:00:00Z,added,1\n".encode())
    new = answers()
    start = filled.program.start
    runs, queries = [], []
    for turn in range(PROCESSES // 3):
        name = DATASETS[turn % 3]
        runs.append(start("index", filled.bucket, *filled.access))
        runs.append(start("verify"))
        queries.append((name, start("query", filled.bucket, name, *filled.access, "--offline", "--format", "csv")))
    for process in runs:
        finish(filled.program, process).expect(0)
    for name, process in queries:
        assert finish(filled.program, process).expect(0).out in (old[name], new[name])
    filled.check()


# ---- servers that count requests by the second


def refused_later(origin):
    """The share of 503 among the answers, once the server has granted so many requests."""
    refused = [request.status == 503 for request in origin.requests()]
    granted = itertools.accumulate(not each for each in refused)
    later = [each for each, count in zip(refused, granted) if count > FIRST_GRANTED]
    return sum(later) / len(later)


@pytest.mark.parametrize("retry_after", [None, "1"])
def test_p6_15_index_of_a_throttling_server(tiny, client, retry_after):
    for name in range(25):
        tiny.add(f"d{name}", {year: 3 for year in range(1980, 2012)})
    tiny.origin.throttle(rate=RATE, burst=BURST, retry_after=retry_after)
    client.index("--jobs", 256).expect(0, "800 fetched")
    assert refused_later(tiny.origin) <= REFUSED_MAX
    client.check("d0", "d24")


@pytest.mark.parametrize("retry_after", [None, "1"])
def test_p6_15_mirror_of_a_throttling_server(archive, mirror, retry_after):
    files = {f"data/{i:03}.cdf": content(500, i) for i in range(800)}
    archive.dataset("d", files)
    mirror.client.index().expect(0)
    archive.tiny.origin.clear()
    archive.tiny.origin.throttle(rate=RATE, burst=BURST, retry_after=retry_after)
    mirror("d", "--jobs", 256).expect(0, "800 fetched")
    assert refused_later(archive.tiny.origin) <= REFUSED_MAX
    assert tree(mirror.dest) == files
