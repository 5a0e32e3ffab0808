"""Records of the gate, the registry and the model card: how a candidate compares with the champion."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.results.training import Estimate, Scores

Verdict = Literal["PROMOTE", "HOLD", "REJECT"]
Action = Literal["promote", "rollback"]

Reason = Literal[
    "first champion",
    "below the floor",
    "not clearly above the floor",
    "already champion",
    "better",
    "not inferior",
    "worse",
    "worse on a slice",
    "less than the margin",
    "not shown",
    "no better than one label",
    "champion no better than one label",
    "higher balanced accuracy",
    "lower balanced accuracy",
    "restored",
]


@dataclass(frozen=True)
class GateLimits:
    """The limits that a candidate must meet. All are numbers from 0 to 1, not percentage points.

    Attributes:
        alpha: highest probability of ever promoting a model that is not better, over all looks at a test set.
        margin: smallest observed gain in accuracy that is worth a promotion.
        non_inferior: also promote a candidate that is shown to lose less than this; None: never.
        floor: accuracy that the first champion must exceed; of uneven labels, balanced accuracy.
        slice_margin: reject a candidate that is shown to lose more than this on a slice of the test set.
    """

    alpha: float = 0.05
    margin: float = 0.005
    non_inferior: float | None = None
    floor: float = 0.6
    slice_margin: float = 0.02


@dataclass(frozen=True)
class Slice:
    """Accuracies of candidate and champion on a part of the test set, and the difference, candidate minus champion.

    The intervals of the differences hold for all slices together with 95 % confidence.
    """

    name: str
    reviews: int
    candidate: float
    champion: float
    difference: Estimate


@dataclass(frozen=True)
class PairedTest:
    """Candidate and champion on the same test reviews.

    Attributes:
        reviews: number of reviews.
        b: number of reviews on which only the candidate is right.
        c: number of reviews on which only the champion is right.
        difference: the candidate's accuracy minus the champion's, with its 95 % interval.
        p: p-value of "the candidate is not better", by the one-sided exact McNemar test.
        look: number of looks at this test set, including this one.
        level: the level that p must be below at this look.
        bound: lower bound of the difference at the confidence 1 - level.
        smallest_significant: the smallest difference that reaches `level` at this many disagreements.
        detectable: the true difference that is detected in 80 % of all cases.
    """

    reviews: int
    b: int
    c: int
    difference: Estimate
    p: float
    look: int
    level: float
    bound: float
    smallest_significant: float
    detectable: float


@dataclass(frozen=True)
class Cost:
    """A network's cost: its parameters, and its words per second during this scoring."""

    parameters: int
    words_per_second: float


@dataclass(frozen=True)
class BalancedAccuracies:
    """Balanced accuracies of the candidate and, if there is one, of the champion, each with its 95 % interval."""

    candidate: Estimate
    champion: Estimate | None = None


@dataclass(frozen=True)
class Gate:
    """A verdict and everything it is based on; without a champion, the optional fields are None or empty.

    Attributes:
        balanced: balanced accuracies, if the labels of the test reviews are uneven; else None.
    """

    verdict: Verdict
    reason: Reason
    limits: GateLimits
    candidate: Estimate
    candidate_cost: Cost
    champion: Estimate | None = None
    champion_cost: Cost | None = None
    test: PairedTest | None = None
    slices: tuple[Slice, ...] = ()
    failing_slices: tuple[str, ...] = ()
    balanced: BalancedAccuracies | None = None


# A time that a date can show: from 1970 to the year 9999.
Time = Annotated[float, Field(ge=0, lt=253_402_300_800)]


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger. Networks are named by the hash of their files.

    Attributes:
        number: the entry's number, counted from 1.
        time: seconds since 1970.
        who: user and host.
        action: "promote", for every verdict, or "rollback".
        verdict, reason: the outcome.
        run: name of the candidate's run.
        label: the candidate's display name: its network and seed.
        network: the candidate; for a rollback, the network that became champion again.
        before, after: the champions before and after the entry.
        test_set: fingerprint of the test reviews that were looked at.
        gate: the numbers; None for a rollback.
        settings: the settings of the candidate's run.
    """

    number: int
    time: Time
    who: str
    action: Action
    verdict: Verdict
    reason: Reason
    run: str
    label: str
    network: str
    before: str | None
    after: str | None
    test_set: str
    gate: Gate | None
    settings: dict[str, Any]

    @property
    def moves(self) -> bool:
        """Whether this entry changed the champion."""
        return self.after != self.before

    @property
    def is_look(self) -> bool:
        """Whether the entry used the test reviews to learn something; comparing equal networks does not."""
        if self.gate is None or self.network == self.before:
            return False
        return self.gate.test is None or self.gate.test.b + self.gate.test.c > 0


@dataclass(frozen=True)
class SliceAccuracy:
    """A part of the test set, and the accuracy of one network on it."""

    name: str
    reviews: int
    accuracy: Estimate


@dataclass(frozen=True)
class Mistake:
    """A test review that a network gets wrong: its last words, its label, the probability of "positive"."""

    review_id: int
    label: int
    probability: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class CardFacts:
    """The facts in a model card.

    Attributes:
        network: the network's name in the registry.
        label: its display name.
        description: the content of `network.json`: network, training, data.
        run: the run in which it was trained.
        epoch: the epoch of `best.keras`, with the best validation accuracy.
        validation_accuracy: the validation accuracy at that epoch.
        scores: the scores on the test reviews at promotion.
        gate: the verdict and its numbers.
        slices: the accuracy by length and by the chosen columns of the user's texts.
        mistakes: the most confident mistakes.
        precision, recall: estimates with their intervals.
        drift_texts: the number of new texts for which the limits hold.
        drift_limits: by figure, the limit above which new texts differ from the training reviews.
    """

    network: str
    label: str
    description: dict[str, Any]
    run: str
    epoch: int
    validation_accuracy: float
    scores: Scores
    gate: Gate
    slices: tuple[SliceAccuracy, ...]
    mistakes: tuple[Mistake, ...]
    precision: Estimate
    recall: Estimate
    drift_texts: int
    drift_limits: dict[str, float]
