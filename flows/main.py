"""The command line: `python flows/main.py --help`.

What takes long to import is imported where it is needed: a wrong setting is named at once, the imports run while the
server starts, and branch processes, which import this module again, start sooner.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Env

from flows.config import Settings, setting_fault
from tasks.models.machine import quick_exit
from tasks.results.errors import one_line

HELP = """Train and compare recurrent networks on the IMDB reviews: data, training, evaluation, report.

Examples: `python flows/main.py --smoke`, `python flows/main.py --data imdb.npz --models simple_rnn lstm gru`.

Exit status: 0 done, 1 the run failed, 2 a setting is wrong, 130 stopped by Ctrl-C.
"""

app = App(
    name="flows/main.py",
    help=HELP,
    config=Env("RNN_", command=False),
    default_parameter=Parameter(consume_multiple=True, negative=()),
    suppress_keyboard_interrupt=False,
)


WEBHOOK = "Address that gets a line of JSON when the run ends; it stands in no record (URL)."


@app.default
def main(
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),  # noqa: B008 -- frozen
    webhook: Annotated[str | None, Parameter(help=WEBHOOK)] = None,
) -> int:
    """Run the pipeline."""
    # Prefect's notice on usage data would tear the progress bars apart; the run's own server sends none either.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from flows.runtime import api_server, ended_by_ctrl_c, run_page, say_errors_once

    if webhook:
        os.environ["RNN_WEBHOOK"] = webhook
    with api_server() as wait_for_server, ended_by_ctrl_c():
        from flows.train import train_flow

        say_errors_once()
        wait_for_server()
        state = train_flow(settings, return_state=True)
        folder = state.result()
    print(f"Report: {folder / 'report.html'}")
    print(f"In the UI: {run_page(state.state_details.flow_run_id)}")
    return 0


@app.command
def doctor(*, settings: Annotated[Settings, Parameter(name="*")] = Settings()) -> int:  # noqa: B008 -- frozen
    """Check server, versions, output folder, cache and data, mark dead runs, and say what to mend (exit status 1)."""
    from flows.operate.doctor import doctor as examine

    return examine(settings)


OUTPUTS = Parameter(help="Folder for data, models and reports.")


@app.command
def history(*, outputs: Annotated[Path, OUTPUTS] = Path("outputs")) -> int:
    """Print the runs so far: data, seeds, test accuracies, seconds."""
    from flows.operate.run_log import show_history

    return show_history(outputs)


@app.command
def compare(first: str, second: str, /, *, outputs: Annotated[Path, OUTPUTS] = Path("outputs")) -> int:
    """Print what differs between two runs, by name, the start of a name, or "latest"."""
    from flows.operate.run_log import show_differences

    return show_differences(outputs, first, second)


def run_command_line() -> int:
    """The command line, with its exit status."""
    try:
        return int(app(exit_on_error=False, print_error=False, result_action="return_value") or 0)
    except CycloptsError as error:
        print(f"Error: {setting_fault(error)}", file=sys.stderr)
        return 2
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"Error: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on after the last whole epoch of each network.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    quick_exit()
    sys.exit(run_command_line())
