"""Some examples of each target of `make fuzz`, as a test. Always the same ones, so that it does not fail by chance."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings

from tests.fuzz.targets import TARGETS, inputs, shared

QUICK = settings(
    max_examples=5,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def shared_by_examples() -> Iterator[None]:
    with shared:
        yield


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_arrives_ends_more_than_itself(name: str) -> None:
    before = inputs[name]
    seed(1)(QUICK(TARGETS[name]))()
    assert inputs[name] > before
