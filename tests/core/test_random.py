import re

import pytest

from grantd.core.random import ordered_id, random_id, random_token


@pytest.mark.req("OA21-137")
def test_identifiers_have_128_bits() -> None:
    many = {random_id() for _ in range(1000)}
    assert len(many) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", one) for one in many)


@pytest.mark.req("OA21-137")
def test_tokens_have_at_least_128_bits() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", random_token())
    assert len(random_token(16)) == 22
    with pytest.raises(ValueError, match="16"):
        random_token(15)


def test_ordered_identifiers_are_unique_and_neighbours_share_their_beginning() -> None:
    many = [ordered_id() for _ in range(1000)]
    assert len(set(many)) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", one) for one in many)
    # 30 of the 48 bits of time change once in four minutes.
    assert len({one[:5] for one in many}) <= 2
