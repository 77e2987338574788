"""Map class labels to the kind of refinement and to the range of periods."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["eclipsing", "rr_lyrae", "cepheid"]


@dataclass(frozen=True)
class PeriodPrior:
    """The kind of a variable star, and the range of its periods in days."""

    kind: Kind
    shortest: float
    longest: float

    def contains(self, period: float) -> bool:
        return bool(np.isfinite(period)) and self.shortest <= period <= self.longest


ECLIPSING = PeriodPrior("eclipsing", 0.05, 100.0)
RR_LYRAE = PeriodPrior("rr_lyrae", 0.1, 1.5)
RR_LYRAE_AB = PeriodPrior("rr_lyrae", 0.2, 1.5)
RR_LYRAE_C = PeriodPrior("rr_lyrae", 0.1, 0.6)
CEPHEID = PeriodPrior("cepheid", 0.5, 150.0)

LABELS = {
    ECLIPSING: (
        *("e", "ea", "eb", "ew", "ecl", "eclipsing", "eclipsing binary", "wuma", "w uma"),
        *("w ursae majoris", "blyr", "beta lyr", "beta lyrae", "algol", "beta per"),
        *("ew_wuma", "ea_detached", "eb_betalyr"),
    ),
    RR_LYRAE: (
        "rr",
        "rrlyr",
        "rr lyr",
        "rr lyrae",
        "rrd",
        "rr lyrae d",
        "rrblz",
        "rr lyrae blazhko",
    ),
    RR_LYRAE_AB: ("rrab", "rr lyrae ab", "rr lyr ab"),
    RR_LYRAE_C: ("rrc", "rr lyrae c", "rr lyr c"),
    CEPHEID: ("cep", "ceph", "cepheid", "dcep", "delta cep", "classical cepheid"),
}
"""Supported class labels: the tags and labels of SCoPe, the classes in its hierarchical classifier,
and the types in the General Catalogue of Variable Stars.

Case, spaces and punctuation are ignored."""


DESCRIPTIVE = (
    *("vnv", "variable", "nonvar", "non-variable", "pnp", "periodic", "i", "irregular"),
    *("longt", "long timescale", "fla", "flaring", "sin", "sinusoidal", "saw", "sawtooth"),
    *("mp", "multi periodic", "dip", "dipping", "wp", "wrong period", "hp", "half period"),
    *("dp", "double period", "puls", "pulsator", "bis", "binary star", "bogus", "ext", "extended"),
    *("blend", "bright", "bright star", "artfct", "ccd artifact"),
)
"""Tags and labels of the SCoPe classes that describe a light curve, its quality, or a group of
types of variable stars. A star that belongs to one of them also belongs to another class."""


def _key(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower().replace("β", "beta").replace("δ", "delta"))


_BY_LABEL = {_key(label): prior for prior, labels in LABELS.items() for label in labels}

_DESCRIPTIVE = frozenset(map(_key, DESCRIPTIVE))


def is_descriptive(label: str) -> bool:
    """Return whether a class is one of :data:`DESCRIPTIVE`."""
    return _key(label) in _DESCRIPTIVE


def period_prior(label: object) -> PeriodPrior | None:
    """Return the prior for a class label, or None if periods of the class are not refined."""
    return _BY_LABEL.get(_key(label)) if isinstance(label, str) else None
