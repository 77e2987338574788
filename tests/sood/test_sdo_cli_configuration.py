"""The published configuration files and the commands of sdo-cli, with a small store.

The keys and values are those of sdo-cli; only the paths differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from astrodome.testing import Result
from astrodome_sood import config
from PIL import Image

TRAIN_YEARS = ["2010", "2012", "2013", "2015", "2017", "2018", "2020"]
TEST_YEARS = ["2011", "2014", "2016", "2019"]
NEVER = dict.fromkeys(("train_start_date", "train_end_date", "test_start_date", "test_end_date"))
WHOLE = {"train_year": TRAIN_YEARS, "test_year": TEST_YEARS, **NEVER}
WHOLE |= {"train_val_split_ratio": 0.9, "train_val_split_temporal_chunk_size": "14d"}
WHOLE |= {"sampling_strategy": "chunk"}
STORE, RUN = "./sdomlv2.zarr", "./output/train-sdo-ml"
DATA = {"data_dir": STORE, "dataset": "SDOMLDatasetV2", "num_data_loader_workers": 16}
DEFAULTS: dict[str, Any] = {
    "model": {"target_size": 256, "z_dim": 128, "fmap_sizes": [16, 64, 256, 1024]}
    | {"ce_factor": 0.5, "load_path": None},
    "data": DATA
    | {"batch_size": 16, "channel": "171A", "data_dir": "./data", "num_data_loader_workers": 0}
    | {"prefetch_factor": 4, "pin_memory": False}
    | {
        "sdo_ml_v2": {"storage_driver": "fs", "channel": "171A", "irradiance": None}
        | {"train_year": "2010", "test_year": "2010", "goes_cache_dir": None, "freq": None}
        | {"train_start_date": "2010-08-30 00:00:00", "train_end_date": "2010-08-30 23:59:59"}
        | {"test_start_date": "2010-08-29 00:00:00", "test_end_date": "2010-08-29 23:59:59"}
        | {"train_val_split_ratio": 0.7, "train_val_split_temporal_chunk_size": "14d"}
        | {"sampling_strategy": "chunk", "mask_limb": False, "reduce_memory": False}
        | {"mask_limb_radius_scale_factor": 1.0, "obs_times": None}
    },
    "predict": {"mode": "pixel", "pred_dir": "./output/predictions", "score_mode": "combi"}
    | {"save_src_img": False},
    "train": {"wandb_run_id": None, "n_epochs": 10, "lr": 0.0001, "use_geco": False}
    | {"beta": 0.01, "print_every_iter": 100, "profile": False, "fast_dev_run": False}
    | {"early_stopping": True},
    "log_dir": "./output/logs",
    "debug": False,
    "devices": {"gpus": 1},
}
TRAIN: dict[str, Any] = {
    "model": {"load_path": None, "z_dim": 256},
    "data": DATA | {"prefetch_factor": 6, "batch_size": 8, "sdo_ml_v2": WHOLE},
    "predict": {"mode": "sample", "pred_dir": "./output/predictions"},
    "log_dir": RUN,
    "train": {"lr": 0.00001, "n_epochs": 20, "early_stopping": True, "use_geco": False},
    "devices": {"gpus": [2]},
}
LIMB = {"data": {"sdo_ml_v2": {"mask_limb": True, "mask_limb_radius_scale_factor": 0.9}}}
OTHERS: dict[str, dict[str, Any]] = {
    "193A": {"data": {"channel": "193A", "sdo_ml_v2": {"channel": "193A"}}},
    "limb": LIMB,
    "vae": {"model": {"z_dim": 128, "ce_factor": 0}, "data": {"prefetch_factor": 4}},
    "debug": {"data": {"sdo_ml_v2": {"train_year": ["2012"], "reduce_memory": True}}}
    | {"train": {"profile": True, "fast_dev_run": 100, "wandb_run_id": None}},
}
"""Keys in which the other published files differ from the first."""
THRESHOLD: dict[str, Any] = {
    "data": DATA | {"batch_size": 32, "sdo_ml_v2": {**WHOLE, "sampling_strategy": "chunk"}},
    "predict": {"mode": "sample", "pred_dir": "./output/threshold/predictions"},
    "log_dir": RUN,
}
BESIDE = "./config/ce-vae"
SHAPE = ("--set", "model.target_size=32", "--set", "model.fmap_sizes=[4,8,16]")
SMALL = (*SHAPE, "--epochs", 2)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {k: merged(below[k], v) for k, v in above.items() if isinstance(v, dict) and k in below}
    return {**below, **above, **both}


def written(folder: Path, name: str, content: Mapping[str, Any]) -> str:
    """Write a file in the form of sdo-cli, and return its path."""

    def leaves(part: Mapping[str, Any]) -> dict[str, Any]:
        about = {"desc": "what it is for"} if name == "defaults" else {}
        return {
            key: leaves(value) if isinstance(value, dict) else {"value": value, **about}
            for key, value in part.items()
        }

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(leaves(content), sort_keys=False))
    return f"{folder}/{name}.yaml"


@pytest.fixture
def place(
    sun: Image.Image,
    sood: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Change to a folder with a store of two images per year and channel, and the defaults."""
    monkeypatch.chdir(tmp_path)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, year in enumerate(sorted(TRAIN_YEARS + TEST_YEARS)):
        for month, wave in ((1, 171), (6, 171), (1, 193), (6, 193)):
            turned = sun.rotate(20 * number + month, Image.Resampling.BILINEAR).resize((64, 64))
            turned.save(pictures / f"{year}-{month:02}-10T000011__{wave}.jpeg", quality=95)
    sood("dataset", "build", pictures, "--out", STORE, "--size", 64).succeeded()
    defaults = {key: value for key, value in DEFAULTS.items() if key not in ("train", "devices")}
    written(Path(BESIDE), "defaults", DEFAULTS)
    written(Path("./config/threshold"), "defaults", defaults)
    return tmp_path


def test_the_commands_in_the_manual_of_sdo_cli_work_with_its_files(
    place: Path, sood: Callable[..., Result], torture: Callable[[int, int], int]
) -> None:
    train = written(Path(BESIDE), "run-fhnw-full-2-256", TRAIN)
    usual = {"data": {"prefetch_factor": 4, "batch_size": 32}, "model": {"load_path": RUN}}
    predict = written(Path(BESIDE), "run-fhnw-full-2-256-predict", merged(TRAIN, usual))
    small, shape = ((), ()) if torture(0, 1) else (SMALL, SHAPE)
    done = sood("ce_vae", "train", f"--config-file={train}", *small).succeeded()
    assert "The configuration key data.prefetch_factor has no effect." in done.err
    if not torch.cuda.is_available():
        assert "requests GPUs ([2]), but no GPU is available" in " ".join(done.err.split())
    sood(
        "ce_vae", "predict", f"--config-file={predict}", "--precit-mode=sample", *shape
    ).succeeded()
    lines = Path("output/predictions/predictions.txt").read_text().splitlines()
    assert lines[0] == "pixel_pred_path,score,t_obs,wavelength" and len(lines) == 1 + 8
    assert {line.split(",")[2][:4] for line in lines[1:]} == set(TEST_YEARS)
    sood("ce_vae", "predict", f"--config-file={predict}", "--precit-mode=pixel", *shape).succeeded()
    maps = {path.name for path in Path("output/predictions").glob("*_171A.png")}
    assert len(maps) == 8 and "20110110-000011_171A.png" in maps
    sood("ce_vae", "generate", f"--config-file={predict}", *shape).succeeded()
    assert len(list(Path("output/predictions").glob("generated_*.png"))) == 128
    baseline = written(Path("./config/threshold"), "run-fhnw-full-1-predict", THRESHOLD)
    sood("threshold", "predict", f"--config-file={baseline}").succeeded()
    assert len(Path("output/threshold/predictions/predictions.txt").read_text().splitlines()) == 9


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_published_files_of_sdo_cli_train(
    place: Path, sood: Callable[..., Result], name: str
) -> None:
    file = written(Path(BESIDE), f"run-{name}", merged(TRAIN, OTHERS[name]))
    result = sood("ce_vae", "train", f"--config-file={file}", *SMALL, "--json").succeeded()
    assert result.json["epochs"] == (1 if name == "debug" else 2)
    assert result.json["train_images"] + result.json["validation_images"] == (
        2 if name == "debug" else 14
    )
    assert bool(list(Path(RUN).glob("*profile*"))) == (name == "debug")


def test_gpus_on_the_command_line_must_exist(place: Path, sood: Callable[..., Result]) -> None:
    file = written(Path(BESIDE), "run", TRAIN)
    gpus = torch.cuda.device_count()
    failed = sood("ce_vae", "train", f"--config-file={file}", *SMALL, "--devices", f"0,{gpus + 1}")
    assert failed.code == 1 and f"available GPUs is {gpus}" in failed.err


def test_fast_dev_run_is_a_boolean_or_a_number_of_batches() -> None:
    given = [config.load(None, {"train.fast_dev_run": value}).train for value in (True, False, 100)]
    assert [train.fast_dev_run for train in given] == [1, 0, 100]
