"""The command line: `python flows/main.py --help`.

Slow imports are in the functions that need them, so that a wrong setting is reported at once, the imports run while
the server starts, and branch processes, which import this module again, start sooner.
"""

import builtins
import difflib
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from inspect import BoundArguments
from pathlib import Path

if __name__ == "__main__":
    if hasattr(builtins, "get_ipython"):  # `%run flows/main.py`: the kernel may lack what is imported below.
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        from flows.notebook import run_magic

        run_magic(sys.argv[1:])
        sys.exit()
    # Until the imports are done, there is nothing to tidy up after Ctrl-C, and a traceback would be noise.
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    if sys.platform == "win32":
        sys.exit("Error: this is Windows, where runs cannot be stopped safely; use WSL, Linux or macOS")
    try:
        Path.cwd()
    except OSError as error:
        sys.exit(f"Error: the working folder: {error.strerror}; change to a folder that exists")
    # With PYTHONWARNINGS=error, the first warning of any library would end the run, here or in a branch process.
    if any(option.startswith("error") for option in sys.warnoptions):
        sys.warnoptions.clear()
        os.environ.pop("PYTHONWARNINGS", None)
        warnings.resetwarnings()

from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter, UnknownOptionError, UnusedCliTokensError
from cyclopts.argument import Argument
from cyclopts.config import Env
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.commands import COMMANDS, Webhook, run_training
from flows.environment import (
    STOPPED,
    open_closed_streams,
    quick_exit,
    say,
    stop_signal,
    tolerate_any_encoding,
    unexpected,
)
from flows.settings import Settings, masked
from tasks.errors import PipelineError, SettingError, is_text, one_line, shortened
from tasks.models.spec import ModelSpec

HELP = """Train and compare recurrent networks on the IMDB reviews: data, training, evaluation, report.

Examples: `uv run flows/main.py --smoke`, `uv run flows/main.py --data imdb.npz --models simple_rnn lstm gru`,
`uv run flows/main.py sweep --search units=16,32,64 learning_rate=1e-4..1e-2:log --trials 20`.

Exit status: 0 success, 1 the run failed, 2 a setting is wrong, 3 too many rows cannot be scored (--max-rejects), 130
stopped by Ctrl-C (143 by SIGTERM, 129 by SIGHUP).
"""
app = App(
    name="flows/main.py",
    help=HELP,
    config=Env("RNN_", command=False),
    group_commands=Group("Commands", sort_key=100),
    default_parameter=Parameter(consume_multiple=True, negative=()),
    suppress_keyboard_interrupt=False,
)


@app.default
def main(
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),
    webhook: Annotated[Webhook, Parameter(group="Run")] = None,
) -> int:
    """Run the pipeline."""
    return run_training("flows.train:train_flow", settings, webhook)


for command in COMMANDS:
    app.command(command)


def _parse(arguments: Sequence[str]) -> tuple[Callable[..., Any], BoundArguments]:
    """The command, with its settings from the command line and the environment.

    Raises:
        CycloptsError: a setting is wrong.
        SettingError: a setting is not UTF-8, or is JSON that Python cannot parse.
    """
    for value in (*arguments, *(value for name, value in os.environ.items() if name.startswith("RNN_"))):
        if not is_text(value):
            raise SettingError(f"found {shortened(ascii(value))}, which is not UTF-8; rename the file")
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except (RecursionError, ValueError) as error:
        raise SettingError(f"--spec: found JSON that is too deep or too long ({shortened(error)})") from None
    return command, bound


def setting_error(error: CycloptsError) -> str:
    """One line for each wrong setting: its option or environment variable as the user wrote it, and the fault."""
    if isinstance(error, UnusedCliTokensError):
        return _unused([str(token) for token in error.unused_tokens or ()])
    if isinstance(error, UnknownOptionError) and (owners := _commands_with(error.token.keyword or "")):
        return f"{error.token.keyword}: an option of {', '.join(owners)}; --help of each command lists its options"
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    keywords = dict(_keywords(error.argument)) if error.argument else {}
    return "\n".join(_fault(fault, keywords) for fault in cause.errors())


def _unused(tokens: Sequence[str]) -> str:
    """What is wrong with arguments that no command takes."""
    extra = " ".join(map(repr, tokens))
    similar = difflib.get_close_matches(tokens[0], [command.__name__ for command in COMMANDS], 1) if tokens else []
    if similar:
        return f"found {extra}, which is not a command; did you mean {similar[0]}?"
    return f"found {extra}, which is not an option; --help lists commands and options"


def _commands_with(option: str) -> list[str]:
    """The commands that have an option; a training run has no name of its own."""
    owners = {command.__name__: app[command.__name__] for command in COMMANDS}
    found = [name for name, owner in owners.items() if option in _options(owner)]
    return ["a training run", *found] if option in _options(app) else found


def _options(owner: App) -> set[str]:
    return {name for argument in owner.assemble_argument_collection() for name in argument.names}


_EXAMPLE = """'{"name": "deep", "cell": "gru", "units": [64, 32]}'"""
_KEYS = ", ".join(f'"{key}"' for key in ModelSpec.model_fields)
# By the kind of pydantic's error in a network's description: what was expected.
SPEC_FAULTS = {
    "model_type": f"expected JSON, with keys and texts in double quotes, such as {_EXAMPLE}",
    "missing": f"this key is missing; expected keys as in {_EXAMPLE}",
    "extra_forbidden": f"there is no such key; the keys are {_KEYS}",
}


def _keywords(argument: Argument) -> Iterator[tuple[tuple[str, ...], str]]:
    """For each given setting, its path in the settings tree and the option or environment variable that set it."""
    if argument.tokens and argument.tokens[0].keyword:
        yield argument.keys, argument.tokens[0].keyword
    for child in argument.children:
        yield from _keywords(child)


def _fault(fault: ErrorDetails, keywords: dict[tuple[str, ...], str]) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    path = tuple(str(part) for part in fault["loc"])
    keyword = keywords.get(path[:2])
    if keyword is None:
        return message
    field = next((part for part in path[2:] if not part.isdigit()), None)
    name = f"{keyword}, {field}" if field else keyword
    if fault["type"] in SPEC_FAULTS:
        message = SPEC_FAULTS[fault["type"]]
    expected = re.sub("^(Input|String) should", "it should", message)
    value = fault["input"]
    found = repr(masked(value)) if isinstance(value, str) else masked(repr(value))
    return f"{name}: found {shortened(found)}; {expected}"


def run_command_line(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status."""
    try:
        command, bound = _parse(arguments)
        return int(command(*bound.args, **bound.kwargs) or 0)
    except CycloptsError as error:
        say(f"Error: {setting_error(error)}", error=True)
        return 2
    except Exception as error:
        if number := stop_signal():  # Libraries wrap what a signal raises in their callbacks.
            return _stopped(number)
        say(f"Error: {one_line(error) or unexpected(error)}", error=True)
        return error.status if isinstance(error, PipelineError) else 1
    except KeyboardInterrupt as stop:
        return _stopped(getattr(stop, "signal_number", signal.SIGINT))


def _stopped(number: int) -> int:
    say(STOPPED, error=True)
    return 128 + number


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    quick_exit()
    open_closed_streams()
    tolerate_any_encoding()
    sys.exit(run_command_line(sys.argv[1:]))
