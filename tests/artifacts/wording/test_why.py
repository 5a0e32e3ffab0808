from dataclasses import replace

import pytest

from artifacts.blocks import Spans, Strong
from artifacts.tables import findings as findings_table
from artifacts.wording import why
from tasks.results.comparison import Comparison, Finding, Findings
from tests.artifacts import examples
from tests.artifacts.examples import estimate


def plain(spans: Spans) -> str:
    """Spans as text."""
    return "".join(span if isinstance(span, str) else span.text for span in spans)


@pytest.fixture
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


def test_each_claim_has_its_answer_and_its_number(c: Comparison) -> None:
    said = [plain(spans) for spans in why.answers(c)]
    assert said == [
        "Confirmed: SimpleRNN makes less use than LSTM of the words before the last 100. Those words add +12.0 (+11.0 "
        "to +13.0) points to SimpleRNN and +17.0 (+16.0 to +18.0) points to LSTM; review by review, the gain of LSTM "
        "minus that of SimpleRNN is +5.0 (+3.0 to +7.0) points.",
        "Open, as the measurements disagree: the gradient of SimpleRNN vanishes: it reaches fewer than 100 words. "
        "Measured: 400.0 (395.0 to 405.0) words at the initial weights and 60.0 (55.0 to 65.0) words after the last "
        "epoch.",
        "Open, as the measurements disagree: the gradient of LSTM does not vanish: it reaches more than 100 words. "
        "Measured: 20.0 (15.0 to 25.0) words at the initial weights and 250.0 (245.0 to 255.0) words after the last "
        "epoch.",
        "Open, as the measurements disagree: the gradient of LSTM reaches farther than that of SimpleRNN. Measured, "
        "LSTM minus SimpleRNN: -380.0 (-389.0 to -371.0) words at the initial weights and +190.0 (+181.0 to +199.0) "
        "words after the last epoch.",
        "Open: the lead of LSTM over SimpleRNN grows with the length of the review. Measured: +0.20 (-0.20 to +0.60) "
        "points per 100 words. On the 20 reviews that are cut, the lead is +8.0 (+7.0 to +9.0) points.",
    ]
    assert not any(isinstance(span, Strong) for spans in why.answers(c) for span in spans)


def test_one_seed_speaks_of_these_networks_only(c: Comparison) -> None:
    assert "these two trained networks, SimpleRNN and LSTM" in str(why.about_pair(c))
    assert "3 seeds each" in str(why.about_pair(examples.comparison(3)))
    assert "too few for a test" in str(why.about_pair(examples.comparison(2)))


def test_without_a_pair_the_claims_are_open(c: Comparison) -> None:
    bare = replace(c, evidence=replace(c.evidence, findings=Findings("", "", 0, None, {}, ())))
    assert [plain(spans) for spans in why.answers(bare)] == [why.NO_PAIR]
    assert why.about_pair(bare) is None


def test_a_smoke_run_claims_nothing(c: Comparison) -> None:
    smoke = replace(c, settings=c.settings | {"run": {"smoke": True}})
    assert why.answers(smoke) == []
    assert why.about_pair(smoke) is None
    assert why.about_trend(smoke) == ""


def test_what_cannot_be_measured_is_open(c: Comparison) -> None:
    unknown = Findings("simple_rnn", "lstm", 1, None, {}, (Finding("forgets", "memory", "open", None, None, 0),))
    said = plain(why.answers(replace(c, evidence=replace(c.evidence, findings=unknown)))[0])
    assert said.startswith("Open: ")
    assert said.endswith("too short or too few to measure it.")
    assert "None" not in said


def test_the_trend_in_words(c: Comparison) -> None:
    for slope, words in ((0.02, "grows with length"), (-0.02, "shrinks with length"), (0.001, "no change of the lead")):
        trend = examples.trend(estimate(slope, 0.01))
        assert words in why.about_trend(replace(c, evidence=replace(c.evidence, trend=trend)))
    assert why.about_trend(replace(c, evidence=replace(c.evidence, trend=None))) == ""


def test_the_reach_in_words(c: Comparison) -> None:
    assert (
        "For LSTM, the median falls below a hundredth 20 words back after the last epoch; it never falls so low at the "
        "initial weights and after the first epoch."
    ) in why.about_reach(c)


def test_every_number_stands_in_the_table(c: Comparison) -> None:
    cells = [[cell.text for cell in row] for row in findings_table(c).cells()]
    assert len(cells) == len(c.evidence.findings.findings)
    assert cells[0] == [
        "SimpleRNN makes less use than LSTM of the words before the last 100",
        "confirmed",
        "+5.0 (+3.0 to +7.0) points",
        "reviews",
        "90",
        "right with all words minus right with the last 100, paired by review",
    ]
    assert cells[-1][-1] == "least squares over reviews of at most 30 words, HC0 errors"
