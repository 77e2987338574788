"""Make the pictures in ``docs/_static``: run the pages that contain them, and copy the results.

``python docs/pictures.py [PAGE…]`` runs the marked blocks of pages, for example ``tutorials/x.md``
(default: all pages with pictures). The commands use the fake servers of the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

DOCS = Path(__file__).parent
STATIC = DOCS / "_static"
sys.path.insert(0, str(DOCS.parent / "tests"))

import numpy as np  # noqa: E402
from astrodome.arrow import read_frame  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from PIL import Image  # noqa: E402

from docs import solar_services, transcripts  # noqa: E402

Services = Callable[[], AbstractContextManager[dict[str, str]]]


def images_to_anomalies(folder: Path) -> None:
    save(Image.open(folder / "sun.png"), "images-to-anomalies-sun")
    disk = Image.open(folder / "images" / "2014-01-01T000011__171.jpeg").resize((512, 512))
    scores = np.load(folder / "disk_map" / "maps.npy")[0]
    picture = gray(scores, *np.percentile(scores, [50, 99.9]))
    save(side_by_side([disk, picture]), "images-to-anomalies-disk")
    predictions = folder / "run" / "predictions"
    maps = read_frame(predictions / "maps.parquet")
    scores = np.load(predictions / "maps.npy")
    rows = maps.set_index(maps["path"].map(lambda path: Path(path).stem.rpartition("__")[2]))["row"]
    names = ["lost", "defocused", "87", "49", "0"]
    limits = np.percentile(scores, [50, 99.9])
    stem = folder / "new" / "2014-01-01T000011__171__"
    patches = [Image.open(f"{stem}{name}.jpeg") for name in names]
    found = [gray(scores[rows[name]], *limits) for name in names]
    save(
        stacked([side_by_side(row, 140, 8) for row in (patches, found)], 8),
        "images-to-anomalies-patches",
    )


def flare_in_three_datasets(folder: Path) -> None:
    save(Image.open(folder / "flare.png"), "flare-in-three-datasets-goes", 1000)


def photometry_to_classes(folder: Path) -> None:
    """Save the page with the sources, and the page on which they are vetted."""
    save(
        browser_picture((folder / "results" / "sources.html").as_uri(), 1200, 1180),
        "ztf-sources",
        1000,
    )
    with vetting_page(folder) as address:
        save(browser_picture(address, 1200, 745), "ztf-vet", 1000)


@contextmanager
def vetting_page(folder: Path) -> Iterator[str]:
    """Start ``scope vet`` for the sources on the page, and yield the address of its page."""
    command = ["scope", "vet", "--file", "results/sample.parquet", "--no-browser"]
    command += ["--light-curves", "survey/light_curves.parquet", "--out", "pictures.csv"]
    log = folder / "vet.log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            command, cwd=folder, stderr=errors, env=transcripts.environment(folder, None)
        )
    try:
        while not (found := re.search(r"http://\S+", log.read_text())):
            time.sleep(0.1)
        yield found.group()
    finally:
        server.terminate()
        server.wait()


def browser_picture(address: str, width: int, height: int) -> Image.Image:
    """Return a picture of a page in Chromium, which must be installed."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        raise FileNotFoundError("Chromium is not installed.")
    options = ["--headless", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=20000"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.png"
        size = f"--window-size={width},{height}"
        command = [browser, *options, size, f"--screenshot={file}", address]
        subprocess.run(command, check=True, capture_output=True)
        return Image.open(file).copy()


def no_services() -> AbstractContextManager[dict[str, str]]:
    return nullcontext({})


def gray(values: NDArray[np.float32], low: float, high: float) -> Image.Image:
    """Return values as gray levels; ``low`` is black and ``high`` is white."""
    return Image.fromarray((255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8))


def side_by_side(images: Sequence[Image.Image], width: int = 0, gap: int = 4) -> Image.Image:
    """Return images in one row on white, resized to squares of this width if it is given."""
    if width:
        images = [image.resize((width, width), Image.Resampling.NEAREST) for image in images]
    size = (sum(image.width + gap for image in images) - gap, max(i.height for i in images))
    row = Image.new("RGB", size, "white")
    left = 0
    for image in images:
        row.paste(image, (left, 0))
        left += image.width + gap
    return row


def stacked(rows: Sequence[Image.Image], gap: int = 4) -> Image.Image:
    size = (max(row.width for row in rows), sum(row.height + gap for row in rows) - gap)
    page = Image.new("RGB", size, "white")
    top = 0
    for row in rows:
        page.paste(row, (0, top))
        top += row.height + gap
    return page


def save(image: Image.Image, name: str, width: int = 0) -> None:
    """Save an image as JPEG in ``docs/_static``, at most this wide."""
    if 0 < width < image.width:
        image = image.resize((width, round(image.height * width / image.width)))
    path = STATIC / f"{name}.jpeg"
    image.convert("RGB").save(path, quality=85, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


PAGES: dict[str, tuple[Services, Callable[[Path], None]]] = {
    "tutorials/images-to-anomalies.md": (solar_services.environment, images_to_anomalies),
    "tutorials/flare-in-three-datasets.md": (solar_services.environment, flare_in_three_datasets),
    "tutorials/photometry-to-classes.md": (no_services, photometry_to_classes),
}
"""The services and the function that saves the pictures, for each page."""


def main(pages: Sequence[str]) -> None:
    STATIC.mkdir(exist_ok=True)
    for page in pages or PAGES:
        services, copy = PAGES[page]
        with tempfile.TemporaryDirectory() as folder, services() as environment:
            transcripts.replay(DOCS / page, Path(folder), environment)
            copy(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
