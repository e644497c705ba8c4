"""A quickstart server that the client libraries share."""

from collections.abc import Iterator

import pytest
from tests.support.quickstart import Quickstart, start_quickstart


@pytest.fixture(scope="package")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quickstart]:
    with start_quickstart(tmp_path_factory.mktemp("quickstart")) as running:
        yield running
