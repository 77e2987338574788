"""Process and score images with sdo-cli. This module runs in the environment of sdo-cli."""

from functools import cache
from pathlib import Path
from typing import Any

from serve import Log, serve


def resize(source: str, target: str, size: int) -> Any:
    from sdo.cmd.data.cmd_resize import image_resize

    return lambda: image_resize(Log(), source, target, "*", size)


def patch(source: str, target: str, size: int, max_patches: int) -> Any:
    from sdo.cmd.data.cmd_patch import image_patches

    return lambda: image_patches(Log(), source, target, size, max_patches, "*")


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


def step(made: Any, optimizer: Any, x: Any) -> None:
    optimizer.zero_grad()
    made.training_step((x, None), 1)["loss"].backward()
    optimizer.step()


def cevae(
    work: str, images: str, z_dim: int, fmap_sizes: list[int], threads: int, times: int
) -> Any:
    import numpy as np
    import torch

    x = torch.from_numpy(np.load(images))
    made, optimizer = model(tuple(x.shape), z_dim, tuple(fmap_sizes), threads)
    tasks = {
        "train": lambda: step(made, optimizer, x),
        # In sdo-cli, Trainer.predict computes scores per image in inference mode.
        "sample": torch.inference_mode()(lambda: made.score_sample((x, None))),
        "combi": lambda: made.score_pixels((x, None)),
    }
    return lambda: [tasks[work]() for _ in range(times)]


def cevae_loss(images: str, z_dim: int, fmap_sizes: list[int], threads: int, steps: int) -> float:
    import numpy as np
    import torch

    x = torch.from_numpy(np.load(images))
    model.cache_clear()
    made, optimizer = model(tuple(x.shape), z_dim, tuple(fmap_sizes), threads)
    np.random.seed(0)
    for _ in range(steps):
        step(made, optimizer, x)
    with torch.inference_mode():
        return float(np.mean(made.score_sample((x, None))))


serve({"resize": resize, "patch": patch, "cevae": cevae, "cevae_loss": cevae_loss})
