"""Generate data sets in the layout of SCoPe from synthetic light curves.

The stars of each class have realistic periods, amplitudes and colors. They are observed with the
cadence, the seasons and the errors of ZTF in up to three filters. Features and dmdt images are
computed as in SCoPe. The same seed generates the same data set.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .measures import Array, dmdt, fourier, statistics


@dataclass(frozen=True)
class Kind:
    """Stars that look alike: labels, share of the sky, period (days), amplitude (mag), shape.

    ``colour`` is BP−RP, ``absolute`` the absolute magnitude in G.
    """

    labels: str
    share: float
    period: tuple[float, float]
    amplitude: tuple[float, float]
    shape: str
    colour: float
    absolute: float


PERIODIC = "variable,periodic"
PULSATOR = f"{PERIODIC},pulsator"
BINARY = f"{PERIODIC},eclipsing,binary star"
RR = f"{PULSATOR},RR Lyrae"
CLOSE = "compact binary"
KINDS = (
    Kind("non-variable", 14, (0.1, 10), (0, 0), "flat", 0.9, 5.0),
    Kind("non-variable,bright star", 3, (0.1, 10), (0, 0), "bright", 0.7, 2.0),
    Kind("non-variable,blend", 3, (0.1, 10), (0, 0), "scatter", 1.2, 6.0),
    Kind("non-variable,bogus,ccd artifact", 3, (0.1, 10), (0, 0), "jump", 1.0, 6.0),
    Kind("non-variable,extended", 3, (0.1, 10), (0, 0), "scatter", 0.2, -20.0),
    Kind(f"{RR},RR Lyrae ab,sawtooth", 10, (0.45, 0.8), (0.5, 1.2), "saw", 0.6, 0.6),
    Kind(f"{RR},RR Lyrae c", 5, (0.22, 0.4), (0.2, 0.5), "sine", 0.4, 0.6),
    Kind(f"{RR},RR Lyrae d,multi periodic", 3, (0.3, 0.45), (0.2, 0.5), "beat", 0.4, 0.6),
    Kind(f"{RR},RR Lyrae Blazhko,sawtooth", 3, (0.45, 0.7), (0.5, 1.2), "blazhko", 0.6, 0.6),
    Kind(f"{PULSATOR},Delta Scu,sinusoidal", 5, (0.03, 0.2), (0.05, 0.4), "sine", 0.3, 2.0),
    Kind(f"{PULSATOR},Cepheid,F,sawtooth", 4, (3, 40), (0.5, 1.2), "saw", 0.9, -4.0),
    Kind(f"{PULSATOR},Cepheid,O", 3, (1, 5), (0.2, 0.5), "sine", 0.8, -3.0),
    Kind(f"{PULSATOR},Cepheid type-II,BL Her", 3, (1, 4), (0.4, 0.9), "saw", 0.7, -0.5),
    Kind(f"{PULSATOR},Cepheid type-II,W Virginis", 3, (10, 20), (0.5, 1.0), "saw", 1.0, -2.0),
    Kind(f"{PULSATOR},RV Tau,long timescale", 3, (30, 90), (0.5, 1.5), "alternating", 1.1, -3.0),
    Kind(f"{PULSATOR},LPV,Mira,long timescale", 4, (150, 450), (2.5, 5), "sine", 3.5, -2.0),
    Kind(f"{PULSATOR},LPV,SRV,long timescale", 4, (60, 200), (0.4, 1.5), "beat", 2.8, -1.0),
    Kind(f"{PULSATOR},LPV,OSARG,long timescale", 3, (15, 60), (0.05, 0.3), "beat", 2.2, -1.0),
    Kind(f"{BINARY},EA,detached eclipsing MS-MS", 6, (1, 8), (0.3, 1.0), "eclipse", 0.8, 4.0),
    Kind(f"{BINARY},EA,{CLOSE},eclipsing WD+dM (NN Ser)", 3, (0.1, 0.5), (1, 3), "eclipse", 0.6, 9),
    Kind(f"{BINARY},EB,{CLOSE},eclipsing sdB+dM (HW Vir)", 3, (0.1, 0.3), (0.3, 1), "lyrae", 0, 4),
    Kind(f"{BINARY},EB,Beta Lyr", 4, (0.5, 5), (0.4, 1.0), "lyrae", 0.4, 1.0),
    Kind(f"{BINARY},EW,W UMa", 8, (0.25, 0.5), (0.2, 0.7), "contact", 1.0, 5.0),
    Kind(f"{PERIODIC},ellipsoidal,binary star", 3, (0.3, 3), (0.05, 0.25), "contact", 1.0, 5.0),
    Kind(f"{PERIODIC},RS CVn,sinusoidal", 4, (2, 20), (0.1, 0.4), "sine", 1.2, 3.0),
    Kind(f"{PERIODIC},compact binary,Redback pulsar", 3, (0.15, 0.8), (0.4, 1.2), "sine", 0.9, 7.0),
    Kind("variable,flaring,CV", 4, (0.1, 10), (2, 4), "flare", 0.3, 9.0),
    Kind("variable,irregular,YSO", 4, (0.1, 10), (0.3, 1.2), "walk", 2.0, 4.0),
    Kind("variable,irregular,AGN,long timescale", 4, (0.1, 10), (0.2, 0.8), "drift", 0.6, -22.0),
    Kind("variable,dipping,YSO", 3, (0.1, 10), (0.5, 1.5), "dips", 1.8, 5.0),
)  # fmt: skip
PERIOD_FAULTS = {
    "wrong period": (0.04, 0.37),
    "half period": (0.04, 0.5),
    "double period": (0.04, 2),
}
"""Fraction of the periodic stars with a wrong period, and the factor of the error."""
PERIODIC_FEATURES = ("period", "significance", "pdot")
"""With ``f1_*`` those that belong to a period search."""
EPOCHS = 90
"""Epochs of a light curve, about."""


@dataclass(frozen=True)
class Sky:
    """A table as SCoPe has it, without images, and the images (N, 26, 26)."""

    table: pd.DataFrame
    dmdt: NDArray[np.float32]

    def write(self, path: Path, *, rows: slice = slice(None)) -> Path:
        """Write CSV (images as JSON), Parquet (nested lists) or HDF5 (pickled images)."""
        table, images = self.table[rows], self.dmdt[rows]
        if path.suffix == ".h5":
            with pd.HDFStore(path, "w") as store, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that images are pickled, as SCoPe's are
                store.put("df", table, format="table")
                store.put("dmdt", pd.Series(images.tolist(), table.index))
        elif path.suffix == ".csv":
            cells = [json.dumps(image) for image in images.astype(float).round(6).tolist()]
            _with(table, cells).to_csv(path, index=False)
        else:
            _with(table, images.tolist()).to_parquet(path, row_group_size=5000)
        return path


def _with(table: pd.DataFrame, images: list[object]) -> pd.DataFrame:
    """Return the table with its images; pandas warns if columns are inserted one by one."""
    return pd.concat([table, pd.Series(images, table.index, name="dmdt")], axis=1)


def sky(rows: int = 600, seed: int = 1, period_suffix: str = "", distinct: int = 2000) -> Sky:
    """Return ``rows`` light curves; those beyond ``distinct`` repeat others with 1 % of noise.

    Columns are features (periodic ones with the suffix), labels, obj_id, ztf_id, ra, dec, filter.
    """
    random = np.random.default_rng(seed)
    stars = _stars(min(rows, distinct), random)
    columns, images = _measured(stars, random)
    table = pd.DataFrame(columns)
    table = pd.concat([table, _surveys(stars, random), _labels(stars, random)], axis=1)
    if period_suffix:
        periodic = [n for n in table if n in PERIODIC_FEATURES or n.startswith("f1_")]
        table = table.rename(columns={name: f"{name}_{period_suffix}" for name in periodic})
    if rows > len(table):
        table, images = _repeated(table, images, rows, random)
    return Sky(table.copy(), images)  # in one piece


def _stars(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """One row a light curve: which star, its kind and what it is like, and which filter."""
    share = np.array([kind.share for kind in KINDS])
    count = np.ceil(share / share.sum() * rows).astype(int)
    kinds = random.permutation(np.repeat(np.arange(len(KINDS)), count))[: max(rows, 1)]
    alike = [KINDS[kind] for kind in kinds]
    low, high = np.log(np.array([kind.period for kind in alike])).T
    least, most = np.array([kind.amplitude for kind in alike]).T
    stars = pd.DataFrame(
        {
            "kind": kinds,
            "period": np.exp(random.uniform(low, high)),
            "amplitude": random.uniform(least, most),
            "phase": random.random(len(kinds)),
            "mean": np.where([k.shape == "bright" for k in alike], 12.8, 0)
            + np.where(
                [k.shape != "bright" for k in alike], random.uniform(15, 19.8, len(kinds)), 0
            ),
            "colour": random.normal([kind.colour for kind in alike], 0.1),
            "absolute": random.normal([kind.absolute for kind in alike], 0.3),
            "ra": random.uniform(255, 262, len(kinds)),
            "dec": random.uniform(28, 35, len(kinds)),
        }
    )
    curves = random.integers(1, 4, len(stars))
    repeated = stars.loc[stars.index.repeat(curves)].iloc[:rows]
    star = repeated.index.to_numpy()
    order = random.permutation(len(repeated))
    return (
        repeated.assign(star=star, filter=repeated.groupby(level=0).cumcount().to_numpy() + 1)
        .iloc[order]
        .reset_index(drop=True)
    )


def epochs(random: np.random.Generator) -> Array:
    """Return times in HJD: three seasons of eight months, without moonlit weeks."""
    nights = np.arange(58200.0, 59300.0)
    visible = (nights % 365.25 < 245) & (nights % 29.53 > 5)
    chosen = nights[visible & (random.random(len(nights)) < EPOCHS / visible.sum())]
    twice = chosen[random.random(len(chosen)) < 0.15] + 0.06
    times = np.concatenate([chosen, twice])
    return np.sort(times + random.uniform(0.15, 0.2, len(times))) + 2400000.5


def errors(magnitude: Array) -> Array:
    """What ZTF's photometry reaches (mag): 0.012 for bright stars, 0.17 at 20.3."""
    return np.hypot(0.012, 0.055 * 10 ** (0.32 * (magnitude - 18.8)))


def _curve(shape: str, phase: Array, random: np.random.Generator) -> Array:
    """Brightness of unit amplitude over phases (stars, epochs) that count whole cycles."""
    turn = phase % 1.0
    cosine = np.cos(2 * np.pi * turn)
    if shape == "sine":
        return 0.5 * cosine + 0.05 * np.cos(4 * np.pi * turn)
    if shape in ("saw", "blazhko"):
        saw = np.where(turn < 0.15, 1 - turn / 0.15, (turn - 0.15) / 0.85) - 0.5
        return saw * (1 + 0.3 * np.cos(2 * np.pi * phase / 73)) if shape == "blazhko" else saw
    if shape == "beat":
        return 0.35 * cosine + 0.2 * np.cos(2 * np.pi * phase * 1.344)
    if shape == "alternating":
        return 0.4 * cosine + 0.2 * np.cos(np.pi * phase)
    if shape == "contact":
        return 0.5 * np.cos(4 * np.pi * turn) + 0.03 * cosine
    if shape == "lyrae":
        return 0.3 * np.cos(4 * np.pi * turn) + 0.7 * _dip(turn, 0.0, 0.06)
    if shape == "eclipse":
        return _dip(turn, 0.0, 0.03) + 0.5 * _dip(turn, 0.5, 0.03)
    if shape == "flare":
        return -1.0 * (random.random(phase.shape) < 0.06) * random.random(phase.shape)
    if shape == "dips":
        return 1.0 * (random.random(phase.shape) < 0.15) * random.random(phase.shape)
    if shape in ("walk", "drift"):
        steps = random.normal(size=phase.shape)
        if shape == "drift":
            steps = np.cumsum(steps, axis=1)
        steps -= steps.mean(axis=1, keepdims=True)
        return 0.4 * steps / np.maximum(steps.std(axis=1, keepdims=True), 1e-9)
    return np.zeros_like(phase)


def _dip(turn: Array, at: float, width: float) -> Array:
    away = np.abs((turn - at + 0.5) % 1 - 0.5)
    return np.exp(-((away / width) ** 2))


def _measured(
    stars: pd.DataFrame, random: np.random.Generator
) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Features and images of all light curves; those of a field share their epochs."""
    fields = [(296 + i, epochs(random)) for i in range(6)]
    field = random.integers(len(fields), size=len(stars))
    columns: dict[str, Array] = {}
    images = np.zeros((len(stars), 26, 26), np.float32)
    for number, times in fields:
        for kind, alike in enumerate(KINDS):
            rows = np.flatnonzero((field == number - 296) & (stars["kind"] == kind))
            if not len(rows):
                continue
            of = {name: stars[name].to_numpy()[rows, None] for name in stars}
            phase = (times - times[0]) / of["period"] + of["phase"]
            true = of["mean"] + of["amplitude"] * _curve(alike.shape, phase, random)
            true = true - 0.3 * (of["filter"] - 2) * of["colour"]
            error = errors(true)
            seen = true + error * random.normal(size=true.shape)
            if alike.shape == "jump":
                seen[:, times > np.median(times)] += random.uniform(0.2, 1.0, (len(rows), 1))
            if alike.shape == "scatter":
                seen += 0.15 * random.standard_t(3, seen.shape) * (of["mean"] / 18)
            found = _found_period(stars, rows, random)
            measured = statistics(times, seen, error) | fourier(times, seen, error, found)
            measured |= {"field": np.full(len(rows), float(number)), "period": found}
            for name, values in measured.items():
                columns.setdefault(name, np.zeros(len(stars)))[rows] = values
            for row, magnitudes in zip(rows, seen, strict=True):
                images[row] = dmdt(times, magnitudes)
    columns["pdot"] = np.zeros(len(stars))
    return columns, images


def _found_period(stars: pd.DataFrame, rows: Any, random: np.random.Generator) -> Array:
    """Some are found wrong, which ``stars`` then notes in the column ``fault``."""
    found = stars["period"].to_numpy()[rows] * random.normal(1, 1e-6, len(rows))
    if "fault" not in stars:
        stars["fault"] = ""
    if "periodic" in KINDS[stars["kind"].iloc[rows[0]]].labels.split(","):
        drawn = random.random(len(rows))
        start = 0.0
        for name, (share, factor) in PERIOD_FAULTS.items():
            faulty = (drawn >= start) & (drawn < start + share)
            stars.loc[rows[faulty], "fault"] = name
            found[faulty] *= factor
            start += share
    return found


def _surveys(stars: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Ids, positions, alerts and what AllWISE, Gaia and Pan-STARRS measured, with gaps."""
    n = len(stars)
    one = stars.drop_duplicates("star").set_index("star")
    noise = {name: pd.Series(random.normal(size=len(one)), one.index) for name in range(12)}
    g = one["mean"] - 0.1 * one["colour"]
    colour = one["colour"]
    parallax = 10 ** (0.2 * (one["absolute"] - g + 10))
    error = 0.02 + 0.3 * 10 ** (0.2 * (g - 20))
    per_star = {
        "Gaia_EDR3__phot_g_mean_mag": g,
        "Gaia_EDR3__phot_bp_mean_mag": g + 0.4 * colour,
        "Gaia_EDR3__phot_rp_mean_mag": g - 0.6 * colour,
        "Gaia_EDR3__parallax": np.minimum(parallax, 50) + error * noise[0],
        "Gaia_EDR3__parallax_error": error,
        "Gaia_EDR3__phot_bp_rp_excess_factor": 1.2 + 0.05 * noise[1].abs(),
        "Gaia_EDR3__astrometric_excess_noise": 0.2 * noise[2].abs(),
        "Gaia_EDR3__pmra": 3 * noise[3],
        "Gaia_EDR3__pmdec": 3 * noise[4],
        "Gaia_EDR3__pmra_error": error,
        "Gaia_EDR3__pmdec_error": error,
        "PS1_DR1__qualityFlag": 52 + 8.0 * (noise[5] > 0),
    }
    for band, bend in zip("grizy", (0.3, 0.0, -0.25, -0.4, -0.5), strict=True):
        per_star[f"PS1_DR1__{band}MeanPSFMag"] = g + bend * colour + 0.02 * noise[6]
        per_star[f"PS1_DR1__{band}MeanPSFMagErr"] = 0.01 + 0.004 * noise[7].abs()
    for band, bend in zip((1, 2, 3, 4), (1.6, 1.7, 2.0, 2.3), strict=True):
        per_star[f"AllWISE__w{band}mpro"] = g - 0.5 - bend * colour + 0.05 * noise[8]
        per_star[f"AllWISE__w{band}sigmpro"] = 0.025 + 0.01 * noise[9].abs()
    table = pd.DataFrame(per_star)
    for survey, share in (("AllWISE", 0.25), ("Gaia_EDR3", 0.05), ("PS1_DR1", 0.1)):
        lost = random.random(len(table)) < share
        table.loc[lost, [name for name in table if name.startswith(survey)]] = np.nan
    for name in ("AllWISE__w3mpro", "AllWISE__w4mpro", "Gaia_EDR3__parallax"):
        table.loc[random.random(len(table)) < 0.05, name] = np.nan
    table = table.loc[stars["star"]].reset_index(drop=True)
    amplitude = stars["amplitude"].to_numpy()
    alerts = random.poisson(np.where(amplitude > 0, 20 + 80 * amplitude, 0.3)).astype(float)
    table["n_ztf_alerts"] = alerts
    table["mean_ztf_alert_braai"] = np.where(alerts > 0, random.uniform(0.5, 1, n), 0.0)
    table.loc[random.random(n) < 0.02, "n_ztf_alerts"] = np.nan
    table["ra"] = stars["ra"] + random.normal(0, 5e-5, n)
    table["dec"] = stars["dec"] + random.normal(0, 5e-5, n)
    table["ccd"] = 1.0 + stars["star"] % 16
    table["quad"] = 1.0 + stars["star"] % 4
    table["filter"] = stars["filter"]
    table["ztf_id"] = 10487402158260 + 37 * np.arange(n)
    table["obj_id"] = [f"ZTFJ{star:08d}" for star in stars["star"]]
    return table


def _labels(stars: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """How sure people are, 0 to 1 in quarters: mostly, not always, on the right side of 0.7."""
    names = dict.fromkeys(label for kind in KINDS for label in kind.labels.split(","))
    names |= dict.fromkeys(PERIOD_FAULTS)
    columns = {}
    for name in names:
        has = np.array([name in kind.labels.split(",") for kind in KINDS])[stars["kind"]]
        has |= (stars["fault"] == name).to_numpy()
        sure = random.choice([1.0, 0.75, 0.5], len(stars), p=[0.8, 0.18, 0.02])
        other = random.choice([0.0, 0.25, 0.5], len(stars), p=[0.96, 0.035, 0.005])
        columns[name] = np.where(has, sure, other)
    return pd.DataFrame(columns)


def _repeated(
    table: pd.DataFrame, images: NDArray[np.float32], rows: int, random: np.random.Generator
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """More rows of the same kinds: others again, as other stars, with 1 % of noise."""
    again = random.integers(len(table), size=rows - len(table))
    more = table.iloc[again].reset_index(drop=True)
    measured = [n for n in more.select_dtypes("number") if "ztf_id" not in n and n != "filter"]
    labels = set(_label_names())
    measured = [n for n in measured if n not in labels and n not in ("field", "ccd", "quad")]
    more[measured] *= random.normal(1, 0.01, (len(more), len(measured)))
    number = np.arange(len(table), rows)
    more["ztf_id"] = 10487402158260 + 37 * number
    more["obj_id"] = [f"ZTFJ9{i:07d}" for i in number]
    more["dec"] = more["dec"].clip(-90, 90)
    return (
        pd.concat([table, more], ignore_index=True),
        np.concatenate([images, images[again]]),
    )


def _label_names() -> list[str]:
    return [*{label for kind in KINDS for label in kind.labels.split(",")}, *PERIOD_FAULTS]
