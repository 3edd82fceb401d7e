"""Gates and margins: one key for each metric of the catalogue, in the unit of that metric."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model, model_validator

from headstart.collector.experiments.file.forms import Form
from headstart.collector.experiments.file.units import (
    Choice,
    Duration,
    Percentage,
    Rate,
    Scalar,
    Size,
)
from headstart.words.gate_profiles import GateProfile
from headstart.words.metric import Unit
from headstart.words.metrics import METRICS


class GateForm(Form):
    """A limit for one metric, in its unit."""

    max: float | None = None
    """Most that is allowed."""
    min: float | None = None
    """Least that is allowed."""
    margin: Annotated[float, Percentage("0%", "1000%")] | None = None
    """How much worse than the baseline it may be."""

    @model_validator(mode="after")
    def _some_limit(self) -> "GateForm":
        if self.max is None and self.min is None and self.margin is None:
            raise ValueError("expected at least one of 'max', 'min' and 'margin'")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise ValueError("expected 'min' to be at most 'max'")
        return self


_UNITS: dict[Unit, Scalar] = {
    Unit.SECONDS: Duration("0s", "24h"),
    Unit.BYTES: Size("0B", "16384GiB"),
    Unit.PER_SECOND: Rate("0/s", "10000000/s"),
    Unit.JOBS_PER_SECOND: Rate("0/s", "10000000/s"),
}


def _gate_of(unit: Unit) -> type[GateForm]:
    limit = Annotated[float, _UNITS[unit]] | None
    fields: dict[str, Any] = {
        "max": (limit, Field(default=None, description="Most that is allowed.")),
        "min": (limit, Field(default=None, description="Least that is allowed.")),
    }
    return create_model(f"GateIn_{unit}", __base__=GateForm, __doc__=GateForm.__doc__, **fields)


class GatesBase(Form):
    """Limits that every variant but the baseline is held against, by metric."""

    profile: Annotated[str, Choice(*GateProfile)] | None = None
    """A named set of limits; those stated beside it come before its own."""


class MarginsBase(Form):
    """How far a metric may differ from the baseline and still be called equivalent."""


def _by_metric(base: type[Form], annotations: dict[str, Any]) -> Any:
    """A form with a key for each metric, so that editors know and complete them."""
    fields: dict[str, Any] = {
        name: (annotations[metric.unit] | None, Field(default=None, description=metric.description))
        for name, metric in METRICS.items()
    }
    return create_model(
        base.__name__.replace("Base", "Form"), __base__=base, __doc__=base.__doc__, **fields
    )


if TYPE_CHECKING:
    # What the metrics are is data; their names are no attributes that code reads.
    GatesForm = GatesBase
    MarginsForm = MarginsBase
else:
    _METRIC_UNITS = {metric.unit for metric in METRICS.values()}
    GatesForm = _by_metric(GatesBase, {unit: _gate_of(unit) for unit in _METRIC_UNITS})
    MarginsForm = _by_metric(
        MarginsBase,
        dict.fromkeys(_METRIC_UNITS, Annotated[float, Percentage("0%", "1000%")]),
    )
