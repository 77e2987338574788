"""Feature sets: which columns a classifier sees, and what becomes of missing values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat

from .schema import Section

Dtype = Literal[
    "float", "float32", "float64", "int", "int32", "int64", "Int64", "bool", "str", "object"
]


def _strategy(value: Any) -> Any:
    """``None``, which SCoPe writes as that word, and any capitals."""
    return "none" if value is None else value.lower() if isinstance(value, str) else value


Strategy = Annotated[
    Literal["none", "zero", "mean", "median", "regress"], BeforeValidator(_strategy)
]


class FeatureConfig(Section):
    """One feature of a set.

    ``periodic`` features belong to one period search, which their column names.
    ``impute_strategy`` says what a missing value becomes; ``none``: the row is dropped.
    """

    include: bool = True
    dtype: Dtype = "float"
    periodic: bool = False
    impute_strategy: Strategy = "none"


class FeatureStats(Section):
    """Statistics of a feature over the golden sets, for scaling."""

    min: FiniteFloat
    max: FiniteFloat
    median: FiniteFloat
    mean: FiniteFloat
    std: Annotated[FiniteFloat, Field(ge=0)]


def _suffix(value: Any) -> Any:
    return None if value in ("", "None") else value  # SCoPe writes the word for no suffix


class FeatureSettings(Section):
    """What ``features.info`` says of all sets; no ``period_suffix``: columns without one."""

    period_suffix: Annotated[str | None, BeforeValidator(_suffix)] = None


@dataclass(frozen=True)
class FeatureSet:
    """Named features in the order in which a classifier gets them."""

    features: dict[str, FeatureConfig]
    period_suffix: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """Column of the data set → name of the feature, for those that are included."""
        suffix = f"_{self.period_suffix}" if self.period_suffix else ""
        return {
            name + suffix * feature.periodic: name
            for name, feature in self.features.items()
            if feature.include
        }

    def __len__(self) -> int:
        return sum(feature.include for feature in self.features.values())
