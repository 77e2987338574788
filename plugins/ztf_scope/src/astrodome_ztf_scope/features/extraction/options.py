"""Options for the computation of feature tables."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args

from astrodome import InvalidInputError

from ..cleaning import CleaningOptions
from ..fourier import Convention
from ..periods.options import SearchOptions
from .crossmatch import SURVEYS

NESTED = ("LS", "CE", "AOV")
"""Algorithms that the nested period search of SCoPe combines."""
NESTED_SUFFIX = "_ELS_ECE_EAOV"
"""Suffix of the columns for the nested period search, which SCoPe's default models read."""


@dataclass(frozen=True)
class FeatureOptions:
    """Options that determine the values in a feature table.

    Parameters
    ----------
    search : SearchOptions
        Algorithms and frequency grid of the period search.
    cleaning : CleaningOptions
        Criteria for the epochs that are used.
    fourier_convention : {"coefficients", "amplitudes"}
        Quantities in the Fourier columns. ``coefficients`` are the coefficients of the cosine and
        sine terms, as in SCoPe 0.9.5 and in the published catalogues. ``amplitudes`` are amplitudes
        and relative phases, as in SCoPe of 2026.
    top_n_periods : int
        Number of best periods per algorithm that are written to the columns
        ``period_<rank>_<algorithm>`` and ``significance_<rank>_<algorithm>``.
    max_timestamp_hjd : float, optional
        Maximum heliocentric Julian date of the epochs that are used, in days.
    dmdt : bool
        Whether to add the column ``dmdt`` with images.
    flares, drw : bool
        Whether to add the features of flares, and those of a damped random walk.
    crossmatch : tuple of str
        Surveys whose measurements are added: ``gaia``, ``allwise`` or ``ps1``.
    radius_arcsec : float
        Maximum separation of crossmatches and alerts, in arcseconds.
    alerts : bool
        Whether to add the number of ZTF alerts and their mean score.
    exclude_bright_stars : bool
        Whether to skip light curves near bright stars.
    """

    search: SearchOptions = field(default_factory=SearchOptions)
    cleaning: CleaningOptions = field(default_factory=CleaningOptions)
    fourier_convention: Convention = "coefficients"
    top_n_periods: int = 0
    max_timestamp_hjd: float | None = None
    dmdt: bool = True
    flares: bool = False
    drw: bool = False
    crossmatch: tuple[str, ...] = ()
    radius_arcsec: float = 2.0
    alerts: bool = False
    exclude_bright_stars: bool = False

    def __post_init__(self) -> None:
        if self.fourier_convention not in get_args(Convention):
            raise InvalidInputError(
                f"Invalid Fourier convention '{self.fourier_convention}': expected "
                f"{' or '.join(get_args(Convention))}."
            )
        for name in self.crossmatch:
            if name not in SURVEYS:
                raise InvalidInputError(
                    f"Invalid survey '{name}' for the crossmatch: expected one of "
                    f"{', '.join(SURVEYS)}."
                )
        if not self.radius_arcsec > 0:
            raise InvalidInputError(
                f"Invalid radius {self.radius_arcsec}: expected a positive number of arcseconds."
            )
        if not 0 <= self.top_n_periods <= self.search.top_n:
            raise InvalidInputError(
                f"Invalid number of periods {self.top_n_periods}: expected a number from 0 to "
                f"{self.search.top_n}, the number of periods in the search."
            )

    @property
    def needs_catalogue(self) -> bool:
        """Whether the options require a catalogue of other sources."""
        return bool(self.crossmatch or self.alerts or self.exclude_bright_stars)

    @property
    def nested(self) -> bool:
        """Whether the nested period search of SCoPe can be combined from the algorithms."""
        return set(NESTED) <= set(self.search.algorithms)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as a dictionary for JSON."""
        return dict(json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_names(cls, **options: Any) -> FeatureOptions:
        """Create the options from keyword arguments, including those of the search and cleaning.

        Arguments that are None are ignored. Raises InvalidInputError if a name is unknown.
        """
        given = {name: value for name, value in options.items() if value is not None}
        nested: dict[str, Any] = {}
        for name, kind in (("search", SearchOptions), ("cleaning", CleaningOptions)):
            known = {one.name for one in fields(kind)} & given.keys()
            nested[name] = kind(**{key: given.pop(key) for key in known})
        unknown = given.keys() - {one.name for one in fields(cls)}
        if unknown:
            raise InvalidInputError(
                f"Unknown option '{min(unknown)}' for the computation of features."
            )
        return cls(**nested, **given)
