"""Agreement between the periods of several algorithms, and families of aliases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .grid import SIDEREAL_FREQUENCY
from .options import Peaks

MIN_PERIOD = 0.007
"""Shorter periods are ignored, in days."""
RATIOS = (1.0, 1 / 2, 2.0, 1 / 3, 3.0)
"""Ratios of two periods that are considered equal, for example a period and its half."""
RATIO_TOLERANCE = 0.05
"""Maximum relative difference between two periods that are considered equal."""
FAMILY_RATIOS = (1.0, 1 / 2, 2.0)
"""Ratios of two frequencies in a family."""
FAMILY_TOLERANCE = 0.03
"""Maximum difference of a frequency difference from a multiple of the sidereal frequency, divided
by the sidereal frequency."""
FAMILY_ORDER = 15
"""Maximum multiple of the sidereal frequency between two frequencies in a family."""


class _Listed(NamedTuple):
    """A period in the list of an algorithm; the rank starts at 1."""

    algorithm: str
    rank: int
    period: float


def _listed(peaks: Mapping[str, Peaks]) -> list[_Listed]:
    """Return all valid periods by algorithm and rank."""
    return [
        _Listed(name, rank, float(period))
        for name, found in peaks.items()
        for rank, period in enumerate(found.period, 1)
        if period >= MIN_PERIOD
    ]


def _match(a: float, b: float) -> bool:
    return any(abs(a / (b * ratio) - 1) < RATIO_TOLERANCE for ratio in RATIOS)


def agreement(peaks: Mapping[str, Peaks]) -> dict[str, float]:
    """Compare the periods of several algorithms.

    Two periods match if their ratio is 1, 1/2, 2, 1/3 or 3, within 5 percent. Periods below 0.007
    days are ignored.

    Parameters
    ----------
    peaks : mapping of str to Peaks
        Result of :func:`search`.

    Returns
    -------
    dict of str to float
        ``n_total_pairs``: number of pairs of algorithms. ``agree_strict``: fraction of the pairs
        whose best periods match. ``n_agree_pairs`` and ``agree_score``: number and fraction of the
        pairs with any matching periods. ``agree_weighted``: mean over the pairs of the largest
        1/(rank of the first period × rank of the second period) of matching periods.
        ``best_agree_period``: first period that matches a period of another algorithm, in days.
        ``best_consensus_period``: period with the largest sum of these weights over all other
        algorithms, in days. Fractions and periods are NaN if they are not defined.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.periods import Peaks, agreement
    >>> one, two = (Peaks(np.array(p), *np.ones((3, 2))) for p in ([0.5, 3.0], [7.0, 1.0]))
    >>> scores = agreement({"LS": one, "CE": two})
    >>> scores["agree_strict"], scores["agree_weighted"], scores["best_consensus_period"]
    (0.0, 0.5, 0.5)
    """
    lists = {name: [x for x in _listed(peaks) if x.algorithm == name] for name in peaks}
    pairs = list(itertools.combinations(lists, 2))
    strict, weights = 0, []
    for first, second in pairs:
        matching = [
            (a, b) for a in lists[first] for b in lists[second] if _match(a.period, b.period)
        ]
        strict += any(a.rank == b.rank == 1 for a, b in matching)
        weights.append(max((1 / (a.rank * b.rank) for a, b in matching), default=0.0))
    votes = _votes(lists)
    agreeing = sum(weight > 0 for weight in weights)
    return {
        "n_total_pairs": float(len(pairs)),
        "agree_strict": strict / len(pairs) if pairs else math.nan,
        "n_agree_pairs": float(agreeing),
        "agree_score": agreeing / len(pairs) if pairs else math.nan,
        "agree_weighted": float(np.mean(weights)) if pairs else math.nan,
        "best_agree_period": next((x.period for x, vote in votes if vote > 0), math.nan),
        "best_consensus_period": _largest_vote(votes),
    }


def _votes(lists: Mapping[str, list[_Listed]]) -> list[tuple[_Listed, float]]:
    """Return each period with the sum of its weights over the other algorithms."""
    votes = []
    for listed in itertools.chain.from_iterable(lists.values()):
        total = 0.0
        for name, others in lists.items():
            if name != listed.algorithm:
                ranks = (x.rank for x in others if _match(listed.period, x.period))
                total += next((1 / (listed.rank * rank) for rank in ranks), 0.0)
        votes.append((listed, total))
    return votes


def _largest_vote(votes: list[tuple[_Listed, float]]) -> float:
    """Return the period with the most votes. Votes for a matching later period are added to it."""
    totals: dict[float, float] = {}
    for listed, vote in votes:
        key = next((key for key in totals if _match(listed.period, key)), listed.period)
        totals[key] = totals.get(key, 0.0) + vote
    best = max(totals, key=totals.__getitem__, default=math.nan)
    return best if totals.get(best, 0.0) > 0 else math.nan


def sidereal_family(
    peaks: Mapping[str, Peaks], f1_power: Mapping[str, float] | None = None
) -> dict[str, float | str]:
    """Group the periods of several algorithms that are aliases by the sidereal day.

    Two frequencies are aliases if one of them, or its half or double, differs from the other by a
    multiple of the sidereal frequency (1.00274/d), up to 15, within 3 percent of the sidereal
    frequency. A family contains all periods that are connected by aliases. The best family contains
    periods of the largest number of algorithms, and then has the largest rank score.

    Parameters
    ----------
    peaks : mapping of str to Peaks
        Result of :func:`search`.
    f1_power : mapping of str to float, optional
        Feature ``f1_power`` for the best period of each algorithm.

    Returns
    -------
    dict of str to float or str
        ``family_n_algos``: number of algorithms in the best family. ``family_rank_score``: sum over
        these algorithms of 1/(best rank). ``family_n_members``: number of periods in the family.
        ``family_n_total``: number of periods of all algorithms. ``family_best_algo``: algorithm
        whose best period is in the family and has the largest ``f1_power``, or the largest
        significance if ``f1_power`` is unknown. ``family_best_period``: its best period, in days.
        ``family_best_f1_power``: its ``f1_power``. The last three values are empty or NaN if no
        best period is in the family.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.periods import Peaks, sidereal_family
    >>> one, two = (Peaks(np.array([p]), *np.ones((3, 1))) for p in (0.4, 1 / (2.5 - 1.00274)))
    >>> family = sidereal_family({"LS": one, "CE": two})
    >>> family["family_n_algos"], family["family_best_period"]
    (2.0, 0.4)
    """
    listed = _listed(peaks)
    best, best_key = [], (0.0, 0.0)
    for members in _families(listed):
        ranks: dict[str, int] = {}
        for member in members:
            ranks[member.algorithm] = min(member.rank, ranks.get(member.algorithm, member.rank))
        key = (float(len(ranks)), sum(1 / rank for rank in ranks.values()))
        if key > best_key:
            best, best_key = members, key
    power = f1_power or {}
    first = [member for member in best if member.rank == 1]

    def preference(member: _Listed) -> tuple[float, float]:
        known = power.get(member.algorithm, math.nan)
        return (
            known if math.isfinite(known) else -math.inf,
            float(peaks[member.algorithm].significance[0]),
        )

    chosen = max(first, key=preference, default=_Listed("", 0, math.nan))
    return {
        "family_n_algos": best_key[0],
        "family_rank_score": best_key[1],
        "family_n_members": float(len(best)),
        "family_n_total": float(len(listed)),
        "family_best_period": chosen.period,
        "family_best_algo": chosen.algorithm,
        "family_best_f1_power": power.get(chosen.algorithm, math.nan),
    }


def _families(listed: list[_Listed]) -> list[list[_Listed]]:
    """Return the groups of periods that are connected by aliases, in the order of the periods."""
    frequency = np.array([1 / x.period for x in listed])
    linked = np.zeros((len(listed), len(listed)), bool)
    for ratio in FAMILY_RATIOS:
        multiple = (frequency[:, np.newaxis] - ratio * frequency) / SIDEREAL_FREQUENCY
        whole = np.rint(multiple)
        linked |= (np.abs(multiple - whole) <= FAMILY_TOLERANCE) & (np.abs(whole) <= FAMILY_ORDER)
    linked |= linked.T
    families, remaining = [], set(range(len(listed)))
    while remaining:
        group: set[int] = set()
        border = {min(remaining)}
        while border:
            group |= border
            border = set(np.flatnonzero(linked[sorted(border)].any(axis=0)).tolist()) - group
        remaining -= group
        families.append([listed[i] for i in sorted(group)])
    return families
