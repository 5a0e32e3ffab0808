"""A comparison of literal numbers: what the report says of it can be checked against them."""

import inspect
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from artifacts.chapter import all_drawings
from artifacts.figures.render import Picture, picture
from tasks.results.chapter import (
    Causes,
    CellState,
    Chapter,
    ExampleReview,
    GradientStart,
    KerasModel,
    LayerSummary,
    Lengths,
    Loop,
    Matrix,
    StateReading,
)
from tasks.results.comparison import (
    Basis,
    Comparison,
    Evidence,
    Finding,
    Findings,
    LengthBin,
    LengthTrend,
    ModelRanking,
    ModelSummary,
    Overfitting,
    Pair,
    ReviewText,
    SeedTest,
    Trace,
    YardstickComparison,
    YardstickTest,
)
from tasks.results.data import Dataset, Source, Split
from tasks.results.sizes import Crossing, Outlook, SizeCurves, SizeData, SizeLead, SizeNetwork, SizePoint
from tasks.results.training import (
    Branch,
    Confusion,
    Curve,
    Epoch,
    Estimate,
    Evaluation,
    Explanation,
    LabelScores,
    Machine,
    MemoryPoint,
    Predicted,
    Reach,
    Reliability,
    Scores,
    Threshold,
)
from tasks.results.yardstick import Suspect, Suspects, Yardstick

ACCURACIES = {"simple_rnn": 0.82, "lstm": 0.88}
MACHINE = Machine("Linux", "a processor", 2, 7.5, {"python": "3.11.7", "keras": "3.15.1"})


def estimate(value: float, half: float = 0.01) -> Estimate:
    """A value with an interval of so much on both sides."""
    return Estimate(value, value - half, value + half)


def branch(name: str, seed: int = 1) -> Branch:
    """Two epochs of a second each; the first is the best."""
    history = (Epoch(1, 0.5, 0.75, 0.4, 0.85, 1.0, 1.5), Epoch(2, 0.3, 0.9, 0.45, 0.8, 2.0, 2.5))
    return Branch(
        name=name,
        seed=seed,
        key="k",
        folder=Path("models") / name,
        spec={"name": name, "cell": name, "units": [32], "bidirectional": False},
        engine="compiled loops",
        threads=2,
        parameters=322_113,
        history=history,
        best_epoch=1,
        started=100.0,
        ended=104.5,
        cpu_seconds=30.0,
        peak_memory_mb=1_007.4,
        words_per_epoch=246_000,
        machine=MACHINE,
        digests={},
    )


def scores(accuracy: float, epoch: int = 2) -> Scores:
    """Scores of a network that is right in that share of 100 reviews."""
    right = round(50 * accuracy)
    return Scores(
        epoch=epoch,
        reviews=100,
        loss=0.4321,
        accuracy=accuracy,
        low=accuracy - 0.05,
        high=accuracy + 0.05,
        precision=0.81,
        recall=0.79,
        f1=0.8,
        auc=accuracy + 0.06,
        auc_low=accuracy + 0.04,
        auc_high=accuracy + 0.08,
        confusion=Confusion(Predicted(right, 50 - right), Predicted(50 - right, right)),
        roc=Curve((0.0, 0.25, 1.0), (0.0, 0.75, 1.0)),
        precision_recall=Curve((0.0, 0.5, 1.0), (1.0, 0.9, 0.5)),
        reliability=(Reliability(0.05, 0.1, 60), Reliability(0.95, 0.8, 40)),
        calibration_error=0.09,
        by_label=LabelScores(Estimate(accuracy, accuracy - 0.08, accuracy + 0.08), accuracy - 0.02, 0.9),
    )


def evaluation(name: str, seed: int = 1) -> Evaluation:
    """An evaluation; each further seed is right in one review more of a hundred."""
    last = scores(ACCURACIES.get(name, 0.5) + 0.01 * (seed - 1))
    return Evaluation(
        name=name,
        seed=seed,
        predictions=Path("predictions.parquet"),
        sha256="",
        last=last,
        best=scores(0.9, epoch=1),
        threshold=Threshold(0.46, 0.87, 0.86, 0.85),
        numpy_reviews=32,
        numpy_difference=1.2e-7,
        seconds=0.1,
    )


def explanation(name: str, seed: int = 1) -> Explanation:
    """A network that is right in 60 % with ten words and in 80 % with all; its gradient falls 20 steps back."""
    return Explanation(
        name=name,
        seed=seed,
        folder=Path("models") / name,
        digests={},
        memory=(MemoryPoint(10, estimate(0.6)), MemoryPoint(30, estimate(0.8))),
        memory_reviews=100,
        reaches={
            "initial": Reach((0, 20), (1.0, 0.5), (1.0, 0.6), (1.0, 0.7), 50, None),
            "first": Reach((0, 20), (1.0, 0.0), (1.0, 0.02), (1.0, 0.5), 50, None),
            "last": Reach((0, 20), (1.0, 0.0), (1.0, 0.009), (1.0, 0.02), 50, 20),
        },
        traces=((0.2, 0.9),),
        seconds=0.1,
    )


def pair(seeds: int = 1, difference: Estimate | None = None, p: float = 0.0004) -> Pair:
    """lstm against simple_rnn: six points better, or by another difference."""
    tests = tuple(SeedTest(seed, 78, 10, 4, 8, estimate(0.06, 0.02), 0.02) for seed in range(1, seeds + 1))
    tested = None if seeds == 2 else p
    return Pair("lstm", "simple_rnn", tests, difference or estimate(0.06, 0.02), basis(seeds), tested, tested)


def basis(seeds: int) -> Basis:
    """What an interval covers with so many seeds."""
    bases: dict[int, Basis] = {1: "reviews", 2: "range"}
    return bases.get(seeds, "seeds_and_reviews")


def findings(seeds: int = 1) -> Findings:
    """lstm gains more from early words, and its gradient reaches farther after training, not before."""
    over = basis(seeds)
    found = [Finding("forgets", "memory", "confirmed", estimate(0.05, 0.02), over, 90)]
    for at, simple, gated in (("initial", 400.0, 20.0), ("last", 60.0, 250.0)):
        found += [
            Finding("vanishes", at, "confirmed" if simple < 100 else "refuted", estimate(simple, 5), over, 50),
            Finding("survives", at, "confirmed" if gated > 100 else "refuted", estimate(gated, 5), over, 50),
            Finding("farther", at, "confirmed" if gated > simple else "refuted", estimate(gated - simple, 9), over, 50),
        ]
    found.append(Finding("longer", "length", "open", estimate(0.002, 0.004), over, 80))
    gains = {"simple_rnn": estimate(0.12), "lstm": estimate(0.17)}
    return Findings("simple_rnn", "lstm", seeds, 100, gains, tuple(found))


def trend(slope: Estimate | None = None) -> LengthTrend:
    """lstm's lead hardly changes with length; it leads by eight points on reviews that are cut."""
    return LengthTrend("lstm", "simple_rnn", slope or estimate(0.002, 0.004), "reviews", 80, estimate(0.08), 20)


def evidence(seeds: int = 1) -> Evidence:
    """The evidence on simple_rnn and lstm."""
    review = ReviewText(7, 1, ("a", "fine", "film"), {"simple_rnn": 0.4, "lstm": 0.913})
    lines = {"simple_rnn": (0.5, 0.6, 0.4), "lstm": (0.5, 0.7, 0.913)}
    deviation = 0.01 if seeds > 1 else None
    models = [
        ModelSummary(name, seeds, estimate(ACCURACIES[name]), basis(seeds), deviation, 0.9)
        for name in ("lstm", "simple_rnn")
    ]
    bins = (LengthBin(5, 100, 50, estimate(0.8)), LengthBin(101, 400, 50, estimate(0.7)))
    return Evidence(
        models=tuple(models),
        pairs=(pair(seeds),),
        ranking=(("lstm",), ("simple_rnn",)),
        kept=ModelRanking((pair(seeds, estimate(0.02, 0.01)),), (("lstm",), ("simple_rnn",))),
        overfitting={
            "simple_rnn": Overfitting((4,), 10, 0.36, 0.63, 0.86, 0.82),
            "lstm": Overfitting((10,), 10, 0.4, 0.4, 0.88, 0.88),
        },
        chance=0.5,
        findings=findings(seeds),
        trend=trend(),
        lengths={"lstm": bins, "simple_rnn": bins},
        traces=(Trace("only_best_right", review, lines),),
        mistakes={"lstm": (), "simple_rnn": (review,)},
        disagreements=(review,),
    )


def dataset() -> Dataset:
    """A dataset without files."""
    split = Split(Path("test.parquet"), "", Path("test.arrow"), "", 100, 50, {"50%": 174.0, "mean": 233.77}, 0.0123)
    return Dataset(
        folder=Path("data"),
        fingerprint="f1",
        source=Source("file", Path("own.npz"), "5ha", "own.npz"),
        vocabulary_size=50,
        max_length=30,
        train=split,
        test=split,
        vocabulary=Path("vocabulary.json"),
        vocabulary_sha256="",
        word_index=None,
        word_index_sha256=None,
        imdb=True,
        example="a fine film",
        columns={},
    )


def comparison(seeds: int = 1) -> Comparison:
    """simple_rnn and lstm with so many seeds each, in the order in which they were asked for."""
    networks = [(name, seed) for seed in range(1, seeds + 1) for name in ACCURACIES]
    return Comparison(
        run="20260101-000000-abc",
        dataset=dataset(),
        branches=tuple(branch(*network) for network in networks),
        evaluations=tuple(evaluation(*network) for network in networks),
        explanations=tuple(explanation(*network) for network in networks),
        evidence=evidence(seeds),
        reproduction=(),
        settings={"training": {"validation": 0.2, "epochs": 2}, "data": {"data": None}},
        command="python flows/main.py",
        durations={"fetch": 1.0, "train": 12.34},
    )


def with_yardstick(c: Comparison, *differences: float, accuracy: float = 0.887, p: float = 0.001) -> Comparison:
    """The comparison beside a bag of words from which the networks differ so much, at both epochs."""
    bag = Yardstick(
        folder=Path("data"),
        digests={},
        strength=3.0,
        strengths=(1.0, 3.0, 10.0),
        class_weight="none",
        reviews=80,
        features=9_996,
        accuracy=estimate(accuracy),
        by_label=LabelScores(Estimate(0.8869, 0.88, 0.89), 0.88, 0.95),
        auc=0.955,
        validation_accuracy=0.8928,
        validation_balanced=0.8929,
        cpu_seconds=1.84,
    )
    tests = tuple(
        YardstickTest(branch.name, SeedTest(branch.seed, 78, 10, 4, 8, estimate(difference), p / 2), p)
        for branch, difference in zip(c.branches, differences, strict=True)
    )
    return replace(c, yardstick=YardstickComparison(bag, tests, tests))


def with_suspects(c: Comparison, *words: str) -> Comparison:
    """The comparison with two labels that may be wrong, of reviews with these words."""
    test = Suspect("test", 7, "a/r.csv", 12, 0, 0.95, 0.95, {"simple_rnn": 0.99, "lstm": 0.97}, words)
    training = Suspect("train", 3, "a/r.csv", 1_004, 1, 0.9, 0.1, {}, words)
    return replace(c, suspects=Suspects(judged=200, contradicted=15, written=15, first=(test, training)))


def with_sizes(c: Comparison, **changes: Any) -> Comparison:
    """The comparison with networks on 1,000, 3,000 and 10,000 reviews, too: lstm overtakes simple_rnn."""
    values: dict[str, Any] = {
        "is_balanced": False,
        "vocabulary_of": "subset",
        "epochs": (2, 2),
        "data": tuple(
            SizeData(size, unknown, estimate(bag), size / 5_000)
            for size, unknown, bag in (
                (1_000, 0.151, 0.79),
                (3_000, 0.1, 0.84),
                (10_000, 0.07, 0.87),
                (20_000, 0.05, 0.887),
            )
        ),
        "points": tuple(
            SizePoint(name, size, 3, estimate(accuracy), size / 1_000)
            for name, accuracies in (("simple_rnn", (0.7, 0.74, 0.8, 0.82)), ("lstm", (0.6, 0.76, 0.84, 0.88)))
            for size, accuracy in zip((1_000, 3_000, 10_000, 20_000), accuracies, strict=True)
        ),
        "leads": (SizeLead("simple_rnn", "lstm", 1_000, 3, estimate(0.1), 0.001),),
        "crossings": (Crossing("simple_rnn", 1_000, "lstm", 10_000),),
        "outlooks": (
            Outlook("simple_rnn", "bends", 4, 3, (), 0.2, 0.18, 0.162, estimate(0.105), estimate(0.01, 0.002)),
            Outlook(
                "lstm", None, 4, 3, (), 0.31, 0.12, 0.121, estimate(-0.008, 0.03), Estimate(0.0061, 0.0021, 0.0109)
            ),
        ),
        "networks": (SizeNetwork("lstm", 1_000, 1, Path("models/lstm-1000"), 2, 0.6, 1.0),),
    }
    return replace(c, sizes=SizeCurves(**(values | changes)))


def states(timesteps: int, units: int) -> Matrix:
    """States between -1 and 1."""
    return tuple(tuple(((t + unit) % 5) / 2 - 1 for unit in range(units)) for t in range(timesteps))


def chapter() -> Chapter:
    """The numbers of the chapter page: a loop, two models, and both networks."""
    shapes = {"inputs": (100, 32), "W": (64, 32), "np.stack(outputs)": (100, 64), "np.concatenate(outputs)": (6400,)}
    embedding = LayerSummary("Embedding", (None, 500, 32), 320_000)
    simple = LayerSummary("SimpleRNN", (None, 500, 32), 2_080)
    norms = (1.0, 0.5, 0.25)
    return Chapter(
        loops=(Loop("simple_rnn", "def simple_rnn():\n    return `<b>`", shapes, states(4, 3), states(4, 3), 0.97),),
        models=(
            KerasModel("all", "def all_outputs(): ...", (embedding, simple)),
            KerasModel("lstm", "def one_lstm(): ...", (embedding, LayerSummary("LSTM", (None, 32), 8_320))),
        ),
        example=ExampleReview(7, 1, ("a", "fine", "<b>film</b>"), (1, 6, 9, 8)),
        lengths=Lengths((0.0, 100.0, 200.0), (60, 40), 2_494, 0.5553, 0.084),
        readings=(StateReading("simple_rnn", "simple_rnn", 5.8e-7, states(6, 3), 2),),
        causes=(
            Causes(
                "simple_rnn", "simple_rnn", 8,
                (GradientStart("as_built", 228.0, norms), GradientStart("random_uniform", 3.0, norms)),
                (
                    CellState("initial", 228.0, radius=1.0, slope=0.98),
                    CellState("first", 119.0, radius=1.05, slope=0.94),
                    CellState("last", 310.0, radius=1.12, slope=0.88),
                ),
            ),
            Causes(
                "lstm", "lstm", 8,
                (
                    GradientStart("as_built", 24.0, norms),
                    GradientStart("forget_bias_0", 9.0, norms),
                    GradientStart("forget_bias_3", 500.0, norms),
                ),
                (
                    CellState("initial", 24.0, gate=0.738, gate_words=15.0),
                    CellState("first", 135.0, gate=0.74, gate_words=16.0),
                    CellState("last", 212.0, gate=0.742, gate_words=22.0),
                ),
            ),
        ),
        seconds=1.0,
    )  # fmt: skip


def pictures(c: Comparison) -> dict[str, Picture]:
    """Every figure of the report, drawn."""
    return {drawing.stem: picture(drawing.draw(c)) for drawing in all_drawings(c)}


def functions(*modules: ModuleType) -> list[tuple[ModuleType, str]]:
    """Every public function that a module defines."""
    return [
        (module, name)
        for module in modules
        for name, _ in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and inspect.getmodule(getattr(module, name)) is module
    ]
