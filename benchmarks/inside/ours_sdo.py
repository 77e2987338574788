"""The tasks of ``older.py`` with the libraries of astrodome."""

import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from serve import serve


def resize(source: str, target: str, size: int, **options: Any) -> float:
    from astrodome_sdo_data.processing import resizing

    started = time.perf_counter()
    resizing.resize(Path(source), Path(target), size, **options)
    return time.perf_counter() - started


def patch(source: str, target: str, size: int, count: int, **options: Any) -> float:
    from astrodome_sdo_data.processing import patches

    started = time.perf_counter()
    patches.cut_patches(Path(source), Path(target), size, count, **options)
    return time.perf_counter() - started


@cache
def models(size: int, z_dim: int, fmap_sizes: tuple[int, ...], threads: int) -> Any:
    """Return the objective with its optimizer, and the scoring model with the same weights."""
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


def cevae(
    work: str, images: str, z_dim: int, fmap_sizes: list[int], threads: int, times: int
) -> float:
    import numpy as np
    import torch

    batch = np.load(images)
    x = torch.from_numpy(batch)
    objective, optimizer, scorer = models(x.shape[-1], z_dim, tuple(fmap_sizes), threads)
    objective.training_losses.clear()
    started = time.perf_counter()
    for _ in range(times):
        if work == "train":
            optimizer.zero_grad()
            objective.training_step(x, 1).backward()
            optimizer.step()
        elif work == "sample":
            scorer.score(batch)
        else:
            scorer.score_map(batch, "combi")
    return (time.perf_counter() - started) / times


def cevae_loss(images: str, z_dim: int, fmap_sizes: list[int], threads: int, steps: int) -> float:
    """Return the mean score of the batch after some training steps from the same weights."""
    import numpy as np
    import torch
    from astrodome_sood.models.losses import negative_elbo

    x = torch.from_numpy(np.load(images))
    models.cache_clear()
    objective, optimizer, _ = models(x.shape[-1], z_dim, tuple(fmap_sizes), threads)
    for _ in range(steps):
        optimizer.zero_grad()
        objective.training_step(x, 1).backward()
        optimizer.step()
    with torch.no_grad():
        return float(negative_elbo(objective.net, x, objective.settings["beta"]).mean())


serve({"resize": resize, "patch": patch, "cevae": cevae, "cevae_loss": cevae_loss})
