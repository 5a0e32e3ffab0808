"""Kill runs at random moments, run the same command again, and compare the results with an undisturbed run's bits.

python -m tests.end_to_end.random_kills --kills 20 --seed 1

The victim is in turn the flow's process, its Prefect server and a branch's process; a run outlives the last two.
"""

import random
import tempfile
import threading
import time
from pathlib import Path

import cyclopts
from rich.console import Console
from rich.table import Table

from tests.end_to_end.harness import SMALL, Process, outcome

VICTIMS = ("flow", "server", "branch")


def kill(run: Process, victim: str, moment: float) -> str:
    """Kill -9 the victim `moment` seconds after the start, or as soon as it is there; gives what the run did last."""
    ended = threading.Event()
    threading.Thread(target=lambda: (run.wait(600), ended.set()), daemon=True).start()
    ended.wait(moment)
    while not ended.is_set():
        candidates = {"flow": lambda: [run], "server": run.servers, "branch": run.branches}[victim]()
        if candidates:
            candidates[0].kill()
            return run.lines[-1].split("| ")[-1].strip()[:60] if run.lines else "starting"
        ended.wait(0.05)
    return "had ended"


def main(kills: int = 20, seed: int = 1) -> int:
    """The number of kills whose results differed is the exit status."""
    dice, table = random.Random(seed), Table("victim", "after (s)", "the run's last line", "run again", "same bits")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "prefect"
        Process.main(home, *SMALL, "--outputs", Path(folder) / "warm").wait()
        began = time.monotonic()
        assert Process.main(home, *SMALL, "--outputs", Path(folder) / "whole").wait() == 0
        seconds, expected = time.monotonic() - began, outcome(Path(folder) / "whole")
        for number in range(kills):
            victim, moment = VICTIMS[number % len(VICTIMS)], dice.uniform(0, seconds)
            outputs = Path(folder) / f"run{number}"
            run = Process.main(home, *SMALL, "--outputs", outputs)
            did = kill(run, victim, moment)
            again = "no" if run.wait() == 0 else "yes"
            if again == "yes":
                assert (last := Process.main(home, *SMALL, "--outputs", outputs)).wait() == 0, last.output
            same = outcome(outputs) == expected
            wrong += not same
            table.add_row(victim, f"{moment:.1f}", did, again, "yes" if same else "NO")
            print(f"{number + 1}/{kills}: {victim} after {moment:.1f} s: {same=}", flush=True)
    Console().print(table)
    print(f"{kills - wrong} of {kills} ended with the bits of the undisturbed run")
    return wrong


if __name__ == "__main__":
    cyclopts.run(main)
