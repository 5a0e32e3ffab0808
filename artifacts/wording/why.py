"""The textbook's claims about simple and gated networks, and this run's answers."""

from artifacts.blocks import Spans
from artifacts.formats import join_names, network_name, network_names, plural
from artifacts.wording.verdict import nothing_shown
from tasks.results.comparison import Claim, Comparison, Finding, Findings, LengthTrend, Measure
from tasks.results.training import Estimate, Explanation, Moment

CLAIMS: tuple[Claim, ...] = ("forgets", "vanishes", "survives", "farther", "longer")
NO_PAIR = (
    "Open: this run does not have both a SimpleRNN and an LSTM or a GRU, so it says nothing about the textbook's "
    "claims (SimpleRNN forgets early words because its gradient vanishes; that of a gated network does not, and longer "
    "reviews show it)."
)
TWO_SEEDS = "Two seeds are too few for a test, so every claim stays open."
ABOUT_FINDINGS = (
    "A claim is confirmed or refuted if the whole 95% interval is on one side of what it says, and all measurements of "
    "it agree; otherwise it is open. The reach of a gradient is the number of words whose gradient has at least a "
    "hundredth of the norm at the last word of the same review, mean over long reviews. The Jacobian of "
    "the last state with respect to an earlier one says how much a small change of that earlier state changes the last "
    "one. It depends neither on the labels nor on the last layer; its reach is counted in the same way."
)
USUAL_WORDS = 100  # How many last words count as near if reviews are long enough.
MOMENTS: dict[Moment, str] = {
    "initial": "at the initial weights",
    "first": "after the first epoch",
    "last": "after the last epoch",
}


def answers(c: Comparison) -> list[Spans]:
    """This run's answer to each claim, one sentence each."""
    if nothing_shown(c):
        return []
    findings = c.evidence.findings
    if not findings.simple:
        return [(NO_PAIR,)]
    return [(f"{answer(findings, which)}: {claim(c, which)}. {numbers(c, which)}",) for which in CLAIMS]


def about_pair(c: Comparison) -> str | None:
    """The networks that the answers are about; None if there are none."""
    findings = c.evidence.findings
    if nothing_shown(c) or not findings.simple:
        return None
    pair = network_names([findings.simple, findings.gated])
    if findings.seeds == 1:
        return (
            f"The textbook's claims, checked on these two trained networks, {pair}. One seed says nothing about other "
            "networks of their kinds."
        )
    return f"The textbook's claims, checked on {pair}, {findings.seeds} seeds each." + (
        f" {TWO_SEEDS}" if findings.seeds == 2 else ""
    )


def answer(findings: Findings, claim: Claim) -> str:
    """The run's answer to a claim; it says if measurements disagree."""
    answers = {finding.answer for finding in findings.of(claim) if finding.value is not None}
    disagree = {"confirmed", "refuted"} <= answers
    return "Open, as the measurements disagree" if disagree else findings.answer(claim).capitalize()


def claim(c: Comparison, claim: Claim) -> str:
    """A claim of the textbook, in terms of this run's models and numbers."""
    findings = c.evidence.findings
    simple, gated = network_name(findings.simple), network_name(findings.gated)
    words = findings.words or USUAL_WORDS
    claims: dict[Claim, str] = {
        "forgets": f"{simple} makes less use than {gated} of the words before the last {words}",
        "vanishes": f"the gradient of {simple} vanishes: it reaches fewer than {words} words",
        "survives": f"the gradient of {gated} does not vanish: it reaches more than {words} words",
        "farther": f"the gradient of {gated} reaches farther than that of {simple}",
        "longer": f"the lead of {gated} over {simple} grows with the length of the review",
    }
    return claims[claim]


def numbers(c: Comparison, which: Claim) -> str:
    """The numbers that test a claim, in a sentence."""
    findings = [finding for finding in c.evidence.findings.of(which) if finding.value is not None]
    if not findings:
        return "The reviews of this run are too short or too few to measure it."
    if which == "forgets":
        return _memory(c.evidence.findings, findings[0])
    measured = join_names([f"{number(finding)} {measured_when(finding.measure)}".rstrip() for finding in findings])
    trend = c.evidence.trend
    cut = f" {_cut(trend)}" if which == "longer" and trend and trend.cut else ""
    pair = c.evidence.findings
    difference = f", {network_name(pair.gated)} minus {network_name(pair.simple)}"
    return f"Measured{difference if which == 'farther' else ''}: {measured}.{cut}"


def _memory(findings: Findings, finding: Finding) -> str:
    gains = [f"{points(gain)} to {network_name(model)}" for model, gain in findings.gains.items()]
    simple, gated = network_name(findings.simple), network_name(findings.gated)
    return (
        f"Those words add {join_names(gains)}; review by review, the gain of {gated} minus that of {simple} is "
        f"{number(finding)}."
    )


def about_trend(c: Comparison) -> str:
    """How the lead of one model over another changes with length; empty if this was not measured."""
    trend = c.evidence.trend
    if trend is None or trend.slope is None or nothing_shown(c):
        return ""
    lead = f"the lead of {network_name(trend.first)} over {network_name(trend.second)}"
    interval = _interval(trend.slope, 100, 2)
    if trend.basis == "range":
        change = f"over two seeds {lead} changes by {interval} points per 100 words"
    elif trend.slope.low <= 0 <= trend.slope.high:
        change = f"no change of {lead} with length is shown ({interval} points per 100 words)"
    else:
        grows = "grows" if trend.slope.value > 0 else "shrinks"
        change = f"{lead} {grows} with length ({interval} points per 100 words)"
    cut = f" {_cut(trend)}" if trend.cut else ""
    return f"Over the {plural(trend.reviews, 'review')} that are not cut, {change}.{cut}"


def _cut(trend: LengthTrend) -> str:
    cut = trend.cut or Estimate(0.0, 0.0, 0.0)
    return f"On the {plural(trend.cut_reviews, 'review')} that are cut, the lead is {points(cut)}."


def number(finding: Finding) -> str | None:
    """The number that tests a claim, with its interval and its unit."""
    value = finding.value
    if value is None:
        return None
    if finding.measure == "memory":
        return points(value)
    if finding.measure == "length":
        return f"{_interval(value, 100, 2)} points per 100 words"
    sign = "+" if finding.claim == "farther" else ""
    numbers = [f"{part:{sign}.1f}" for part in (value.value, value.low, value.high)]
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]}) words"


def points(estimate: Estimate) -> str:
    """A difference between two shares, in percentage points, with its interval."""
    return f"{_interval(estimate, 100, 1)} points"


def _interval(estimate: Estimate, factor: int, digits: int) -> str:
    value, low, high = (f"{factor * part:+.{digits}f}" for part in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def measured_when(measure: Measure) -> str:
    """The moment at which a reach is measured, or "by the Jacobian"; empty for other measures."""
    if measure in MOMENTS:
        return MOMENTS[measure]
    return "after the last epoch by the Jacobian" if measure == "jacobian" else ""


def how_measured(c: Comparison, finding: Finding) -> str:
    """How a number was measured."""
    words = c.evidence.findings.words
    measures: dict[Measure, str] = {
        "memory": f"right with all words minus right with the last {words}, paired by review",
        "jacobian": "Jacobian of the last state, last epoch",
        "length": f"least squares over reviews of at most {c.dataset.max_length} words, HC0 errors",
        **{moment: f"gradient of the loss {when}" for moment, when in MOMENTS.items()},
    }
    paired = ", paired by review" if finding.claim == "farther" else ""
    return measures[finding.measure] + paired


def about_reach(c: Comparison) -> str:
    """How far each model's gradient reaches, by the first seed."""
    explanations = c.first_explanations()
    sentences = " ".join(f"For {network_name(e.name)}, the median {_vanished(e)}." for e in explanations)
    return (
        "Training can only learn from words that the gradient of the loss reaches. Each review's gradient is divided "
        f"by that at its last word, so that it does not matter how sure the network is. {sentences}"
    )


def _vanished(explanation: Explanation) -> str:
    """At which moments the gradient's median falls below a hundredth of that at the last word, and how far back."""
    steps_back = {MOMENTS[moment]: reach.vanished for moment, reach in explanation.reaches.items()}
    falls = [f"{plural(steps, 'word')} back {when}" for when, steps in steps_back.items() if steps is not None]
    stays = [when for when, steps in steps_back.items() if steps is None]
    parts = [f"falls below a hundredth {join_names(falls)}"] if falls else []
    if stays:
        parts.append(f"never falls {'so low' if falls else 'below a hundredth'} {join_names(stays)}")
    return "; it ".join(parts)
