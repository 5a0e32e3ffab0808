"""Where the settings and the validation of a sweep's trials are on an axis, from 0 to 1, and the ticks beside it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from matplotlib.ticker import MaxNLocator

from artifacts.wording.sweep import setting_value
from tasks.results.sweep import Dimension, Sweep, Trial, Value, best_first

GOLDEN = (math.sqrt(5) - 1) / 2
JITTER = 0.15  # Of the room of a category, on each side.
MOST_TICKS = 8
ROUND = (1, 2, 5, 10)  # Steps between ticks: 2.5 would need one more digit than is shown.
# Validation more than this many times as far below the best as the median is not told apart: a trial that learned
# nothing must not squeeze all others into a line.
FARTHEST = 3.0


class Tick(NamedTuple):
    """A place on an axis, from 0 to 1, and its text."""

    place: float
    text: str


@dataclass(frozen=True)
class SettingScale:
    """The axis of a searched setting.

    Attributes:
        choices: categories, which have equal room; none for a range.
        low, high: the ends of a range.
    """

    dimension: Dimension
    choices: tuple[Value, ...]
    low: float = 0.0
    high: float = 1.0

    def place(self, trial: Trial) -> float | None:
        """The place of a trial, within a category scattered by its number; None if it lacks the setting."""
        value = trial.settings.get(self.dimension.name)
        if value is None:
            return None
        if not self.choices:
            return self._of(float(value))
        scattered = (trial.number * GOLDEN + 0.5) % 1 - 0.5
        return (self.choices.index(value) + 0.5 + 2 * JITTER * scattered) / len(self.choices)

    def ticks(self, longest: int) -> list[Tick]:
        """Ticks at values that are easy to read, at most `MOST_TICKS`; texts have at most `longest` characters."""
        name = self.dimension.name
        if self.choices:
            step = math.ceil(len(self.choices) / MOST_TICKS)
            shown = list(enumerate(self.choices))[::step]
            return [
                Tick((n + 0.5) / len(self.choices), _short(setting_value(name, value), longest)) for n, value in shown
            ]
        values = _log_values(self.low, self.high) if self.dimension.is_log else self._linear_values()
        whole = self.dimension.is_integer
        return [Tick(self._of(value), setting_value(name, round(value) if whole else value)) for value in values]

    def _of(self, value: float) -> float:
        low, high = self.low, self.high
        if self.dimension.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return 0.5 if high == low else (value - low) / (high - low)

    def _linear_values(self) -> list[float]:
        found = MaxNLocator(4, steps=ROUND, integer=self.dimension.is_integer).tick_values(self.low, self.high)
        return [float(value) for value in found if self.low <= value <= self.high] or [self.low]


def setting_scale(dimension: Dimension, trials: Sequence[Trial]) -> SettingScale:
    """The axis of a setting: its values or its range, and the present value, which may be another one."""
    used = [trial.settings[dimension.name] for trial in trials if dimension.name in trial.settings]
    if dimension.is_range:
        values = [dimension.low, dimension.high, *(float(value) for value in used)]
        return SettingScale(dimension, (), min(values), max(values))
    choices = tuple(dict.fromkeys([*dimension.values, *used]))
    if dimension.is_numeric:
        choices = tuple(sorted(choices, key=float))
    return SettingScale(dimension, choices)


def _log_values(low: float, high: float) -> list[float]:
    """Values such as 1, 2 and 5 times a power of ten: at least two, and no more than needed."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for digits in ((1,), (1, 3), (1, 2, 5)):
        found = [float(f"{digit}e{power}") for power in powers for digit in digits]
        found = [value for value in found if low <= value <= high]
        if len(found) >= 3:
            break
    return found[:: math.ceil(len(found) / MOST_TICKS)] if len(found) >= 2 else sorted({low, high})


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@dataclass(frozen=True)
class QualityScale:
    """The axis of the trials' validation; what is far below the best is at 0."""

    low: float
    high: float

    def place(self, quality: float) -> float:
        """The place of a validation accuracy."""
        return max((quality - self.low) / (self.high - self.low), 0.0)

    def is_below(self, trial: Trial) -> bool:
        """Whether a trial is below the axis, or has no validation."""
        return trial.quality is None or not trial.quality >= self.low

    def ticks(self) -> list[Tick]:
        """Ticks in percent."""
        values = [
            value
            for value in MaxNLocator(5, steps=ROUND).tick_values(self.low, self.high)
            if self.low <= value <= self.high
        ]
        step = min((after - before for before, after in pairwise(values)), default=0.001)
        digits = max(0, -math.floor(math.log10(100 * step) + 1e-6))
        return [Tick(self.place(value), f"{100 * value:.{digits}f}%") for value in values]


def quality_scale(s: Sweep) -> QualityScale:
    """The axis from the worst trial that is worth telling apart, or the present settings, to the best trial."""
    qualities = [trial.quality for trial in s.trials if trial.quality is not None and not math.isnan(trial.quality)]
    if not qualities:
        return QualityScale(0.0, 1.0)
    ranked = [trial.quality for trial in best_first(s.trials) if trial.quality is not None] or qualities
    best = max(qualities)
    low = min(qualities)
    if statistics.median(ranked) < best:
        low = max(low, best - FARTHEST * (best - statistics.median(ranked)))
    if s.present_trial and s.present_trial.quality is not None:
        low = min(low, s.present_trial.quality)
    margin = 0.05 * (best - low) or 0.005
    return QualityScale(low - margin, best + margin)
