"""Run the tasks in ``older_sdo.py`` with ``astrodome_sdo_data`` and ``astrodome_sood``."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from serve import serve


def resize(source: str, target: str, size: int, **options: Any) -> Any:
    from astrodome_sdo_data.processing import resizing

    return lambda: resizing.resize(source, target, size, **options)


def patch(source: str, target: str, size: int, max_patches: int, **options: Any) -> Any:
    from astrodome_sdo_data.processing import patches

    return lambda: patches.cut_patches(source, target, size, max_patches, **options)


@cache
def models(size: int, z_dim: int, fmap_sizes: tuple[int, ...], threads: int) -> Any:
    """Return a training module, its optimizer, and a model for scores with the same weights."""
    import torch
    from astrodome_sood import config
    from astrodome_sood.models import ce_vae, lightning_module, weights

    given = {"target_size": size, "z_dim": z_dim, "fmap_sizes": list(fmap_sizes)}
    settings = config.load(overrides={"model": given, "devices.gpus": 0}).plain()
    torch.manual_seed(0)
    net = weights.new_network("ce_vae", settings, channels=1)
    scorer = ce_vae.CeVae()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / weights.WEIGHTS
        weights.save("ce_vae", net, path)
        scorer.load(path, settings)
    torch.set_num_threads(threads)
    objective = lightning_module.training_module(net, settings)
    return objective, objective.configure_optimizers(), scorer


def step(objective: Any, optimizer: Any, x: Any) -> None:
    optimizer.zero_grad()
    objective.training_step(x, 1)["loss"].backward()
    optimizer.step()


def cevae(
    work: str, images: str, z_dim: int, fmap_sizes: list[int], threads: int, times: int
) -> Any:
    import numpy as np
    import torch

    batch = np.load(images)
    x = torch.from_numpy(batch)
    objective, optimizer, scorer = models(x.shape[-1], z_dim, tuple(fmap_sizes), threads)
    tasks = {
        "train": lambda: step(objective, optimizer, x),
        "sample": lambda: scorer.score(batch),
        "combi": lambda: scorer.score_map(batch, "combi"),
    }
    return lambda: [tasks[work]() for _ in range(times)]


def cevae_loss(images: str, z_dim: int, fmap_sizes: list[int], threads: int, steps: int) -> float:
    """Return the mean score of the images after ``steps`` training steps."""
    import numpy as np
    import torch
    from astrodome_sood.models.losses import negative_elbo

    x = torch.from_numpy(np.load(images))
    models.cache_clear()
    objective, optimizer, _ = models(x.shape[-1], z_dim, tuple(fmap_sizes), threads)
    for _ in range(steps):
        step(objective, optimizer, x)
    with torch.no_grad():
        return float(negative_elbo(objective.net, x, objective.settings["beta"]).mean())


serve({"resize": resize, "patch": patch, "cevae": cevae, "cevae_loss": cevae_loss})
