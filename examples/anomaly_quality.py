"""How well the models of ``sdo sood`` find made anomalies on a real image of the Sun.

    python examples/anomaly_quality.py [FOLDER] [--seeds 3] [--epochs 40]

AIA 171 Å of 2014-01-01 (4096 x 4096 px, shipped by glymur) is cut in two: patches of the eastern
half of the disk train the ceVAE and the autoencoder, once for each seed; those of the western half
are altered by the synthetic-anomaly protocol and scored by them and by the threshold. AIA 193 Å of
2013-06-24 (shipped by sunpy) lends the other wavelength. Tables and pages come to FOLDER.
"""

from __future__ import annotations

import argparse
import random
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

SIDE = 2048
"""Side of the whole image, px."""
PATCH, GAP, TRAINING = 64, 16, 1500
"""Side of a patch, half the distance between the halves (px), and training patches."""
RADIUS = 976 / 0.6 / 4096 * SIDE
NETWORK = ["--target-size", "32", "-fm", "16,32,64", "--z-dim", "8"]
"""A code of eight numbers: with many more, both networks reproduce anomalies too."""


def sdo(*words: object) -> None:
    """Print and run one command line of ``sdo``; a failure ends the script."""
    texts = [str(word) for word in words]
    print(f"\n$ sdo {shlex.join(texts)}", flush=True)
    done = subprocess.run([Path(sys.executable).parent / "sdo", *texts], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def patches(folder: Path) -> None:
    """Cut the patches: any place of the eastern half, a grid over the western one."""
    from PIL import Image
    from sunpy.data.test import get_test_filepath

    aia_171 = files("glymur") / "data" / "heliov.jpx"
    aia_193 = get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")
    sdo("data", "import", aia_171, aia_193, "--path", folder / "images", "--size", SIDE)
    whole = {
        path.stem: Image.open(path).convert("L")
        for wavelength in (171, 193)
        for path in (folder / "images").glob(f"201*__{wavelength}.jpeg")
    }
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    places = random.Random(0)
    east: list[tuple[int, int]] = []
    while len(east) < TRAINING:
        x = places.randrange(SIDE // 2 - GAP - PATCH)
        y = places.randrange(SIDE - PATCH)
        if on_disk(x, y):
            east.append((x, y))
    west = [
        (x, y)
        for y in range(0, SIDE - PATCH, PATCH)
        for x in range(SIDE // 2 + GAP, SIDE - PATCH, PATCH)
        if on_disk(x, y)
    ]
    for stem, image in whole.items():
        for part, corners in (("train", east), ("test", west)):
            if part == "train" and not stem.endswith("171"):
                continue
            for number, (x, y) in enumerate(corners):
                patch = image.crop((x, y, x + PATCH, y + PATCH))
                patch.save(folder / part / f"{stem}__{number}.png")


def on_disk(x: int, y: int) -> bool:
    """Whether a patch with this upper left corner lies wholly on the disk."""
    corners = [(x + i, y + j) for i in (0, PATCH) for j in (0, PATCH)]
    middle = SIDE / 2
    return all((a - middle) ** 2 + (b - middle) ** 2 < RADIUS**2 for a, b in corners)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo/anomaly_quality"))
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network")
    parser.add_argument("--epochs", type=int, default=40, help="epochs of each training")
    options = parser.parse_args()
    folder: Path = options.folder
    patches(folder)
    runs: list[str] = []
    for model in ("ce_vae", "ae"):
        for seed in range(options.seeds):
            run = folder / f"{model}-{seed}"
            sdo("sood", model, "train", "--data-dir", folder / "train", "--log-dir", run, *NETWORK,
                "--lr", 0.001, "--batch-size", 32, "--epochs", options.epochs,
                "--seed", seed, "--devices", "cpu")  # fmt: skip
            runs.append(f"{model}={run}")
    for score in ("own", "map"):
        sdo("sood", "evaluate", *runs, "threshold", "--data-dir", folder / "test",
            "--wavelength", 171, "--sample-score", score, "--devices", "cpu",
            "--out", folder / f"evaluation-{score}")  # fmt: skip


if __name__ == "__main__":
    main()
