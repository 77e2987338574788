"""Simulate ZTF photometry of variable stars for the demo, and evaluate its classification.

    python examples/demo_ztf.py FOLDER

This command writes ``FOLDER/training_light_curves.parquet`` and ``FOLDER/light_curves.parquet``,
with one row per epoch, the true classes in ``FOLDER/training_truth.parquet`` and
``FOLDER/truth.parquet``, and ``FOLDER/config.yaml``. The cadence, the magnitude errors and the bad
epochs are those of ZTF. The files contain different sources.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import astrodome_ztf_scope as scope
import pandas as pd
import pyarrow.parquet as pq
from astrodome import files
from sklearn.metrics import f1_score

CLASSES = {
    "rrab": "RR Lyrae ab",
    "rrc": "RR Lyrae c",
    "ceph": "Cepheid",
    "dscu": "Delta Scu",
    "mir": "Mira",
    "ea": "EA",
    "ew": "EW",
    "rscvn": "RS CVn",
    "cv": "CV",
    "agn": "AGN",
}
"""Labels, keyed by the tag of the class."""
TRAINING_SOURCES, SOURCES = 264, 132
"""Number of sources in each file: 24 and 12 of each class, including constant stars."""
POINTS = (120, 240)
"""Range of the number of epochs in each light curve."""
SEED = 20


def write(folder: Path) -> None:
    """Write the simulated light curves, the true classes and the configuration to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, first, count in (
        ("training_", 0, TRAINING_SOURCES),
        ("", TRAINING_SOURCES, SOURCES),
    ):
        simulation = scope.simulate_light_curves(
            count,
            classes=[*CLASSES, "nonvar"],
            seed=SEED,
            points=POINTS,
            bands="gr",
            magnitude=(14.0, 18.0),
            first=first,
        )
        scope.write_table(folder / f"{prefix}light_curves.parquet", simulation.epochs)
        scope.write_table(folder / f"{prefix}truth.parquet", simulation.truth)
    shutil.copy(Path(__file__).with_suffix(".yaml"), folder / "config.yaml")


def add_labels(folder: Path) -> Path:
    """Add the labels to the features of the training sources, and return the path of the file.

    The description of the features in the metadata of the file is preserved.
    """
    path = folder / "training_features.parquet"
    features = pq.read_table(path)
    truth = pd.DataFrame(scope.read_table(folder / "training_truth.parquet"))
    truth = truth.set_index("_id").loc[features["_id"].to_pylist()]
    labels = {label: (truth["class"] == tag) * 1.0 for tag, label in CLASSES.items()}
    labels["variable"] = (truth["class"] != "nonvar") * 1.0
    labels["non-variable"] = 1 - labels["variable"]
    for name, values in {"obj_id": truth["obj_id"], **labels}.items():
        features = features.append_column(name, [values.tolist()])
    target = folder / "dataset.parquet"
    with files.replacing(target) as part:
        pq.write_table(features, part)
    return target


def f1_scores(folder: Path, results: Path) -> dict[str, float]:
    """Return the F1 score of each class for the sources that ``scope run`` has classified."""
    sources = scope.read_table(results / "sources.parquet").set_index("obj_id")
    curves = scope.read_table(results / "light_curves.parquet")
    truth = scope.read_table(folder / "truth.parquet").set_index("_id")["class"]
    true_class = curves.assign(truth=truth.loc[curves["_id"]].tolist())
    true_class = true_class.drop_duplicates("obj_id").set_index("obj_id")["truth"][sources.index]
    return {tag: float(f1_score(true_class == tag, sources[f"{tag}_xgb"] > 0.5)) for tag in CLASSES}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))
