"""Bad command lines, environment variables and addresses: what each must be answered with."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from flows.main import run_command_line

DONE, FAILED, WRONG_SETTING = 0, 1, 2


class Case(NamedTuple):
    """A bad input.

    Attributes:
        group, name: what it is.
        act: gives it to the code, in a folder of its own; returns an exit status, or raises what the command line
            would turn into one line.
        expected: the exit statuses that are right.
    """

    group: str
    name: str
    act: Callable[[Path], int]
    expected: tuple[int, ...]


class AcceptedError(Exception):
    """A bad setting was believed: the run would have started."""


class WrongResultError(Exception):
    """The code gave another result than it should, without a word."""


def command(*arguments: str, **environment: str) -> Callable[[Path], int]:
    """What the command line does with arguments and environment; no run starts."""

    def act(folder: Path) -> int:
        with (
            patch.dict("os.environ", environment),
            patch("flows.commands.run_flow", side_effect=AcceptedError),
        ):
            return run_command_line([text.replace("{}", str(folder)) for text in arguments])

    return act


WHOLE_NUMBERS = {
    "epochs": ["0", "-1", "1001"], "batch-size": ["0", "-5", "10001"], "units": ["0", "-1", "1025"],
    "embedding": ["0", "-1", "1025"], "vocabulary-size": ["3", "-1", "1000001"], "max-length": ["1", "-1", "5001"],
    "reviews": ["9", "0", "-1"], "seed": ["-1", "2147483648"], "replicates": ["0", "-1", "1001"], "keep": ["0", "-1"],
}  # fmt: skip
NO_WHOLE_NUMBERS = ["", " ", "x", "1.5", "nan", "inf", "1e3", "0x10", "1,000", "--", "½", "$(id)", "9" * 5_000]
FRACTIONS = {
    "dropout": ["-0.1", "1", "1.5"], "learning-rate": ["0", "-1", "1.1"], "validation": ["0", "1", "-0.2"],
    "test-share": ["0", "1", "2"], "timeout": ["0", "-1"], "margin": ["-1", "101"], "non-inferior": ["0", "101"],
    "floor": ["-0.1", "1"], "slice-margin": ["-1", "101"],
}  # fmt: skip
NO_FRACTIONS = ["", "x", "nan", "inf", "-inf", "1e400", "0,5", "0.1.2", "1/2"]
CHOICES = {
    "source": ["", "IMDB", "internet"], "runner": ["", "slurm", "process,thread"], "vocabulary": ["", "mine"],
    "models": ["", "transformer", "lstm,gru", "../lstm"],
}  # fmt: skip
LINES = [
    "--nonsense", "nonsense", "--epochs", "--epochs=", "--epochs 1 2", "--data a.npz b.csv", "--positive good",
    "--data x.npz --positive a", "--test-data a.csv", "--test-share 0.5",
    "--data a.csv --test-data b.csv --test-share 0.1",
    "--models lstm lstm", "--models", "--data x.csv --positive=", "--smoke maybe", "--fresh 2", "--no-fresh",
    "--text-column=", "--label-column=", "-x", "---", "train --epochs 1", "diff", "diff a b c",
    "promote a b", "promote --margin x", "rollback --to x", "rollback --to 1.5", "champion x", "export", "export --to",
    "export --to {}/x --format keras", "drift", "score", "score a.csv --text b", "score a.csv --max-rejects 2",
    "score a.csv --max-rejects nan", "score --nonsense", "score a.csv --check-drift maybe", "history x",
    "history --epochs 3", "doctor --secure maybe", "doctor --epochs 0", "--share s3://u:p@b", "--address tcp://u:p@h",
]  # fmt: skip
MISSING = [
    "diff latest latest --outputs {}", "diff ../.. latest --outputs {}",
    "score {}/none.csv --outputs {}", "score {} --outputs {}", "score '' --outputs {}", "score {}/*.csv --outputs {}",
    "score --text x --outputs {}", "score --text x --model ../x --outputs {}", "score --text x --model : --outputs {}",
    "score --text x --model latest: --outputs {}", "score --text x --model champion --outputs {}",
    "export --to {}/new --outputs {}", "export --to {}/new --model latest --outputs {}",
]  # fmt: skip
SPEC = {"name": "deep", "cell": "gru", "units": [8], "embedding": 8}
SPEC_CHANGES = [
    {"name": ""}, {"name": "Deep"}, {"name": "../x"}, {"name": "a" * 41}, {"name": "a b"}, {"name": "a\n"}, {"name": 3},
    {"name": "é"}, {"name": "<b>"}, {"name": None}, {"name": "lstm"}, {"cell": "rnn"}, {"cell": None}, {"cell": []},
    {"units": []}, {"units": [0]}, {"units": [1025]}, {"units": 8}, {"units": [8] * 9}, {"units": ["x"]},
    {"units": [1.5]}, {"units": None}, {"units": {"a": 1}}, {"embedding": 0}, {"embedding": 1e99}, {"embedding": "x"},
    {"dropout": 1}, {"dropout": -1}, {"dropout": float("nan")}, {"dropout": float("inf")}, {"bidirectional": "perhaps"},
    {"unknown": 1}, {"__class__": "x"},
]  # fmt: skip
SPEC_TEXTS = {
    "null": "null", "number": "3", "list": "[]", "list of lists": "[[[]]]", "text": '"lstm"', "open": "{",
    "cut": '{"name": "dee', "single quotes": "{'name': 'deep', 'cell': 'gru'}", "nothing in it": "{}",
    "deep lists": "[" * 100_000, "deep objects": '{"a":' * 100_000, "deep and closed": "[" * 5_000 + "]" * 5_000,
    "huge": json.dumps(SPEC | {"name": "a" * 5_000_000}), "huge number": json.dumps(SPEC).replace("[8]", "9" * 5_000),
    "many units": json.dumps(SPEC | {"units": [8] * 100_000}), "half a character": '{"name": "\\ud800", "cell": "gru"}',
    "control": "{\x00}", "byte order mark": "\ufeff{}", "python": "__import__('os').system('id')",
}  # fmt: skip


def settings_cases() -> Iterator[Case]:
    """Settings by command line and by environment."""
    wrong = WHOLE_NUMBERS | FRACTIONS | CHOICES
    for option, values in wrong.items():
        more = NO_WHOLE_NUMBERS if option in WHOLE_NUMBERS else NO_FRACTIONS if option in FRACTIONS else []
        for value in [*values, *more]:
            yield Case("settings", f"--{option}={value[:20]}", command(f"--{option}={value}"), (WRONG_SETTING,))
        variable = f"RNN_{option.upper().replace('-', '_')}"
        for value in [*filter(None, values[:2]), "x\ny"]:
            yield Case("environment", f"{variable}={value!r}", command(**{variable: value}), (WRONG_SETTING,))
    for line in LINES:
        yield Case("settings", line, command(*line.split()), (WRONG_SETTING,))
    for line in MISSING:
        yield Case("settings", line, command(*line.replace("''", " ").split(" ")), (FAILED, WRONG_SETTING))


def spec_cases() -> Iterator[Case]:
    """`--spec`: wrong fields, no JSON, deep and huge JSON."""
    for change in SPEC_CHANGES:
        text = json.dumps(SPEC | change)
        yield Case("spec", str(change)[:40], command("--models", "lstm", "--spec", text), (WRONG_SETTING,))
    for name, text in SPEC_TEXTS.items():
        yield Case("spec", name, command("--spec", text), (WRONG_SETTING,))
        yield Case("spec", f"{name}, by environment", command(RNN_SPEC=text.replace("\x00", "\x01")), (WRONG_SETTING,))
