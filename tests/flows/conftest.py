"""What the tests of operation share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def closed_clients() -> Iterator[None]:
    """Prefect does not close the clients that it creates artifacts with, so this does.

    Tests also need the mark `filterwarnings("ignore:unclosed <socket:ResourceWarning")`.
    """
    yield
    gc.collect()
