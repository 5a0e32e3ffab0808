"""Why the book's claims hold in a run or do not: the measured causes, and what would decide an open claim."""

from typing import NamedTuple

from artifacts.blocks import Code, Spans
from artifacts.formats import change_text, join_names, network_name, plural, possessive
from artifacts.wording import why
from tasks.results.chapter import Causes, CellState, Chapter, GradientStart, Start
from tasks.results.comparison import Claim, Comparison
from tasks.results.training import Moment

COMMAND = "uv run flows/main.py"
CARRIES = 0.8  # From this share of a gradient's reach on, the gates alone explain it.
# Names of a layer's starts, by its cell.
START_NAMES: dict[tuple[str, Start], str] = {
    ("simple_rnn", "as_built"): "orthogonal, as Keras starts it",
    ("simple_rnn", "random_uniform"): "uniform from -0.05 to 0.05",
    ("lstm", "as_built"): "forget bias 1, as Keras starts it",
    ("lstm", "forget_bias_0"): "forget bias 0",
    ("lstm", "forget_bias_3"): "forget bias 3",
    ("gru", "as_built"): "update bias 0, as Keras starts it",
    ("gru", "update_bias_3"): "update bias 3",
}
ABOUT_CAUSES = (
    "The Jacobian is the change of the last state per change of an earlier state. Its reach is the number of words "
    "at which it is at least a hundredth of its value one step before the end. For an LSTM a state is h and c "
    "together. An eigenvalue is given by its absolute value. The gate is the forget gate of an LSTM or the update "
    "gate of a GRU: the share of the state that a timestep keeps. In the figure, each untrained network differs in "
    "one thing from what Keras makes."
)


def about_causes(chapter: Chapter) -> str:
    """What the measurements behind the causes are."""
    return f"All numbers are means over the {chapter.causes[0].reviews} longest test reviews. {ABOUT_CAUSES}"


class MomentRow(NamedTuple):
    """A network's recurrent layer at one moment."""

    name: str
    state: CellState


def claim_title(c: Comparison, claim: Claim) -> str:
    """A claim of the book as a heading."""
    return f"Claim: {why.claim(c, claim)}"


def answer(c: Comparison, claim: Claim) -> str:
    """This run's answer to a claim, with the numbers that test it."""
    return f"{why.answer(c.evidence.findings, claim)}{_answers_by_moment(c, claim)}. {why.numbers(c, claim)}"


def _answers_by_moment(c: Comparison, claim: Claim) -> str:
    """What each measurement answers, if they disagree; otherwise nothing."""
    moments: dict[str, list[str]] = {}
    for finding in c.evidence.findings.of(claim):
        if finding.value is not None:
            moments.setdefault(finding.answer, []).append(why.measured_when(finding.measure))
    if not {"confirmed", "refuted"} <= moments.keys():
        return ""
    return ": " + "; ".join(f"{found} {join_names(when)}" for found, when in moments.items())


def cause(c: Comparison, chapter: Chapter, claim: Claim) -> str | None:
    """Why a claim holds or does not, as far as this run has measured it; None if it has not."""
    by_name = {causes.name: causes for causes in chapter.causes}
    findings = c.evidence.findings
    simple, gated = by_name.get(findings.simple), by_name.get(findings.gated)
    if claim == "vanishes" and simple:
        return _simple_cause(simple, c.dataset.max_length)
    if claim == "survives" and gated:
        return _gated_cause(gated, c.dataset.max_length)
    if claim == "farther" and simple and gated:
        return _farther_cause(simple, gated, c.dataset.max_length)
    if claim == "forgets":
        return _use(c)
    if claim == "longer":
        return (
            "Longer reviews have more early words, and the gated network gains more from these. Whether that is the "
            "whole cause is not measured here."
            if findings.answer("forgets") == findings.answer("longer") == "confirmed"
            else None
        )
    return None


def _at(causes: Causes, moment: Moment) -> CellState:
    return next(state for state in causes.moments if state.moment == moment)


def _start(causes: Causes, start: Start) -> GradientStart:
    return next(found for found in causes.starts if found.start == start)


def _simple_cause(simple: Causes, most: int) -> str:
    name = network_name(simple.name)
    initial, first, last = (_at(simple, moment) for moment in why.MOMENTS)
    built, other = _start(simple, "as_built"), _start(simple, "random_uniform")
    radius = change_text(initial.radius or 0.0, last.radius or 0.0, ".2f")
    slope = change_text(initial.slope or 0.0, last.slope or 0.0, ".2f")
    return (
        f"Keras starts {name} with an orthogonal recurrent kernel. An orthogonal matrix does not change the length "
        f"of a vector, so only the slope of tanh, {initial.slope:.2f} in the mean, shortens a gradient on its way "
        f"back: it reaches {_words(built.words, most)}. With a kernel drawn uniformly from -0.05 to 0.05 the same "
        f"network's gradient reaches {_words(other.words, most)}. By the last epoch the kernel's largest eigenvalue "
        f"{radius} and the mean slope {slope}; larger eigenvalues lengthen a gradient, smaller slopes shorten it. It "
        f"reaches {_words(first.words, most)} after the first epoch and {_words(last.words, most)} after the last."
    )


def _gated_cause(gated: Causes, most: int) -> str:
    name, first, last = network_name(gated.name), _at(gated, "initial"), _at(gated, "last")
    built, alone = _start(gated, "as_built"), last.gate_words or 0.0
    if gated.cell == "lstm":
        starts = [_start(gated, "forget_bias_0"), _start(gated, "forget_bias_3")]
        others = join_names([f"{_words(start.words, most)} with a bias of {start.start[-1]}" for start in starts])
        begins = f"Keras sets the bias of a fresh {name}'s forget gate to 1, so the gate is sigmoid(1) = 0.73"
    else:
        others = f"{_words(_start(gated, 'update_bias_3').words, most)} with a bias of 3"
        begins = f"A fresh {name}'s update gate is sigmoid(0) = 0.5"
    gate = change_text(first.gate or 0.0, last.gate or 0.0, ".2f")
    text = (
        f"{begins}: a gradient that passed through these gates alone would reach "
        f"{_words(first.gate_words or 0.0, most)}. It reaches {_words(built.words, most)}, and would reach {others}. "
        f"After training it reaches {_words(last.words, most)}; the mean of the gate {gate}, and through the gates "
        f"alone it would reach {_words(alone, most)}."
    )
    if alone >= CARRIES * last.words:
        return f"{text} So the gates carry it."
    return f"{text} So the gates do not explain it; the other way back is the hidden state with its recurrent kernel."


def _farther_cause(simple: Causes, gated: Causes, most: int) -> str:
    names = [network_name(causes.name) for causes in (simple, gated)]
    return (
        f"At the start, {possessive(names[0])} orthogonal kernel carries a gradient back "
        f"{_words(_at(simple, 'initial').words, most)}, and {possessive(names[1])} gate of "
        f"{_at(gated, 'initial').gate:.2f} {_words(_at(gated, 'initial').words, most)}. After the last epoch they "
        f"reach {_words(_at(simple, 'last').words, most)} and {_words(_at(gated, 'last').words, most)}."
    )


def _use(c: Comparison) -> str | None:
    """How much of a lead is there without early words: reach alone does not show that a network uses them."""
    findings = c.evidence.findings
    if findings.words is None:
        return None
    names = [findings.gated, findings.simple]
    near = [c.memory_accuracy(name, findings.words) for name in names]
    whole = [c.memory_accuracy(name) for name in names]
    if None in (*near, *whole):
        return None
    lead, total = (100 * ((one or 0.0) - (other or 0.0)) for one, other in (near, whole))
    gated, simple = map(network_name, names)
    text = (
        "A gradient that reaches early words does not show that a network uses them. With only the last "
        f"{findings.words} words of each review, {gated} is right on {near[0]:.1%} and {simple} on {near[1]:.1%} of "
        f"{plural(c.explanations[0].memory_reviews, 'review')}; with all words, on {whole[0]:.1%} and {whole[1]:.1%}."
    )
    is_part = 0 < lead < total
    return (
        f"{text} So {lead:.1f} of the {total:.1f} points between them are there without earlier words."
        if is_part
        else text
    )


def _words(count: float, most: int) -> str:
    """A number of words; a gradient that reaches the start of the review reaches all of them."""
    return f"all {most} words" if round(count) >= most else plural(round(count), "word")


def to_decide(c: Comparison, claim: Claim) -> Spans | None:
    """What would decide an open claim, as a command; None if it is decided."""
    findings = c.evidence.findings
    if findings.answer(claim) != "open":
        return None
    measured = [finding for finding in findings.of(claim) if finding.value is not None]
    if not measured:
        return "It takes longer reviews to decide this: ", Code(f"{COMMAND} --max-length 500"), " on longer texts."
    if {"confirmed", "refuted"} <= {finding.answer for finding in measured}:
        return (
            "The answer depends on the moment, so more reviews would not decide it. ",
            Code(f"{COMMAND} --replicates 5"),
            " shows whether it is the same for other seeds.",
        )
    seeds = 3 if findings.seeds == 2 else max(5, 2 * findings.seeds + 1)
    return "More seeds would decide this: ", Code(f"{COMMAND} --replicates {seeds}"), "."


def no_pair() -> Spans:
    """How to check the claims if the run has no pair to check them on."""
    return why.NO_PAIR, " ", Code(f"{COMMAND} --models simple_rnn lstm"), " trains both."
