"""The command line: `python flows/main.py --help`.

Slow imports stand in the functions that need them: a wrong setting is reported at once, the imports run while the
server starts, and branch processes, which import this module again, start sooner.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from inspect import BoundArguments

if __name__ == "__main__":
    # Until the imports are done, Ctrl-C has nothing to tidy up, and its traceback helps nobody.
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Env

from flows import registry_commands, score_command
from flows.command import Outputs, Webhook, run_flow, say_page
from flows.config import Settings, setting_error
from flows.operate.environment import load_prefect, prepare_environment, say
from flows.operate.process import quick_exit
from tasks.results.errors import PipelineError, SettingError, is_text, one_line, shortened

HELP = """Train and compare recurrent networks on the IMDB reviews: data, training, evaluation, report.

Examples: `uv run flows/main.py --smoke`, `uv run flows/main.py --data imdb.npz --models simple_rnn lstm gru`.

Exit status: 0 success, 1 the run failed, 2 a setting is wrong, 3 too many rows cannot be scored (--max-rejects), 130
stopped by Ctrl-C (143 by SIGTERM, 129 by SIGHUP).
"""

app = App(
    name="flows/main.py",
    help=HELP,
    config=Env("RNN_", command=False),
    default_parameter=Parameter(consume_multiple=True, negative=()),
    suppress_keyboard_interrupt=False,
)

SECURE = "Instead of checking, write a password for this machine's Prefect server into `.env`."


@app.default
def main(
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),
    webhook: Webhook = None,
) -> int:
    """Run the pipeline."""

    def load() -> Any:
        from flows.fork_server import import_ahead

        import_ahead(settings)
        from flows.train import train_flow

        return train_flow

    state = run_flow(load, settings, webhook=webhook)
    folder = state.result()
    say("\n" + (folder / "summary.txt").read_text(encoding="utf-8"))
    say(f"Report: {folder / 'report.html'}")
    say(f"Networks: {folder.parents[1] / 'models'}")
    say_page(state)
    return 0


@app.command
def doctor(
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),
    secure: Annotated[bool, Parameter(help=SECURE)] = False,
) -> int:
    """Check versions, server, output folder, data and cache; mark dead runs; list what to fix (then exit status 1)."""
    prepare_environment()
    if secure:
        from flows.operate.secure import secure as protect

        say(f"{protect()}: a password for the Prefect server on this machine; server, worker and runs read it here")
        return 0
    load_prefect()
    from flows.operate.doctor import doctor as examine

    return examine(settings)


@app.command
def history(*, outputs: Outputs = Path("outputs")) -> int:
    """Print all runs: data, seeds, test accuracies, seconds."""
    from flows.operate.run_log import show_history

    return show_history(outputs)


@app.command
def diff(first: str, second: str, /, *, outputs: Outputs = Path("outputs")) -> int:
    """Print the differences between two runs, each given by its name, the start of it, or "latest"."""
    from flows.operate.run_log import show_differences

    return show_differences(outputs, first, second)


app.command(diff, name="compare", show=False)  # The former name, accepted until 1.0.
registry_commands.register(app)
score_command.register(app)


def _parse(arguments: Sequence[str]) -> tuple[Callable[..., Any], BoundArguments]:
    """The command, with its settings from the command line and the environment.

    Raises:
        CycloptsError: a setting is wrong.
        SettingError: a setting is no UTF-8, or JSON that Python cannot hold.
    """
    for value in (*arguments, *(value for name, value in os.environ.items() if name.startswith("RNN_"))):
        if not is_text(value):
            raise SettingError(f"found {shortened(ascii(value))}, which is not UTF-8; rename the file")
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except (RecursionError, ValueError) as error:
        raise SettingError(f"--spec: found JSON that is too deep or too long ({shortened(error)})") from None
    return command, bound


def run_command_line(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status."""
    try:
        command, bound = _parse(arguments)
        return int(command(*bound.args, **bound.kwargs) or 0)
    except CycloptsError as error:
        say(f"Error: {setting_error(error)}", error=True)
        return 2
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        say(f"Error: {line}", error=True)
        return error.status if isinstance(error, PipelineError) else 1
    except KeyboardInterrupt as stop:
        say("Stopped. What is completed is kept: the same command resumes.", error=True)
        return 128 + getattr(stop, "signal_number", signal.SIGINT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    quick_exit()
    sys.exit(run_command_line(sys.argv[1:]))
