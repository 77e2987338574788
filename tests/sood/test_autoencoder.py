"""The plain autoencoder, and the weights of sdo-cli."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from astrodome.testing import Result
from astrodome_sood import config
from astrodome_sood.models import weights
from astrodome_sood.models.ce_vae import CeVae
from astrodome_sood.models.network import Autoencoder, Vae


@pytest.fixture(scope="module")
def plain(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a small autoencoder with the options of sdo-cli."""
    from astrodome.testing import run

    folder = tmp_path_factory.mktemp("runs") / "ae"
    args = ("--target-size", 32, "--batch-size", 8, "--n-epochs", 3, "--lr", 1e-3, "--z-dim", 8)
    args += ("-fm", 4, "-fm", 8, "--fmap-sizes", 16, "--print-every-iter", 5)
    args += ("-o", folder, "-d", patches, "--devices", "cpu")
    run("sdo", "sood", "ae", "train", *args, plugin="astrodome_sood.plugin").succeeded()
    return folder


def test_the_options_of_sdo_cli_train_an_autoencoder(plain: Path):
    about, _ = weights.read(plain / "weights.safetensors")
    assert about == {
        "model": "ae",
        "channels": 1,
        "target_size": 32,
        "z_dim": 8,
        "fmap_sizes": [4, 8, 16],
    }
    with (plain / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 3 and float(rows[2]["val_loss"]) < float(rows[0]["val_loss"])


@pytest.mark.parametrize("mode", ["sample", "pixel"])
def test_scores_are_the_squared_error_of_the_reconstruction(
    plain: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path, mode: str
):
    args = ("-m", mode, "-l", plain, "-d", patches, "-t", patches, "-p", tmp_path)
    done = sood("ae", "predict", *args, "--logger", "file", "--n-epochs", 20).succeeded()
    assert "The option --n-epochs has no effect in predict." in done.err
    backend = loaded(plain)
    name = "predictions" if mode == "sample" else "maps"
    for row in pq.read_table(tmp_path / f"{name}.parquet").to_pylist()[:5]:
        from astrodome_sood.datasets.folder import decode

        image = decode(Path(row["path"]), 32).astype(np.float32)[None] / 127.5 - 1
        with torch.no_grad():
            rebuilt = backend.net(torch.from_numpy(image[None]))[0].numpy()
        squared = (rebuilt - image)[0] ** 2
        if mode == "sample":
            assert row["score"] == pytest.approx(squared.mean(), rel=1e-4)
        else:
            maps = np.load(tmp_path / "maps.npy")
            np.testing.assert_allclose(maps[row["row"]], squared, rtol=1e-3, atol=1e-6)


def loaded(run: Path):
    from astrodome_sood.models.ae import Ae

    backend = Ae()
    read = config.load(None, {"model.load_path": str(run)}, from_run=True, model="ae")
    backend.load(run, read.plain())
    return backend


def test_a_file_overrides_the_defaults_of_the_autoencoder(
    tmp_path: Path,
):
    own = config.load(None, model="ae")
    assert (own.model.target_size, own.train.n_epochs, own.data.batch_size) == (128, 20, 16)
    (tmp_path / "run.yaml").write_text("model: {target_size: {value: 64, desc: side}}")
    assert config.load(tmp_path / "run.yaml", model="ae").model.target_size == 64
    assert config.load(None).model.target_size == 256


def test_an_image_size_that_does_not_match_the_weights_is_an_error(
    plain: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    args = ("-l", plain, "-d", patches, "-p", tmp_path / "out", "--target-size", 64)
    failed = sood("ae", "predict", *args)
    assert (
        failed.code == 1
        and "were trained with model.target_size 32, but the configuration contains 64"
        in failed.err
    )


SDO_CLI_LAYERS = {"encoder.0": "enc.start", "encoder.2": "enc.middle_blocks.1"}
SDO_CLI_LAYERS |= {"encoder.4": "enc.middle_blocks.3", "encoder.6": "enc.end"}
SDO_CLI_LAYERS |= {"decoder.0": "dec.start", "decoder.2": "dec.middle_blocks.1"}
SDO_CLI_LAYERS |= {"decoder.4": "dec.middle_blocks.3", "decoder.6": "dec.end"}


def sdo_cli_names(net: Autoencoder, prefix: str) -> dict[str, torch.Tensor]:
    values = {name.removesuffix(".weight"): value for name, value in net.named_parameters()}
    return {
        f"{prefix}{SDO_CLI_LAYERS[name]}.conv.weight": value.detach().clone()
        for name, value in values.items()
    }


def checkpoint(path: Path, net: Autoencoder) -> Path:
    """Write a Lightning checkpoint with the content of those of sdo-cli."""
    hyper = {"input_shape": (8, 1, 32, 32), "lr": 1e-4, "z_dim": 8, "work_dir": path.parent}
    content = {
        "epoch": 1,
        "global_step": 2,
        "pytorch-lightning_version": "1.9.5",
        "state_dict": sdo_cli_names(net, "model."),
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"dirpath": path.parent}},
        "hyper_parameters": hyper,
        "optimizer_states": [{"state": {}, "param_groups": [{"lr": 1e-4}]}],
    }
    torch.save(content, path)
    return path


def test_a_lightning_checkpoint_of_sdo_cli_is_loaded(
    patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    torch.manual_seed(5)
    net = Vae(32, 1, 8, (4, 8, 16)).requires_grad_(False)
    path = checkpoint(tmp_path / "cevae-epoch=09-val_loss=0.10.ckpt", net)
    backend = CeVae()
    read = config.load(None, {"model.load_path": str(path)}, from_run=True)
    assert (read.model.target_size, read.model.z_dim) == (32, 8)
    backend.load(path, read.plain())
    for name, value in net.state_dict().items():
        assert torch.equal(backend.net.state_dict()[name], value), name
    config_file = tmp_path / "predict.yaml"
    config_file.write_text(
        f"model: {{load_path: {{value: '{path}', desc: weights}}}}\n"
        f"data: {{data_dir: {{value: '{patches}', desc: images}}}}\n"
        f"predict: {{pred_dir: {{value: '{tmp_path / 'out'}', desc: folder}}}}\n"
    )
    sood("ce_vae", "predict", f"--config-file={config_file}", "--precit-mode=sample").succeeded()
    assert (tmp_path / "out/predictions.txt").is_file()
    sood("ce_vae", "generate", f"--config-file={config_file}", "--n", 3).succeeded()
    assert len(list((tmp_path / "out").glob("generated_*.png"))) == 3


def test_an_autoencoder_of_sdo_cli_is_loaded_from_its_folder(
    patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    net = Autoencoder(32, 1, 8, (4, 8, 16))
    (tmp_path / "checkpoint").mkdir()
    torch.save(sdo_cli_names(net, ""), tmp_path / "checkpoint/ae_final.pth")
    args = ("-l", tmp_path / "checkpoint", "-d", patches, "-p", tmp_path / "out")
    sood("ae", "predict", *args).succeeded()
    assert pq.read_table(tmp_path / "out/predictions.parquet").num_rows == 48
    wrong = sood("ce_vae", "predict", *args)
    assert wrong.code == 1 and "expected weights of ce_vae, got weights of ae" in wrong.err


class Evil:
    def __reduce__(self):
        return (print, ("code of a checkpoint ran",))


def test_reading_a_checkpoint_runs_no_code_and_a_damaged_one_is_an_error(
    patches: Path, sood: Callable[..., Result], tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": Evil()}, path)
    failed = sood("ce_vae", "predict", "-l", path, "-d", patches, "-p", tmp_path / "out")
    assert failed.code == 1 and "is not a valid sdo-cli checkpoint" in failed.err
    assert "ran" not in failed.out + capfd.readouterr().out
    good = checkpoint(tmp_path / "good.ckpt", Vae(32, 1, 8, (4, 8, 16)))
    good.write_bytes(good.read_bytes()[:1000])
    failed = sood("ce_vae", "predict", "-l", good, "-d", patches, "-p", tmp_path / "out")
    assert failed.code == 1 and len(failed.err.splitlines()) <= 2
