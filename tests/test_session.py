import pytest


def test_pytest_xdist_sees_the_groups(request: pytest.FixtureRequest, worker_id: str) -> None:
    """If it did not, no test would fail, but each worker would make what a group shares."""
    assert worker_id == "master" or request.node.nodeid.endswith("@tests/test_session.py")
