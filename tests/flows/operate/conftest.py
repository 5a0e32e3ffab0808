"""What the tests of operation share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def artifact_server(prefect_server: None) -> Iterator[None]:  # noqa: ARG001
    """A Prefect server for artifacts. Prefect does not close the clients that it creates them with, so this does.

    Tests also need the mark `filterwarnings("ignore:unclosed <socket:ResourceWarning")`.
    """
    yield
    gc.collect()
