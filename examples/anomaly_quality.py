"""Measure how well the models of ``sdo sood`` detect synthetic anomalies in a solar image.

    python examples/anomaly_quality.py [FOLDER] [--seeds 3] [--epochs 40] [--z-dims 4 8 16 32 128]

An AIA 171 Å image from 2014-01-01, which is part of the package glymur, is cut into patches. The
ceVAE and the autoencoder are trained with patches from the eastern half of the disk, once for each
seed. Synthetic anomalies are inserted into patches from the western half, which are scored by both
networks and by the threshold. An AIA 193 Å image from 2013-06-24, which is part of sunpy, is used
for anomalies from another wavelength. Version 1 of the synthetic anomalies is used, so that the
results can be compared with those in the README. Tables and HTML pages are written to FOLDER.

First, the dimension of the latent space is selected separately for each network. Networks with
each dimension are trained on the outer part of the eastern half and tested on the inner part. The
dimension with the largest sum of the AUROC for images and the average precision for pixels is
selected.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

SIDE = 2048
"""Width and height of the image in pixels."""
PATCH, GAP, TRAINING = 64, 16, 1500
"""Width of a patch and half the gap between the two halves of the disk, both in pixels, and number
of training patches."""
RADIUS = 976 / 0.6 / 4096 * SIDE
INNER = 3 * SIDE // 8
"""First pixel column of the inner part of the eastern half."""
NETWORK = ["--target-size", "32", "-fm", "16,32,64", "--lr", "0.001", "--batch-size", "32"]


def sdo(*words: object) -> None:
    """Print and run an ``sdo`` command, and exit if it fails."""
    texts = [str(word) for word in words]
    print(f"\n$ sdo {shlex.join(texts)}", flush=True)
    done = subprocess.run([Path(sys.executable).parent / "sdo", *texts], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def patches(folder: Path) -> None:
    """Cut random patches from the eastern half, and a grid of patches from the western half."""
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
    generator = random.Random(0)
    east: list[tuple[int, int]] = []
    while len(east) < TRAINING:
        x = generator.randrange(SIDE // 2 - GAP - PATCH)
        y = generator.randrange(SIDE - PATCH)
        if on_disk(x, y):
            east.append((x, y))
    outer = [(x, y) for x, y in east if x + PATCH <= INNER - GAP]
    parts = {"train": east, "outer": outer, "inner": grid(INNER + GAP, SIDE // 2 - GAP)}
    parts["test"] = grid(SIDE // 2 + GAP, SIDE)
    for part, corners in parts.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        for stem, image in whole.items():
            if part in ("train", "outer") and not stem.endswith("171"):
                continue
            for number, (x, y) in enumerate(corners):
                patch = image.crop((x, y, x + PATCH, y + PATCH))
                patch.save(folder / part / f"{stem}__{number}.png")


def grid(left: int, right: int) -> list[tuple[int, int]]:
    """Return the upper left corners of adjacent patches on the disk between two pixel columns."""
    return [
        (x, y)
        for y in range(0, SIDE - PATCH, PATCH)
        for x in range(left, right - PATCH, PATCH)
        if on_disk(x, y)
    ]


def on_disk(x: int, y: int) -> bool:
    """Return whether the patch with this upper left corner is completely on the disk."""
    corners = [(x + i, y + j) for i in (0, PATCH) for j in (0, PATCH)]
    middle = SIDE / 2
    return all((a - middle) ** 2 + (b - middle) ** 2 < RADIUS**2 for a, b in corners)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo/anomaly_quality"))
    parser.add_argument(
        "--seeds", type=int, default=3, help="number of training runs for each network"
    )
    parser.add_argument(
        "--epochs", type=int, default=40, help="number of epochs in each training run"
    )
    parser.add_argument("--z-dims", type=int, nargs="+", default=[4, 8, 16, 32, 128],
                        help="dimensions of the latent space to compare")  # fmt: skip
    options = parser.parse_args()
    folder: Path = options.folder
    patches(folder)
    runs: list[str] = []
    for model in ("ce_vae", "ae"):
        z_dim = choose_z_dim(folder, model, options.z_dims, options.epochs)
        for seed in range(options.seeds):
            run = folder / f"{model}-{seed}"
            train(model, run, folder / "train", z_dim, options.epochs, seed)
            runs.append(f"{model}={run}")
    for score in ("own", "map"):
        evaluate([*runs, "threshold"], folder / "test", folder / f"evaluation-{score}", score)


def train(model: str, run: Path, images: Path, z_dim: int, epochs: int, seed: int) -> None:
    sdo("sood", model, "train", "--data-dir", images, "--log-dir", run, *NETWORK,
        "--z-dim", z_dim, "--epochs", epochs, "--seed", seed, "--devices", "cpu")  # fmt: skip


def evaluate(runs: list[str], images: Path, out: Path, score: str) -> None:
    sdo("sood", "evaluate", *runs, "--data-dir", images, "--wavelength", 171,
        "--protocol", 1, "--sample-score", score, "--devices", "cpu", "--out", out)  # fmt: skip


def choose_z_dim(folder: Path, model: str, z_dims: list[int], epochs: int) -> int:
    """Return the dimension of the latent space with the best result for the inner part."""
    if len(z_dims) == 1:
        return z_dims[0]
    place = folder / "z_dims"
    for z_dim in z_dims:
        train(model, place / f"{model}-{z_dim}", folder / "outer", z_dim, epochs, 0)
    runs = [f"{z_dim}={place}/{model}-{z_dim}" for z_dim in z_dims]
    evaluate(runs, folder / "inner", place / model, "own")
    rows = json.loads((place / model / "evaluation.json").read_text())["models"]
    found = {
        int(row["model"]): row["auroc"] + row["pixel_ap"] for row in rows if row["kind"] == "all"
    }
    best = max(found, key=lambda z_dim: found[z_dim])
    print(f"\nDimension of the latent space of {model}: {best}", flush=True)
    return best


if __name__ == "__main__":
    main()
