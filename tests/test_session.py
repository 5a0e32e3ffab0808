import pytest


def test_pytest_xdist_sees_the_groups(request: pytest.FixtureRequest, worker_id: str) -> None:
    """Otherwise nothing fails, but every worker makes for itself what a group shares."""
    if worker_id == "master":
        pytest.skip("one process runs all tests: `-n auto` for several")
    assert request.node.nodeid.endswith("@tests/test_session.py")
