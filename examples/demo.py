"""Run the main commands: on solar images, on a solar flare, and on variable stars.

The input files are part of installed Python packages, except for the ZTF photometry, which is
simulated. Each command is printed before it runs.
"""

from __future__ import annotations

import json
import shlex
import shutil
import statistics
import subprocess
import sys
from functools import partial
from importlib.resources import files
from pathlib import Path

import demo_ztf

DEMO = Path("demo")
PROGRAMS = Path(sys.executable).parent


def command(program: str, *args: object, quiet: bool = False) -> str:
    """Print and run a command, and exit if it fails."""
    words = [str(arg) for arg in args]
    print(f"\n$ {program} {shlex.join(words)}", flush=True)
    ran = subprocess.run(
        [PROGRAMS / program, *words],
        stdout=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(ran.returncode)
    return ran.stdout or ""


sdo = partial(command, "sdo")


def solar_images() -> None:
    """Import images, train a model on patches, find a defocused patch, and write a report."""
    from sunpy.data.test import get_test_filepath

    aia_171 = files("glymur") / "data" / "heliov.jpx"  # 4096 x 4096 px, 2014-01-01
    others = [
        get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2"),
        get_test_filepath("aia_171_level1.fits"),
    ]
    images, patches, disks, run = (DEMO / n for n in ("images", "patches", "whole_disk", "run"))
    sdo("data", "import", aia_171, "--path", images, "--size", 1024)
    sdo("data", "patch", "--path", images, "--targetpath", patches, "--wavelength", 171,
        "--size", 64, "--max-patches", 600)  # fmt: skip
    sdo("sood", "detect", "train", "--data-dir", patches, "--log-dir", run, "--epochs", 15,
        "--target-size", 32)  # fmt: skip
    add_defocused_patch(patches)
    sdo("data", "import", aia_171, *others, "--path", disks, "--size", 64)
    for folder in (patches, disks):
        for mode in ("sample", "pixel"):
            sdo("sood", "detect", "predict", "--load-path", run, "--data-dir", folder, "--pred-dir",
                run / "predictions" / folder.name, "--predict-mode", mode, "--top", 5)  # fmt: skip
    sdo("sood", "report", run, "--out", DEMO / "report.html")


def add_defocused_patch(folder: Path) -> None:
    """Add a blurred copy of a patch to a folder, to simulate a defocused telescope."""
    from PIL import Image, ImageFilter

    patch = min(folder.glob("*.jpeg"))
    name = f"{patch.stem.rpartition('__')[0]}__defocused.jpeg"
    with Image.open(patch) as image:
        image.filter(ImageFilter.GaussianBlur(4)).save(folder / name, quality=95)


def solar_flare() -> None:
    """Import GOES data for one day, and find the largest flare."""
    from sunpy.data.test import get_test_filepath

    store = DEMO / "goes"
    sdo("goes", "import", get_test_filepath("go1520110607.fits"), "--store", store)
    shown = sdo("goes", "flares", "--store", store, "--limit", 1, "--json", quiet=True)
    flare = json.loads(shown)[0]
    print(f"The largest flare of 2011-06-07: {flare['class']}, peak {flare['peak']}.")


def variable_stars() -> None:
    """Train boosted trees and a neural network for each type in the OGLE-III catalogue."""
    folder = DEMO / "ogle3"
    command("python", Path(__file__).with_name("ogle3.py"), folder)
    table: dict[str, dict[str, float]] = {}
    for algorithm in ("xgb", "dnn"):
        shown = command("scope", "train", "--all", "--algorithm", algorithm,
            "--config", folder / "config.yaml", "--path-dataset", folder / "ogle3.parquet",
            "--group", (DEMO / "stars").absolute(), "--json", quiet=True)  # fmt: skip
        for run in json.loads(shown):
            table.setdefault(run["tag"], {})[algorithm] = run["f1"]
    print("\nF1 on held-out stars\n\n         XGB    DNN")
    for tag, f1 in table.items():
        print(f"{tag:8} {f1['xgb']:.3f}  {f1['dnn']:.3f}")
    xgb, dnn = (statistics.mean(f1[name] for f1 in table.values()) for name in ("xgb", "dnn"))
    print(f"{'macro':8} {xgb:.3f}  {dnn:.3f}")


def simulated_photometry() -> None:
    """Classify simulated ZTF photometry: features, training, predictions and a page."""
    folder = DEMO / "ztf"
    command("python", Path(__file__).with_name("demo_ztf.py"), folder)
    features = ("--fourier-convention", "amplitudes", "--samples-per-peak", 5)
    command("scope", "features", "--file", folder / "training_light_curves.parquet",
        "--out", folder / "training_features.parquet", *features)  # fmt: skip
    command("scope", "train", "--all", "--algorithm", "xgb", "--config", folder / "config.yaml",
        "--path-dataset", demo_ztf.add_labels(folder), "--group-by", "obj_id",
        "--group", (folder / "models").absolute(), quiet=True)  # fmt: skip
    command("scope", "run", "--file", folder / "light_curves.parquet", "--models",
        folder / "models", "--out", folder / "results", *features)  # fmt: skip
    scores = demo_ztf.f1_scores(folder, folder / "results")
    print("\nF1 on simulated sources that were not used for training\n")
    for tag, f1 in scores.items():
        print(f"{tag:8} {f1:.3f}")
    print(f"{'macro':8} {statistics.mean(scores.values()):.3f}")


def main() -> None:
    shutil.rmtree(DEMO, ignore_errors=True)
    solar_images()
    solar_flare()
    variable_stars()
    simulated_photometry()
    page = (DEMO / "report.html").resolve()
    stars = (DEMO / "stars" / "report.html").resolve()
    print(f"\nThe report is {page}\nOpen it in a browser: python -m webbrowser {page.as_uri()}")
    print(f"Report about the classifiers: {stars}")
    sources = (DEMO / "ztf" / "results" / "sources.html").resolve()
    print(f"Page with the most interesting simulated sources: {sources}")


if __name__ == "__main__":
    main()
