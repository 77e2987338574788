"""Patches of the AIA image in sunpy, and a small model that is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from astrodome.testing import Result, run
from astrodome_sood.datasets.disks import Disk
from astrodome_sood.models.network import Vae
from PIL import Image
from services.starter import Starter
from sunpy.data.test import get_test_filepath

SIZE = 32
SMALL = ("--target-size", SIZE, "--batch-size", 8, "--lr", 1e-3, "--set", "model.z_dim=8")
SMALL += ("--set", "model.fmap_sizes=[4,8,16]", "--set", "devices.gpus=0")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Use one thread: the networks are tiny, and other tests use the other cores."""
    torch.set_num_threads(1)


@pytest.fixture
def sood() -> Callable[..., Result]:
    """Run ``sdo sood …`` in this process."""

    def call(*args: object) -> Result:
        return run("sdo", "sood", *args, plugin="astrodome_sood.plugin")

    return call


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Run ``sdo sood ce_vae`` without the time for imports, so that many can be stopped."""
    modules = ("astrodome_sood.models.ce_vae", "astrodome_sood.models.fit")
    modules += ("astrodome_sood.training", "astrodome_sood.scoring.scorer")
    with Starter("sdo sood ce_vae", tmp_path_factory.mktemp("output"), *modules) as made:
        yield made


@pytest.fixture(scope="session")
def small() -> tuple[object, ...]:
    """Return options of a network that trains in a second."""
    return SMALL


@pytest.fixture(scope="session")
def sun() -> Image.Image:
    """Return AIA 193 Å of 2013-06-24 as a grey image."""
    path = get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")
    with Image.open(path) as image:
        return image.convert("L")


@pytest.fixture(scope="session")
def patches(sun: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 48 patches of 32 px with names like those of ``sdo data patch``."""
    folder = tmp_path_factory.mktemp("patches")
    corners = np.random.default_rng(1).integers(60, 330 - SIZE, (48, 2)).tolist()
    for number, (x, y) in enumerate(corners):
        patch = sun.crop((x, y, x + SIZE, y + SIZE))
        patch.save(folder / f"2013-06-24T173130__193__{number}.jpeg", quality=95)
    return folder


@pytest.fixture(scope="session")
def two_waves(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 16 patches of each of two wavelengths."""
    folder = tmp_path_factory.mktemp("waves")
    for path in patches.iterdir():
        number = int(path.stem.split("__")[-1])
        if number < 32:
            wave = "193" if number < 16 else "171"
            name = f"2013-06-24T173130__{wave}__{number % 16}.jpeg"
            (folder / name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def disks(sun: Image.Image) -> list[Disk]:
    """Return four small images that replace the images of the benchmark."""
    levels = np.asarray(sun.resize((384, 384)), np.float32) * 2 / 255 - 1
    views = (levels, levels[::-1], levels[:, ::-1], levels.T)
    waves = (171, 193, 174, 174)
    return [
        Disk(f"sun_{n}", np.ascontiguousarray(view), 147.5, "2013-06-24T17:31:30Z", wave)
        for n, (view, wave) in enumerate(zip(views, waves, strict=True))
    ]


@pytest.fixture(scope="session")
def trained(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a small ceVAE for three epochs; tests must not change its run folder."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    args = ("--data-dir", patches, "--log-dir", folder, "--epochs", 3, *SMALL)
    run("sdo", "sood", "ce_vae", "train", *args, plugin="astrodome_sood.plugin").succeeded()
    return folder


@pytest.fixture
def net() -> Vae:
    """Return a network with random weights for images of 16 px."""
    torch.manual_seed(3)
    return Vae(16, 1, 4, (4, 8)).double()


@pytest.fixture
def images(sun: Image.Image) -> torch.Tensor:
    """Return three parts of the Sun, float64 (3, 1, 16, 16) in [-1, 1]."""
    corners = ((150, 200), (220, 120), (60, 250))
    parts = [np.asarray(sun.crop((x, y, x + 16, y + 16)), np.float64) for x, y in corners]
    return torch.from_numpy(np.stack(parts)[:, None] / 127.5 - 1)
