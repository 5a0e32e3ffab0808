"""Sentences of the report and of the reader page, made from the numbers in `tasks.results`."""

import math
from collections.abc import Mapping, Sequence
from typing import cast

from artifacts.blocks import Code, Link, Shade, Spans
from artifacts.formats import join_names, network_name, network_names, plural
from artifacts.markup import label_names, one_line
from artifacts.wording import uneven
from tasks.errors import shortened
from tasks.results.comparison import Comparison, ReviewKind, ReviewText, Trace
from tasks.results.data import DataFault, FaultKind
from tasks.results.export import MAX_WEIGHT_BYTES, ReaderNetwork, ReaderPage
from tasks.results.sweep import Sweep
from tasks.results.training import Branch
from tasks.storage.layout import CHAPTER_PAGE, READER

MAX_MEGABYTES = MAX_WEIGHT_BYTES // 1_000_000


def about_reader(reader: ReaderPage) -> Spans:
    """Where to find the reader, or why there is none."""
    if not reader.ranks:
        return ("There is no page to try the networks on your own text: the data came without a word index.",)
    if not reader.networks:
        limit = f"{MAX_MEGABYTES} MB"
        return (f"There is no page to try the networks on your own text: the weights of each exceed {limit}.",)
    return Link("Type a review and watch the networks read it", READER), ", word by word, in your browser."


def network_summary(network: ReaderNetwork) -> str:
    """A network's kind, size and epoch."""
    both = "Bidirectional " if network.bidirectional else ""
    sizes = " + ".join(map(str, network.units))
    return (
        f"{both}{network_name(network.cell)}, {sizes} units · epoch {network.epoch}, its best by balanced validation "
        f"accuracy ({network.balanced_accuracy:.4f})"
    )


ABOUT_CHAPTER: Spans = (
    Link("The chapter, with this run's networks", CHAPTER_PAGE),
    ": each part of the tutorial, from the loop by hand to what the book says, with the numbers of this run.",
)
HOW_TO_SORT = "Click a column heading to sort a table."
ABOUT_MCNEMAR = (
    "McNemar's test looks only at the reviews on which exactly one of the two networks is right. If both were equally "
    "good, each would be right on about half of these; p is the probability of a split at least as uneven."
)
NOT_COMPARED = "Only one model was trained, so there is nothing to compare it with."
ABOUT_INTERVALS = (
    "Intervals are at 95%: Wilson's for a single accuracy, by bootstrap over reviews for an AUC, Agresti and Min's for "
    "a paired difference. Over three or more seeds they cover seeds and reviews together (crossed random effects, "
    "degrees of freedom by Hillis 2007); over two seeds the lower and the higher value are given instead."
)
ABOUT_MEMORY = (
    "Each review is shown with only its last words; padding replaces the rest. A model that gains nothing from more "
    "words does not use them."
)
NO_MISTAKES = "None."
ABOUT_READING = (
    "Each model's answer if the review ended after a word. Words outside the vocabulary are shown as ⟨unknown⟩."
)


def positive(c: Comparison) -> str:
    """The name of the positive label, in quotes."""
    return f"“{label_names(c.dataset.labels)[1]}”"


def about_overview(c: Comparison) -> str:
    """Which epochs the first table is about, and what the loss beside it is."""
    loss = "The loss is the mean binary cross-entropy in nats: 0 is perfect"
    if not c.dataset.is_uneven:
        return (
            "Test and validation accuracy are those after the last epoch, as in the tutorial; the best epoch is the "
            f"one with the best balanced validation accuracy. {loss}, and 0.69, the natural logarithm of 2, is what "
            "answering 50% to every review gets."
        )
    shares = (c.dataset.rarer_share, 1 - c.dataset.rarer_share)
    always = -sum(share * math.log(share) for share in shares if share)
    return (
        "All scores are those at the best epoch, which is the one with the best balanced validation accuracy; all but "
        "that one are of the test reviews. F1 is the harmonic mean of precision "
        f"and recall, PR area is the area under the precision-recall curve of {uneven.rarer(c)}. {loss}, and about "
        f"{always:.2g} is what giving every review the share of {uneven.rarer(c)} as its probability gets."
    )


def about_scores(c: Comparison) -> str:
    """What the further scores are."""
    low, high = (f"“{label}”" for label in label_names(c.dataset.labels))
    return (
        "These scores are from the last epoch. AUC, the area under the ROC curve, is the probability that a network "
        f"gives a random {high} review a higher probability than a random {low} one. Precision is the share of the "
        f"reviews called {high} that are {high}, recall is the share of the {high} reviews that are called so, and "
        "F1 is their harmonic mean."
    )


def about_calibration(c: Comparison) -> str:
    """What calibration is."""
    return (
        "A network is calibrated if its probabilities are shares: of the reviews to which it gives 80%, 80% are "
        f"{positive(c)}. The expected calibration error is the mean distance between the two over all reviews."
    )


def legend(c: Comparison) -> Spans:
    """What the colours of words mean."""
    low, high = label_names(c.dataset.labels)
    return f"Probability of {positive(c)}: ", Shade(low, 0), " ", Shade("undecided", 5), " ", Shade(high, 10)


def title(c: Comparison) -> str:
    """The title of the report."""
    return f"{network_names(c.models())} on the {c.dataset.title}"


def out_of_time(minutes: float | None, epochs: int, branches: Sequence[Branch]) -> str | None:
    """Which networks `--minutes` stopped before their last epoch; None if it stopped none."""
    stopped = [f"{branch.label} after {len(branch.history)}" for branch in branches if len(branch.history) < epochs]
    if minutes is None or not stopped:
        return None
    return (
        f"--minutes {minutes:g} stopped networks before the last of {plural(epochs, 'epoch')}: {join_names(stopped)}. "
        "Their last epoch is the last completed one, so networks may differ in how long they were trained. The same "
        "command without --minutes resumes."
    )


# What a fault of the data is, after "12 of 340"; and what it means or what helps.
FAULTS: dict[FaultKind, str] = {
    "shared": "test reviews have the text of a training review",
    "grouped": "test reviews belong to a group of the training part",
    "alike": "test reviews are like a training review but for case, spaces, signs and markup",
    "repeated": "reviews repeat the text of another one in their part",
    "contradicting": "reviews have a text that occurs with both labels",
    "wordless": "reviews have no word",
    "unread": "reviews have no word that the networks know",
    "unseparated": "training reviews are one long word",
}
# Faults that count the reviews of another one, too.
WIDER: dict[FaultKind, FaultKind] = {"grouped": "shared", "alike": "shared", "unread": "wordless"}
MEANINGS: dict[FaultKind, str] = {
    "shared": "They make the test results too good; --test-share keeps equal texts together.",
    "grouped": "The test results may be too good for texts of new groups.",
    "alike": "They are known but for details and may make the test results too good. Equal texts count, too.",
    "repeated": "They count several times in training, or in the test.",
    "contradicting": "No network can be right on all of them.",
    "wordless": "The networks read nothing of them.",
    "unread": "The networks read nothing that they know.",
    "unseparated": "Nothing in them separates words, so the networks learn nothing from them.",
}


def warnings(c: Comparison | Sweep) -> list[str]:
    """Warnings to read before any number."""
    found = []
    if c.dataset.is_sample:
        found.append("These are the made-up reviews of the bundled sample: the numbers say nothing about IMDB.")
    serious = [f"{fault.reviews:,} of {fault.total:,} {FAULTS[fault.kind]}" for fault in _serious(c.dataset.faults())]
    return [*found, f"The data: {'; '.join(serious)}."] if serious else found


def _serious(faults: Sequence[DataFault]) -> list[DataFault]:
    """The serious faults, without those that a narrower one covers."""
    counts = {fault.kind: fault.reviews for fault in faults}
    covered = {wide for wide, narrow in WIDER.items() if counts.get(wide) == counts.get(narrow)}
    return [fault for fault in faults if fault.is_serious and fault.kind not in covered]


def dropped(c: Comparison) -> str | None:
    """Which rows were left out; None if none were."""
    survey = c.dataset.source.survey
    if survey is None or not survey.dropped:
        return None
    each = [
        f"{plural(rows, 'row')} {f'labelled “{one_line(label)[:40]}”' if label.strip() else 'without a label'}"
        for label, rows in survey.dropped.items()
    ]
    return f"Left out by --drop: {join_names(each)}."


def name(c: Comparison, branch: Branch) -> str:
    """The name of a network, with its seed if the run has several seeds."""
    shown = network_name(branch.name)
    return f"{shown} seed {branch.seed}" if c.has_several_seeds() else shown


def about_run(c: Comparison) -> Spans:
    """The run and its data, on one line."""
    validation = cast(Mapping[str, float], c.settings["training"])["validation"]
    training, test = c.dataset.train.reviews, c.dataset.test.reviews
    reviews = f"{training:,} training reviews (the last {validation:.0%} for validation) and {test:,} test reviews"
    return "Run ", Code(c.run), f" · {reviews} · dataset ", Code(c.dataset.fingerprint)


def more_in_html(c: Comparison) -> str:
    """Where to find the parts that markdown leaves out."""
    return (
        f"Mistakes and reviews read word by word are in report.html of run {c.run}; in the Prefect UI, in "
        "the artifacts report-failed and report-reading."
    )


def left_out(stem: str) -> str:
    """The replacement for a figure that this page does not have."""
    return f"(The figure {stem}.png is in the run's folder; the UI has it if it is on the page of a question.)"


def not_drawn(stem: str) -> str:
    """The replacement for a figure that could not be drawn."""
    return f"(The figure {stem} could not be drawn; the run's log says why.)"


def not_made(error: Exception) -> str:
    """The replacement for a part of the report that could not be made."""
    return f"(A part could not be made: {type(error).__name__}, {shortened(error)}. The numbers are in metrics.json.)"


def about_pairs(c: Comparison) -> str:
    """How pairs of models are compared."""
    pairs = len(c.evidence.pairs)
    tests = {
        "reviews": "With one seed each, the test is McNemar's and speaks of these trained networks only.",
        "range": "Two seeds are too few for a test.",
        "seeds_and_reviews": "The test covers seeds and reviews together.",
    }
    test = tests[c.evidence.pairs[0].basis]
    correction = f" p is corrected for {pairs} comparisons (Holm)." if pairs > 1 else ""
    return (
        f"Both models of a pair read the same {c.dataset.test.reviews:,} test reviews. The difference is the first "
        f"model's accuracy minus the second's, in percentage points. {test}{correction}"
    )


def about_lengths(c: Comparison) -> str:
    """What the figure of accuracy by length shows."""
    return (
        "All bins contain about the same number of reviews. Reviews longer than "
        f"{c.dataset.max_length} words are cut at the start."
    )


def reason(c: Comparison, reason: ReviewKind) -> str:
    """Why a review was chosen to be read word by word."""
    best, last = (network_name(c.evidence.models[number].name) for number in (0, -1))
    reasons: dict[ReviewKind, str] = {
        "all_right_positive": "Every model is right",
        "all_right_negative": "Every model is right",
        "all_wrong": "Every model is wrong",
        "only_best_right": f"{best} is right, {last} is wrong",
        "only_last_right": f"{last} is right, {best} is wrong",
        "long": "A long review",
    }
    return reasons[reason]


def label(c: Comparison, review: ReviewText) -> str:
    """The label of a review."""
    return f"label: {label_names(c.dataset.labels)[1 if review.label else 0]}"


def trace(c: Comparison, trace: Trace) -> str:
    """The summary line of a review that is read word by word."""
    return f"{reason(c, trace.reason)}: review {trace.review.review_id}, {label(c, trace.review)}"


def reading(c: Comparison, model: str, probability: float) -> Spans:
    """The heading of the words that a model reads: the model's name and answer."""
    return (f"{network_name(model)} (probability of {positive(c)} {probability:.3f}): ",)


def review(c: Comparison, review: ReviewText, *models: str) -> str:
    """The summary line of a review: its label and the models' probabilities."""
    probabilities = ", ".join(f"{network_name(model)} {review.probabilities[model]:.3f}" for model in models)
    return f"Review {review.review_id}, {label(c, review)}; probability of {positive(c)}: {probabilities}"


def mistakes(model: str, reviews: int) -> str:
    """How many of a model's mistakes are shown."""
    return f"{network_name(model)}: {plural(reviews, 'review')}"


def training(branch: Branch) -> str:
    """The engine and threads that a branch was trained with."""
    return f"Trained by {branch.engine}, {plural(branch.threads, 'thread')} at the start."


def again(c: Comparison) -> Spans:
    """How to repeat the run."""
    return "To repeat this run: ", Code(c.command)


def source(c: Comparison) -> Spans:
    """Where the reviews come from."""
    return f"Source: {c.dataset.source.origin}, SHA-256 ", Code(c.dataset.source.sha256)


def tokenizer(c: Comparison) -> str:
    """The tokenizer and vocabulary that the reviews were read with."""
    data = c.dataset
    start = f"Word rules {data.word_rules.title}; vocabulary of {data.vocabulary_size:,} tokens: "
    if data.word_index_sha256 is None:
        return f"{start}ranks without words."
    if data.source.texts and data.source.texts.vocabulary == "training":
        return f"{start}the words of the training texts, by frequency (SHA-256 {data.word_index_sha256[:8]})."
    if data.is_sample:
        return f"{start}the words that the sample is made of (SHA-256 {data.word_index_sha256[:8]})."
    return f"{start}Keras's IMDB word index (SHA-256 {data.word_index_sha256[:8]})."


def example(c: Comparison) -> str:
    """The end of a review, as a network sees it."""
    return f"The end of the first test review as the models see it: {c.dataset.example}"


def machine(c: Comparison) -> str:
    """The machine that the run used."""
    machine = c.branches[0].machine
    return f"{machine.platform}; {machine.cpu}, {plural(machine.cores, 'core')}, {machine.memory_gb} GiB of memory."


def versions(c: Comparison) -> str:
    """The versions of the packages that the numbers depend on."""
    return ", ".join(f"{package} {version}" for package, version in c.branches[0].machine.versions.items()) + "."


def textbook_check(c: Comparison) -> str:
    """The difference between the textbook formulas and Keras."""
    differences = [f"{e.numpy_difference:.1e} ({name(c, branch)})" for branch, e in c.networks()]
    return (
        f"On {plural(c.evaluations[0].numpy_reviews, 'test review')}, the probabilities of the NumPy recurrence and of "
        f"Keras differ by at most {join_names(differences)}."
    )
