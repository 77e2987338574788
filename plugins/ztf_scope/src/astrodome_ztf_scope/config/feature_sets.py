"""Feature sets: the columns that a classifier uses, and how missing values are imputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat

from .schema import ScopeSection

Dtype = Literal[
    "float", "float32", "float64", "int", "int32", "int64", "Int64", "bool", "str", "object"
]


def _lower_case(value: Any) -> Any:
    """Return the strategy in lower case. SCoPe writes ``None``, which YAML may parse as null."""
    return "none" if value is None else value.lower() if isinstance(value, str) else value


Strategy = Annotated[
    Literal["none", "zero", "mean", "median", "regress"], BeforeValidator(_lower_case)
]


class FeatureConfig(ScopeSection):
    """A feature in a feature set.

    If ``periodic`` is True, the column name has a suffix for the period-finding algorithm.
    ``impute_strategy`` specifies how missing values are imputed. If it is ``none``, rows in which
    the feature is missing are dropped.
    """

    include: bool = True
    dtype: Dtype = "float"
    periodic: bool = False
    impute_strategy: Strategy = "none"


class FeatureStats(ScopeSection):
    """Statistics of a feature in SCoPe's golden data sets, used for scaling."""

    min: FiniteFloat
    max: FiniteFloat
    median: FiniteFloat
    mean: FiniteFloat
    std: Annotated[FiniteFloat, Field(ge=0)]


def _none_if_empty(value: Any) -> Any:
    return None if value in ("", "None") else value


class FeatureSettings(ScopeSection):
    """Section ``features.info``: settings that apply to all feature sets.

    ``period_suffix`` is the suffix for the period-finding algorithm in the column names.
    """

    period_suffix: Annotated[str | None, BeforeValidator(_none_if_empty)] = None


@dataclass(frozen=True)
class FeatureSet:
    """A mapping of feature names to features, in the order that a classifier expects."""

    features: dict[str, FeatureConfig]
    period_suffix: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """Mapping of data set columns to feature names, for all included features."""
        suffix = f"_{self.period_suffix}" if self.period_suffix else ""
        return {
            name + suffix * feature.periodic: name
            for name, feature in self.features.items()
            if feature.include
        }

    @property
    def required(self) -> dict[str, str]:
        """Subset of :attr:`columns` for which missing values are not imputed."""
        return {
            column: name
            for column, name in self.columns.items()
            if self.features[name].impute_strategy == "none"
        }

    def __len__(self) -> int:
        return sum(feature.include for feature in self.features.values())
