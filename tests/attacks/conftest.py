"""What the attacks share: a running server."""

from collections.abc import AsyncIterator

import pytest
from tests.support.harness import Harbour, harbour


@pytest.fixture
async def h() -> AsyncIterator[Harbour]:
    async with harbour() as running:
        yield running
