"""Each scenario with some of its allocations and system calls failing, one a run (torture.py says what is asked of it).

HELIODEX_TEST_SEED says which, HELIODEX_TEST_TORTURE how many of each scenario and kind; scripts/torture tries all.
HELIODEX_TEST_TORTURE=places: one from each place in the program, as the stack tells, in the first scenario that comes
there.
"""

import os
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import FAULTS
from torture import Trials
from torture_scenarios import SCENARIOS

SEED = int(os.environ.get("HELIODEX_TEST_SEED", "20261126"))
EACH_PLACE = os.environ.get("HELIODEX_TEST_TORTURE") == "places"
SOME = 3 if EACH_PLACE else int(os.environ.get("HELIODEX_TEST_TORTURE", "3"))
SCENARIOS_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda scenario: scenario.name)
def trials(request, build, tmp_path_factory):
    if not FAULTS.exists():
        pytest.skip(f"{FAULTS} was not built")
    trials = Trials(request.param, tmp_path_factory.mktemp("torture"))
    yield trials
    trials.close()


tried = defaultdict(set)  # places, by kind


def at_each_place(trials, kind):
    """The n-th call of a run may come from another place than in the run before: up to three are tried of each."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for attempt in range(3):
            places = {place: numbers for place, numbers in trials.places(kind).items() if place not in tried[kind]}
            chosen = sorted({numbers[len(numbers) * attempt // 3] for numbers in places.values()})
            for trial in pool.map(lambda number: trials.run(kind, number), chosen):
                check(trials, trial)
                tried[kind].add(trial.place)


def check(trials, trial):
    assert not trial.problems, (f"{trials.command(trial.kind, trial.number)}\n{trial.problems}\n{trial.told}\n"
                                f"{trial.done}")


def some_calls_fail(trials, kind):
    if EACH_PLACE and kind != "all-alloc":
        return at_each_place(trials, kind)
    numbers = trials.calls(kind)
    chance = random.Random(f"{SEED} {trials.scenario.name} {kind}")
    for number in sorted(chance.sample(numbers, min(SOME, len(numbers)))):
        check(trials, trials.run(kind, number))


def test_33_an_allocation_fails(trials):
    some_calls_fail(trials, "alloc")


def test_33_memory_has_run_out(trials):
    some_calls_fail(trials, "all-alloc")


def test_28_30_32_a_system_call_fails(trials):
    some_calls_fail(trials, "system")


def test_35_interrupted_just_before_a_system_call(trials):
    some_calls_fail(trials, "interrupt")


def test_33_a_crash_of_glibc_is_known_by_its_stack_and_no_other_is(build, tmp_path):
    """Whatever the program was built with. The first time that a name is resolved glibc reads its table of services."""
    trials = Trials(SCENARIOS_BY_NAME["start"], tmp_path)
    try:
        trial = trials.run("alloc", 1, HDX_FAULTS_WITHIN="__nss_database_get")
    finally:
        trials.close()
    assert trial.happened and not trial.problems, f"{trial.problems}\n{trial.told}\n{trial.crash}\n{trial.done}"
    if not trial.crash:
        pytest.skip("this glibc survives it")
    trial.crash = trial.crash.replace("(getaddrinfo+", "(answer+")
    assert not trial.excepted


# ---- failures that were found so, each by itself


@pytest.mark.parametrize("fault", ["readdir:1:EIO:on", "readdir:4:EIO", "stat:2:EIO:on"])
def test_30_37_snapshots_that_cannot_be_listed_are_not_left_out(client, tiny, failing, fault):
    for name in "abc":
        tiny.add(name, {2020: 3})
    client.index().expect(0)
    failing(fault, "verify").expect(6, "cannot be l")


def test_33_no_thread_to_look_for_credentials(client, tiny, failing):
    tiny.add("a", {2020: 3})
    config = client.program.home / ".aws" / "config"
    config.parent.mkdir()
    config.write_text("[default]\ncredential_process = echo {}\n")
    done = failing("thread:2:EAGAIN:on", "index", client.bucket, *client.access, "--sign")
    done.expect(8, "no thread can be started to look for credentials")
    failing("thread:1:EAGAIN:on", "index", client.bucket, *client.access).expect(8, "no thread can be started")


def test_33_little_memory_is_named_only_where_it_is_the_limit(client, tiny, failing):
    tiny.add("a", {2020: 3}, description="x" * (12 << 20))
    client.index("--memory", "16M").expect(8, "more than the limit of 12582912, which is what --memory has room for")
    for number, options in (1, []), (2, ["--sign"]):
        done = failing(f"thread:{number}:EAGAIN:on", "index", client.bucket, *client.access, "--memory", "16M", *options,
                       env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"})
        assert "--memory" not in done.expect(8, "no thread can be started").err


def test_33_no_thread_to_compare_with_the_source(client, tiny, failing):
    tiny.add("a", {2020: 3})
    client.index().expect(0)
    done = failing("thread:1:EAGAIN:on", "verify", "--deep", client.bucket, *client.access)
    done.expect(8, "no thread can be started")


@pytest.mark.parametrize("library", range(1, 3))
def test_a_library_that_cannot_be_loaded(archive, client, failing, library):
    archive.dataset("d", {"data/a.cdf": b"abc"})
    client.index().expect(0)
    done = failing(f"dlopen:{library}", "cat", client.bucket, "d", *client.access)
    done.expect(6, "cannot be loaded")
