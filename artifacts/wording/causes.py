"""Why the book's claims hold in a run or do not: the measured causes, and what would decide an open claim."""

from typing import NamedTuple

from artifacts.blocks import Code, Spans
from artifacts.formats import capitalized, join_names, network_name, network_names, plural, possessive
from artifacts.wording import why
from tasks.results.chapter import Causes, CellState, Chapter, GradientStart, Start
from tasks.results.comparison import Claim, Comparison
from tasks.results.training import Moment

COMMAND = "uv run flows/main.py"
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
    "All are means over the longest test reviews. Reach is the number of words whose Jacobian, the change of the "
    "last state per change of the state at that word, is at least a hundredth of that one step before the end. An "
    "eigenvalue is given by its absolute value; the gate is the forget gate of an LSTM and the update gate of a "
    "GRU, the share of the state that a timestep keeps. The figure shows untrained networks that differ in one "
    "thing."
)


class MomentRow(NamedTuple):
    """A network's recurrent layer at one moment."""

    name: str
    state: CellState


def claim_title(c: Comparison, claim: Claim) -> str:
    """A claim of the book as a heading."""
    return capitalized(why.claim(c, claim))


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
        return _simple_cause(simple)
    if claim == "survives" and gated:
        return _gated_cause(gated)
    if claim == "farther" and simple and gated:
        return _farther_cause(simple, gated)
    if claim == "forgets" and simple and gated and findings.gains:
        return _use(c, simple, gated)
    if claim == "longer":
        return (
            "Longer reviews have more words before the last 100, of which the network that remembers more makes "
            "more use; whether that is the whole cause is not measured here."
            if findings.answer("forgets") == findings.answer("longer") == "confirmed"
            else None
        )
    return None


def _at(causes: Causes, moment: Moment) -> CellState:
    return next(state for state in causes.moments if state.moment == moment)


def _start(causes: Causes, start: Start) -> GradientStart:
    return next(found for found in causes.starts if found.start == start)


def _simple_cause(simple: Causes) -> str:
    name, last = network_name(simple.name), _at(simple, "last")
    product = (last.radius or 0) * (last.slope or 0)
    return (
        f"Keras starts {name} with an orthogonal recurrent kernel: all its eigenvalues have the absolute value 1, so "
        "a step back hardly changes the length of a gradient, and it reaches "
        f"{_words(_start(simple, 'as_built').words)}. With a kernel drawn uniformly from -0.05 to 0.05 the same "
        f"network's gradient reaches {_words(_start(simple, 'random_uniform').words)}, as the book says. After "
        f"training, the kernel's largest eigenvalue is {last.radius:.2f} and the mean slope of tanh "
        f"{last.slope:.2f}; their product, {product:.2f}, is what a step back multiplies a gradient with, roughly: "
        f"it reaches {_words(last.words)}."
    )


def _gated_cause(gated: Causes) -> str:
    name, first, last = network_name(gated.name), _at(gated, "initial"), _at(gated, "last")
    built = _words(_start(gated, "as_built").words)
    if gated.cell == "lstm":
        starts = [_start(gated, "forget_bias_0"), _start(gated, "forget_bias_3")]
        others = join_names([f"{_words(start.words)} with a bias of {start.start[-1]}" for start in starts])
        begins = (
            f"A fresh {name} forgets: Keras sets the bias of its forget gate to 1, sigmoid(1) is 0.73, and 0.73 to "
            f"the power of 15 is 1%. So its gradient reaches {built}; it would reach {others}."
        )
    else:
        other = _words(_start(gated, "update_bias_3").words)
        begins = (
            f"A fresh {name} forgets: its update gate is sigmoid(0) = 0.5, and 0.5 to the power of 7 is 1%. So its "
            f"gradient reaches {built}; with a bias of 3 it would reach {other}."
        )
    gates = f"the mean of that gate is {last.gate:.2f} instead of {first.gate:.2f}"
    alone = last.gate_words or 0.0
    if alone >= 0.8 * last.words:
        return (
            f"{begins} After training, {gates}: open enough to carry the gradient, which reaches {_words(last.words)}."
        )
    return (
        f"{begins} After training, {gates}, and these gates alone would carry a gradient {_words(alone)} far. It "
        f"reaches {_words(last.words)}: the rest of the way leads through the hidden state and the recurrent kernel."
    )


def _farther_cause(simple: Causes, gated: Causes) -> str:
    names = [network_name(causes.name) for causes in (simple, gated)]
    return (
        f"At the start, {possessive(names[0])} orthogonal kernel keeps gradients alive "
        f"({_words(_at(simple, 'initial').words)}) and {names[1]}'s half-open gate does not "
        f"({_words(_at(gated, 'initial').words)}). Training changes both: after the last epoch they reach "
        f"{_words(_at(simple, 'last').words)} and {_words(_at(gated, 'last').words)}."
    )


def _use(c: Comparison, simple: Causes, gated: Causes) -> str:
    findings = c.evidence.findings
    gains = [f"{100 * gain.value:+.1f} points to {network_name(model)}" for model, gain in findings.gains.items()]
    return (
        f"Reach is not use. After training the gradients of {network_names([simple.name, gated.name])} reach "
        f"{_words(_at(simple, 'last').words)} and {_words(_at(gated, 'last').words)}, so both could learn from early "
        f"words; the words before the last {findings.words} add {join_names(gains)} of accuracy."
    )


def _words(count: float) -> str:
    return plural(round(count), "word")


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
            "The answer depends on the moment, so more reviews would not decide it. Whether it is the same for "
            "other seeds shows ",
            Code(f"{COMMAND} --replicates 5"),
            ".",
        )
    seeds = 3 if findings.seeds == 2 else max(5, 2 * findings.seeds + 1)
    return "More seeds would decide this: ", Code(f"{COMMAND} --replicates {seeds}"), "."


def no_pair() -> Spans:
    """How to check the claims if the run has no pair to check them on."""
    return why.NO_PAIR, " ", Code(f"{COMMAND} --models simple_rnn lstm"), " trains both."
