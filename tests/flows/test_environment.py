import subprocess
import sys

import pytest

from tests.end_to_end.harness import ROOT, environment


@pytest.mark.parametrize(
    ("name", "value"),
    [("PREFECT_API_URL", "http://["), ("PREFECT_API_REQUEST_TIMEOUT", "soon"), ("PREFECT_CLIENT_CUSTOM_HEADERS", "{")],
)
def test_a_setting_that_prefect_refuses_is_one_line_without_passwords(
    name: str, value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = {"PREFECT_API_AUTH_STRING": "admin:verysecret", "PREFECT_API_KEY": "verysecret"}
    done = subprocess.run(
        [sys.executable, ROOT / "flows" / "main.py", "--smoke"],
        env=environment(tmp_path_factory.getbasetemp(), **{name: value}, **secret),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Prefect's settings: ")
    assert done.stderr.count("\n") == 1
    assert "verysecret" not in done.stderr
