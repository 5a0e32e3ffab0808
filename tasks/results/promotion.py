"""Records of the gate, the registry and the model card: how a candidate compares with the champion."""

from dataclasses import dataclass
from typing import Any, Literal

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
    "restored",
]


@dataclass(frozen=True)
class GateLimits:
    """What a candidate must show. All are differences or shares of reviews from 0 to 1, not points.

    Attributes:
        alpha: probability, at most, of ever promoting a model that is not better, over all looks at a test set.
        margin: smallest observed gain in accuracy that is worth a promotion.
        non_inferior: promote a candidate, too, that loses less than this for sure; None: never.
        floor: accuracy that the first champion must exceed.
        slice_margin: no slice of the test set may lose more than this for sure.
    """

    alpha: float = 0.05
    margin: float = 0.005
    non_inferior: float | None = None
    floor: float = 0.6
    slice_margin: float = 0.02


@dataclass(frozen=True)
class Slice:
    """A part of the test set: both accuracies and the candidate's less the champion's.

    The interval of the difference is wide enough to hold for all slices together in 95 % of all cases.
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
        reviews: how many.
        b: reviews on which the candidate alone is right.
        c: reviews on which the champion alone is right.
        difference: the candidate's accuracy less the champion's, with its 95 % interval.
        p: of "the candidate is not better": one-sided exact McNemar test.
        look: how often this test set was looked at, this time included.
        level: what p must fall below at this look.
        bound: lower bound of the difference at the confidence 1 - level.
        smallest_significant: the smallest difference that reaches `level` at this many disagreements.
        detectable: the true difference that is found in 80 % of all cases.
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
    """What a network costs: parameters, and words per second while it was scored just now."""

    parameters: int
    words_per_second: float


@dataclass(frozen=True)
class Gate:
    """A verdict with everything that it rests on; what concerns the champion is None where there is none."""

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


@dataclass(frozen=True)
class Entry:
    """A line of the ledger. Networks go by the hash of their files.

    Attributes:
        number: counts from 1.
        time: seconds since 1970.
        who: user and host.
        action: a promotion, whatever its verdict, or a rollback.
        verdict, reason: what came of it.
        run: name of the candidate's run.
        label: the candidate for people: its network and seed.
        network: the candidate; with a rollback the network that became champion again.
        before, after: the champions before and after the entry.
        test_set: fingerprint of the test reviews that were looked at.
        gate: the numbers; None for a rollback.
        settings: of the candidate's training.
    """

    number: int
    time: float
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
        """Whether the champion is another one after this entry."""
        return self.after != self.before

    @property
    def is_look(self) -> bool:
        """Whether the test reviews told something new: a champion compared with itself, or its equal, does not."""
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
    """What a model card says.

    Attributes:
        network: the network's name in the registry.
        label: its name for people.
        description: `network.json`: network, training, data.
        run: in which it was trained.
        epoch: of `best.keras`, the one with the best validation accuracy.
        validation_accuracy: at that epoch.
        scores: on the test reviews, made when it was promoted.
        gate: the verdict and its numbers.
        slices: the accuracy by length and by the chosen columns of own texts.
        mistakes: the most confident ones.
        precision, recall: with their intervals.
        drift_texts: for that many new texts the limits hold.
        drift_limits: by figure, what new texts exceed when they differ from the training reviews.
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
