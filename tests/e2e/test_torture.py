"""Each scenario with some of its allocations and system calls failing, one a run (torture.py says what is asked of them).

HELIODEX_TEST_SEED says which, HELIODEX_TEST_TORTURE how many of each scenario and kind; scripts/torture tries all.
"""

import os
import random

import pytest

from torture import FAULTS, Trials
from torture_scenarios import SCENARIOS

SEED = int(os.environ.get("HELIODEX_TEST_SEED", "20261126"))
SOME = int(os.environ.get("HELIODEX_TEST_TORTURE", "4"))


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda scenario: scenario.name)
def trials(request, build, tmp_path_factory):
    if not FAULTS.exists():
        pytest.skip(f"{FAULTS} was not built")
    trials = Trials(request.param, tmp_path_factory.mktemp("torture"))
    yield trials
    trials.close()


def some_calls_fail(trials, kind):
    numbers = trials.calls(kind)
    chance = random.Random(f"{SEED} {trials.scenario.name} {kind}")
    for number in sorted(chance.sample(numbers, min(SOME, len(numbers)))):
        trial = trials.run(kind, number)
        assert not trial.problems, f"{trials.command(kind, number)}\n{trial.problems}\n{trial.told}\n{trial.done}"


def test_33_an_allocation_fails(trials):
    some_calls_fail(trials, "alloc")


def test_28_30_32_a_system_call_fails(trials):
    some_calls_fail(trials, "system")
