import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from artifacts import publish, sweep
from artifacts.figures.render import Picture, picture
from tasks.results.sweep import Dimension, Sweep
from tests.fixtures import sweeps

NASTY = '<script>alert(1)</script> | `code` ![x](http://e) [l](javascript:1) **b** & "q"\r\n# head'


@pytest.fixture(scope="module")
def s() -> Sweep:
    """A finished sweep of 30 trials."""
    return sweeps.searched()


@pytest.fixture(scope="module")
def drawn(s: Sweep) -> dict[str, Picture]:
    """Every figure, drawn."""
    return {drawing.stem: picture(drawing.draw(s)) for drawing in sweep.drawings(s)}


def made(s: Sweep, drawn: dict[str, Picture] | None = None) -> dict[str, str]:
    """The text files of the report."""
    found = {name: content() for name, content in sweep.files(s, drawn or {}).items()}
    return {name: content.decode() for name, content in found.items() if not name.endswith(".png")}


def test_the_report_has_its_figures_and_files(s: Sweep, drawn: dict[str, Picture]) -> None:
    files = made(s, drawn)
    assert {"report.html", "report.md", "summary.txt", "metrics.json", "slices.svg"} <= set(files)
    assert files["report.html"].count("<svg") == len(drawn) == 5
    assert re.findall(r"\]\((.*)\)", files["report.md"]) == [f"{stem}.png" for stem in drawn]
    ids = re.findall(r'\bid="([^"]+)"', files["report.html"])
    assert len(ids) == len(set(ids))


def test_the_answer_comes_first(s: Sweep) -> None:
    page = made(s)["report.html"]
    text = re.sub(r"<[^>]*>", "", page[page.index("<h1>") :])
    assert text.index("is better than the present settings") < text.index("Validation in the sweep")


def test_the_scores_of_the_finalists_and_of_the_present_settings() -> None:
    rows = sweep.scores(sweeps.confirmed()).records()
    assert rows[0] == {
        "settings": "Trial 2 (winner)",
        "validation in the sweep": 0.8812,
        "mean of 3 re-runs": 0.8745,
        "test accuracy (95%)": 0.882,
        "test accuracy (95%), 95% low": 0.876,
        "test accuracy (95%), 95% high": 0.888,
        "difference to the present (points, 95%)": 1.2,
        "difference to the present (points, 95%), 95% low": 0.4,
        "difference to the present (points, 95%), 95% high": 2.0,
        "p (Holm)": "0.011",
    }
    assert [row["settings"] for row in rows] == ["Trial 2 (winner)", "Trial 3", "Present settings"]
    assert "p (Holm)" not in rows[2]


def test_every_trial_is_a_row_that_sorts_as_numbers() -> None:
    table = sweep.all_trials(sweeps.confirmed())
    assert [cell.text for cell in table.cells()[1]] == [
        "1", "SimpleRNN", "32", "32", "0.001", "128", "failed", "", "", "0", "0.0", "the loss is not a number",
    ]  # fmt: skip
    assert [cell.number for cell in table.cells()[2]] == [2, None, 32, 32, 0.001, 128, None, 0.8812, 2, 2, 7.0, None]
    many = made(sweeps.searched(12))["report.html"]
    assert "All trials: 12 rows" in many
    assert 'data-value="0.001"' in many


def test_an_unfinished_sweep_has_a_page_too() -> None:
    trials = [sweeps.trial(n, 0.8 + n / 100) for n in range(7)]
    s = sweeps.sweep(trials)
    text = made(s)["report.md"]
    assert "Nothing is confirmed yet" in text
    assert [row["trial"] for row in sweep.best_trials(s).records()] == [6, 5, 4, 3, 2]
    assert sweep.scores(s).rows == ()
    ended = made(replace(s, end="signal"))["report.md"]
    assert "too few trials to say which settings matter" in ended
    assert "--units 22" in text  # The command of the best so far.


def test_a_sweep_in_which_all_failed_has_no_figures() -> None:
    s = sweeps.sweep([sweeps.trial(0, None, "failed", "x")], end="signal")
    assert sweep.drawings(s) == []
    assert "No trial is complete" in made(s)["report.html"]


def hostile() -> Sweep:
    """A sweep whose reasons, values and commands look like markup."""
    trials = [
        sweeps.trial(0, 0.8),
        sweeps.trial(1, None, "failed", NASTY),
        sweeps.trial(2, 0.85, settings=sweeps.PRESENT | {"cell": NASTY}),
    ]
    finalists = (sweeps.finalist(trials[2], 0.84, 0.01, 0.01), sweeps.finalist(trials[0], 0.8, None))
    dimensions = (Dimension("cell", ("gru", NASTY)), *sweeps.DIMENSIONS[1:])
    return sweeps.sweep(trials, finalists, dimensions=dimensions, command=NASTY, notes=(NASTY,))


def test_what_looks_like_markup_is_text_in_html() -> None:
    page = made(hostile())["report.html"]
    assert page.count("<script>") == 1  # Our own.
    assert "alert(1)" in html.unescape(page)


def test_what_looks_like_markup_is_text_in_markdown() -> None:
    text = made(hostile())["report.md"]
    assert "\r" not in text
    page = MarkdownIt("commonmark").enable("table").render(text)
    assert not re.findall(r"<(?:a|script|img|iframe)\b", page)
    assert page.count("<h1>") == 1
    assert len(re.findall(r"<th>Trial</th>|<th[^>]*>Trial</th>", page)) == 1
    assert "alert(1)" in html.unescape(page)


@pytest.mark.parametrize(
    "s", [sweeps.searched(), sweeps.confirmed(), sweeps.present_won(), sweeps.sweep([]), hostile()]
)
def test_the_summary_fits_into_a_terminal(s: Sweep) -> None:
    *lines, command = sweep.summary(s).splitlines()
    assert max(map(len, lines)) <= 79
    assert s.winner is None or command == s.winner.command
    assert "\x1b" not in sweep.summary(s)


def test_the_summary_has_the_finalists_the_luck_and_the_counts() -> None:
    text = sweep.summary(sweeps.confirmed())
    assert re.search(r"Trial 2 \(winner\) +0\.8812 +0\.8745 +0\.8820 +\+1\.20 \(\+0\.40 to \+2\.00\) +0\.011", text)
    flowing = " ".join(text.split())
    assert "0.7 points of its validation accuracy were luck" in flowing
    assert "4 trials: 3 complete, 1 failed." in flowing


def test_metrics_are_strict_json_even_if_a_loss_diverged() -> None:
    s = sweeps.confirmed()
    diverged = replace(s.trials[1], history=(replace(sweeps.epochs([0.5])[0], loss=float("nan")),))
    s = replace(s, trials=(s.trials[0], diverged, *s.trials[2:]))
    metrics: dict[str, Any] = json.loads(made(s)["metrics.json"], parse_constant=lambda _: pytest.fail("not strict"))
    assert metrics["trials"][1]["history"][0]["loss"] is None
    assert metrics["trials"][2]["validation"] == 0.8812
    assert metrics["finalists"][0]["luck"] == pytest.approx(0.0067)
    assert "roc" not in metrics["finalists"][0]["evaluations"][0]["best"]


def test_the_page_in_the_ui_is_small_and_whole(s: Sweep, drawn: dict[str, Picture]) -> None:
    artifact = publish.sweep_artifact(s, drawn)
    assert isinstance(artifact.content, str)
    assert artifact.key == "sweep"
    assert len(artifact.content.encode()) < publish.SWEEP_BYTES
    assert artifact.content.count("](data:image/webp") == len(drawn)
    small = publish.sweep_artifact(s, drawn, size=20_000).content
    assert isinstance(small, str)
    assert len(small.encode()) <= 20_000
    assert "(The figure parallel.png is in the sweep's folder once the sweep has ended.)" in small


class Client:
    """Stands in for Prefect's client: it keeps what would be sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update_artifact(self, _id: object, update: Any) -> None:
        """Keep an update."""
        self.sent.append(update.data)


def test_while_the_sweep_runs_its_page_promises_importances_for_the_end() -> None:
    running = replace(sweeps.searched(24), finalists=(), importances=(), end="running")
    assert [drawing.stem for drawing in sweep.drawings(running)] == ["slices", "best-so-far", "learning-curves"]
    text = sweep.markdown(running, lambda stem: stem)
    assert "is computed at the end of the sweep" in text
    assert "too few trials" not in text


def test_the_page_grows_at_growing_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    client, created = Client(), []
    monkeypatch.setattr(publish, "create_markdown_artifact", lambda text, **_: created.append(text) or 7)
    monkeypatch.setattr(publish, "get_client", lambda **_: client)
    monkeypatch.setattr(publish.sweep, "drawings", lambda _: [])
    page = publish.SweepPage()
    s = sweeps.searched(60)
    shown = [n for n in range(0, 61, 4) if page.grow(replace(s, trials=s.trials[:n], finalists=(), end="running"))]
    assert shown == [4, 8, 12, 20, 32, 48]
    page.finish(s, {})
    assert len(created) == 1
    assert len(client.sent) == len(shown)
    assert "is better than the present settings" in client.sent[-1]
