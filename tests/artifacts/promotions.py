"""Made-up entries of a ledger."""

from dataclasses import replace
from typing import Any

from tasks.results.promotion import Cost, Entry, Gate, GateLimits, PairedTest, Slice
from tasks.results.training import Estimate

TEST = PairedTest(
    reviews=25_000,
    b=1_300,
    c=1_100,
    difference=Estimate(0.008, 0.0042, 0.0118),
    p=2.4e-5,
    look=3,
    level=0.0025,
    bound=0.0025,
    smallest_significant=0.0056,
    detectable=0.0072,
)
GATE = Gate(
    verdict="PROMOTE",
    reason="better",
    limits=GateLimits(non_inferior=0.01),
    candidate=Estimate(0.88, 0.876, 0.884),
    candidate_cost=Cost(328_353, 2_000_000.0),
    champion=Estimate(0.872, 0.868, 0.876),
    champion_cost=Cost(322_113, 8_000_000.0),
    test=TEST,
    slices=(Slice("10 to 90 words", 5_000, 0.9, 0.91, Estimate(-0.01, -0.02, 0.001)),),
    failing_slices=("10 to 90 words",),
)
ENTRY = Entry(
    number=2,
    time=0.0,
    who="me@here",
    action="promote",
    verdict="PROMOTE",
    reason="better",
    run="20261125-000000-abcdef01",
    label="lstm seed 1",
    network="1" * 16,
    before="0" * 16,
    after="1" * 16,
    test_set="2" * 16,
    gate=GATE,
    settings={},
)


def entry_with(**changes: Any) -> Entry:
    """The made-up entry with another gate."""
    gate = replace(GATE, **changes)
    return replace(ENTRY, verdict=gate.verdict, reason=gate.reason, gate=gate)
