"""The settings of the gate, for the command `promote` and for the training flow's `--promote`."""

from pydantic import BaseModel, ConfigDict, Field

from tasks.results.promotion import GateLimits


class GateSettings(BaseModel):
    """What a candidate must show to become champion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float = Field(
        0.5, ge=0, le=100, description="Smallest gain in test accuracy that is worth a promotion (points)."
    )
    non_inferior: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Promote a candidate, too, that loses less than this for sure, because it is cheaper or newer "
        "(points; default: never).",
    )
    floor: float = Field(0.6, ge=0, lt=1, description="Test accuracy that the first champion must exceed (0 to 1).")
    slice_margin: float = Field(
        2.0, ge=0, le=100, description="Reject a candidate that loses more than this on a slice for sure (points)."
    )
    slice_columns: list[str] = Field(
        [], description="Columns of your own texts whose values are slices, besides the lengths (names)."
    )

    def limits(self) -> GateLimits:
        """The limits as shares of reviews."""
        non_inferior = None if self.non_inferior is None else self.non_inferior / 100
        return GateLimits(
            margin=self.margin / 100,
            non_inferior=non_inferior,
            floor=self.floor,
            slice_margin=self.slice_margin / 100,
        )


class PromotionSettings(GateSettings):
    """Whether and when the best network of a run becomes champion."""

    promote: bool = Field(
        False, description="After the run, promote its network with the best validation accuracy if it passes the gate."
    )
