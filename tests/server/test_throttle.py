import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.clock import ManualClock
from grantd.server.throttle import Throttle

KEY = ("https://as.example", "client", "192.0.2.1")


def throttle(limit: int = 3, window: int = 60, capacity: int = 10) -> tuple[Throttle, ManualClock]:
    clock = ManualClock()
    return Throttle(limit=limit, window=window, clock=clock, capacity=capacity), clock


@pytest.mark.req("OA21-024", "OA21-137")
def test_blocks_after_the_limit_and_leaks() -> None:
    subject, clock = throttle()
    for _ in range(3):
        assert subject.blocked(KEY) is None
        subject.failed(KEY)
    assert subject.blocked(KEY) == 20
    clock.advance(19)
    assert subject.blocked(KEY) == 1
    clock.advance(1)
    assert subject.blocked(KEY) is None
    subject.failed(KEY)
    assert subject.blocked(KEY) == 20
    clock.advance(60)
    for _ in range(3):
        assert subject.blocked(KEY) is None
        subject.failed(KEY)
    assert subject.blocked(KEY) == 20


@pytest.mark.req("OA21-024")
def test_keys_do_not_touch_each_other() -> None:
    subject, _ = throttle(limit=1)
    subject.failed(KEY)
    assert subject.blocked(KEY) == 60
    assert subject.blocked((*KEY[:2], "192.0.2.2")) is None
    subject.succeeded(KEY)
    assert subject.blocked(KEY) is None
    subject.succeeded(KEY)


def test_failures_on_their_way_do_not_lengthen_the_wait() -> None:
    subject, _ = throttle()
    for _ in range(50):
        subject.failed(KEY)
    assert subject.blocked(KEY) == 20


def test_forgets_those_that_failed_longest_ago() -> None:
    subject, _ = throttle(limit=1, capacity=2)
    for name in "abac":
        subject.failed((name,))
    assert len(subject) == 2
    assert subject.blocked(("b",)) is None
    assert subject.blocked(("a",)) is not None
    assert subject.blocked(("c",)) is not None


def test_long_keys_are_told_apart() -> None:
    subject, _ = throttle(limit=1)
    subject.failed(("a" * 9000, "b"))
    assert subject.blocked(("a" * 9000, "b")) is not None
    assert subject.blocked(("a" * 8999, "ab")) is None
    subject.failed(("\udcff" * 300,))
    assert subject.blocked(("\udcff" * 300,)) is not None


@pytest.mark.parametrize("members", [{"limit": 0}, {"window": 0}, {"capacity": 0}])
def test_refuses_senseless_bounds(members: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        throttle(**members)


@given(
    limit=st.integers(1, 20),
    window=st.integers(1, 600),
    steps=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60),
)
def test_never_lets_more_than_limit_and_the_leak_through(
    limit: int, window: int, steps: list[tuple[int, bool]]
) -> None:
    subject, clock = throttle(limit, window)
    start, tries = clock.now(), 0
    for wait, obey in steps:
        clock.advance(wait)
        blocked = subject.blocked(KEY)
        if blocked is not None:
            assert 0 < blocked <= window
            if not obey:
                continue
            clock.advance(blocked)
            assert subject.blocked(KEY) is None
        subject.failed(KEY)
        tries += 1
        assert tries <= limit + (clock.now() - start) * limit / window
