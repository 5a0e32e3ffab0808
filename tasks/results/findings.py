"""Records of what the textbook says of simple and gated recurrent networks, and what this run shows of it."""

from dataclasses import dataclass
from typing import Literal

from tasks.results.evaluation import Estimate
from tasks.results.verdict import Basis

# What the textbook says. The simple network makes less of early words; its gradient vanishes; the gated network's does
# not; it reaches farther than the simple one's; longer reviews show it.
Claim = Literal["forgets", "vanishes", "survives", "farther", "longer"]
Measure = Literal["memory", "initial", "first", "last", "jacobian", "length"]
Answer = Literal["confirmed", "refuted", "open"]


@dataclass(frozen=True)
class Finding:
    """What one measurement says of a claim.

    Attributes:
        value: the number that decides, with its 95 % interval: a difference of shares, words, or the change of a
            difference of shares per 100 words. None where it cannot be measured.
        basis: what the interval covers.
        reviews: over how many it is measured.
    """

    claim: Claim
    measure: Measure
    answer: Answer
    value: Estimate | None
    basis: Basis | None
    reviews: int


@dataclass(frozen=True)
class LengthTrend:
    """How the first model's lead over the second changes with the length of the review, at the last epoch.

    Attributes:
        slope: change of the lead per 100 words, least squares over all reviews that are not cut; None if these are
            equally long.
        cut: the lead on reviews that are cut because they are too long; None if none is.
    """

    first: str
    second: str
    slope: Estimate | None
    basis: Basis
    reviews: int
    cut: Estimate | None
    cut_reviews: int


@dataclass(frozen=True)
class Findings:
    """The textbook's claims checked against this run.

    Attributes:
        simple, gated: the two models compared; "" where the run has no such pair.
        seeds: how many both were trained with.
        words: how many last words count as near: a gradient that reaches no farther has vanished, and memory is what
            the words before them add. None if all reviews are too short.
        gains: by model, what the words before the last `words` add to its accuracy.
    """

    simple: str
    gated: str
    seeds: int
    words: int | None
    gains: dict[str, Estimate]
    findings: tuple[Finding, ...]

    def of(self, claim: Claim) -> tuple[Finding, ...]:
        """The findings on a claim."""
        return tuple(finding for finding in self.findings if finding.claim == claim)

    def answer(self, claim: Claim) -> Answer:
        """What all measurements that could be made agree on; open where they disagree or there are none."""
        answers = {finding.answer for finding in self.of(claim) if finding.value is not None}
        return answers.pop() if len(answers) == 1 else "open"
