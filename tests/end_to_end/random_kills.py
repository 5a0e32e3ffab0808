"""Kill runs at random moments, run the same command again, and compare the results with an undisturbed run's bits.

python -m tests.end_to_end.random_kills --kills 25 --seed 1

The victim is in turn the flow's process, its Prefect server, a branch's process, the fork server, and the worker that
executes the run of a deployment. A run outlives a server, a branch and a fork server.
"""

import contextlib
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cyclopts
import psutil
from rich.console import Console
from rich.table import Table

from tests.end_to_end.conftest import Served, set_up_deployments
from tests.end_to_end.harness import SMALL, Process, outcome, serving, wait_until_gone

VICTIMS = ("flow", "server", "branch", "fork server", "worker")
SECONDS = 240


def kill(run: Process, victims: Callable[[], list[Process | psutil.Process]], moment: float) -> str:
    """Kill -9 a victim `moment` seconds after the start, or as soon as it is there; gives what the run did last."""
    ended = threading.Event()
    threading.Thread(target=lambda: (run.wait(SECONDS), ended.set()), daemon=True).start()
    ended.wait(moment)
    while not ended.is_set():
        if found := victims():
            found[0].kill()
            return run.lines[-1].split("| ")[-1].strip()[:60] if run.lines else "starting"
        ended.wait(0.05)
    return "had ended"


def kill_worker(served: Served, outputs: Path, moment: float) -> str:
    """Kill -9 the worker `moment` seconds after it was given a run; another one starts."""
    data = {"source": "sample", "reviews": 600, "max_length": 120}
    settings = {"data": data, "run": {"outputs": str(outputs)}}
    worker = served.start_worker()
    with served.client() as client:
        deployment = client.read_deployment_by_name("train/train")
        client.create_flow_run_from_deployment(deployment.id, parameters={"settings": settings})
    time.sleep(moment)
    did, below = worker.lines[-1].split("| ")[-1].strip()[:60], worker.children()
    worker.kill()
    left = wait_until_gone(below, SECONDS)  # The run goes on without its worker.
    assert left == [], left
    return did


def processes_of(home: Path) -> list[psutil.Process]:
    """The processes whose environment names a Prefect home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("PREFECT_HOME") == str(home):
                found.append(process)
    return found


def trial(victim: str, home: Path, served: Served, outputs: Path, moment: float) -> tuple[str, str]:
    """One kill; gives what the run did last, and whether the command had to be run again."""
    if victim == "worker":
        did, status = kill_worker(served, outputs, moment), 1
    else:
        run = Process.main(home, *SMALL, "--outputs", outputs)
        victims = {
            "flow": lambda: [run],
            "server": run.servers,
            "branch": run.branches,
            "fork server": run.fork_servers,
        }
        did = kill(run, victims[victim], moment)
        status = run.wait(SECONDS)
    if status:
        last = Process.main(home, *SMALL, "--outputs", outputs)
        assert last.wait(SECONDS) == 0, last.output
    assert (left := wait_until_gone(processes_of(home))) == [], left
    return did, "yes" if status else "no"


def main(kills: int = 25, seed: int = 1) -> int:
    """The number of kills whose results differed is the exit status."""
    dice, table = random.Random(seed), Table("victim", "after (s)", "the run's last line", "run again", "same bits")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "prefect"
        Process.main(home, *SMALL, "--outputs", Path(folder) / "warm").wait()
        began = time.monotonic()
        assert Process.main(home, *SMALL, "--outputs", Path(folder) / "whole").wait() == 0
        seconds, expected = time.monotonic() - began, outcome(Path(folder) / "whole")
        with serving(Path(folder) / "served") as (_, settings):
            served = Served(Path(folder) / "served", settings)
            set_up_deployments(served)
            for number in range(kills):
                victim, moment = VICTIMS[number % len(VICTIMS)], dice.uniform(0, seconds)
                outputs = Path(folder) / f"run{number}"
                did, again = trial(victim, home, served, outputs, moment)
                same = outcome(outputs) == expected
                wrong += not same
                table.add_row(victim, f"{moment:.1f}", did, again, "yes" if same else "NO")
                print(f"{number + 1}/{kills}: {victim} after {moment:.1f} s: {same=}", flush=True)
            if served.worker:
                served.worker.end()
    Console().print(table)
    print(f"{kills - wrong} of {kills} ended with the bits of the undisturbed run")
    return wrong


if __name__ == "__main__":
    cyclopts.run(main)
