"""The tasks with sdo-cli; run with the Python of its environment."""

import time
from functools import cache
from pathlib import Path
from typing import Any

from serve import serve


class Log:
    """The attributes of a command that the functions of sdo-cli need."""

    def log(self, *_: object) -> None:
        pass


def resize(source: str, target: str, size: int) -> float:
    from sdo.cmd.data.cmd_resize import image_resize

    started = time.perf_counter()
    image_resize(Log(), source, target, "*", size)
    return time.perf_counter() - started


def patch(source: str, target: str, size: int, count: int) -> float:
    from sdo.cmd.data.cmd_patch import image_patches

    started = time.perf_counter()
    image_patches(Log(), source, target, size, count, "*")
    return time.perf_counter() - started


@cache
def model(shape: tuple[int, ...], z_dim: int, fmap_sizes: tuple[int, ...], threads: int) -> Any:
    import torch
    from sdo.sood.algorithms.ce_vae import ceVAE

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    made = ceVAE(
        input_shape=shape,
        lr=1e-4,
        z_dim=z_dim,
        model_feature_map_sizes=fmap_sizes,
        use_geco=False,
        beta=0.01,
        ce_factor=0.5,
        score_mode="combi",
        mode="sample",
        print_every_iter=100,
        debug=False,
        work_dir=str(Path.cwd()),
    )
    return made, made.configure_optimizers()


def cevae(
    work: str, images: str, z_dim: int, fmap_sizes: list[int], threads: int, times: int
) -> float:
    import numpy as np
    import torch

    x = torch.from_numpy(np.load(images))
    made, optimizer = model(tuple(x.shape), z_dim, tuple(fmap_sizes), threads)
    started = time.perf_counter()
    for _ in range(times):
        if work == "train":
            optimizer.zero_grad()
            made.training_step((x, None), 1)["loss"].backward()
            optimizer.step()
        elif work == "sample":
            with torch.inference_mode():  # as its Trainer.predict does
                made.score_sample((x, None))
        else:
            made.score_pixels((x, None))
    return (time.perf_counter() - started) / times


def cevae_loss(images: str, z_dim: int, fmap_sizes: list[int], threads: int, steps: int) -> float:
    import numpy as np
    import torch

    x = torch.from_numpy(np.load(images))
    model.cache_clear()
    made, optimizer = model(tuple(x.shape), z_dim, tuple(fmap_sizes), threads)
    np.random.seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        made.training_step((x, None), 1)["loss"].backward()
        optimizer.step()
    with torch.inference_mode():
        return float(np.mean(made.score_sample((x, None))))


serve({"resize": resize, "patch": patch, "cevae": cevae, "cevae_loss": cevae_loss})
