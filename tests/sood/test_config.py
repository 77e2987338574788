"""sdo-cli configuration files, the priority of configuration sources, and invalid values."""

from __future__ import annotations

from pathlib import Path

import pytest
from astrodome import AstrodomeError
from astrodome_sood import config
from astrodome_sood.cli import options

SDO_CLI = """
model:
  z_dim: {value: 64, desc: latent space dimension}
  load_path: {value: null, desc: checkpoint}
data:
  dataset: {value: CuratedImageParameterDataset, desc: data set}
  num_data_loader_workers: {value: 0, desc: workers}
  prefetch_factor: {value: 4, desc: batches to prefetch}
  sdo_ml_v2:
    train_year: {value: 2010, desc: one year or several}
    irradiance: {value: 1.0e-5, desc: quiet Sun only}
devices: {gpus: {value: [0], desc: devices}}
"""


def test_files_of_sdo_cli_are_read_and_defaults_supply_missing_keys(tmp_path: Path):
    (tmp_path / "defaults.yaml").write_text(SDO_CLI)
    run = tmp_path / "run.yaml"
    run.write_text("model: {fmap_sizes: [8, 16]}\ntrain: {lr: {value: 0.01, desc: rate}}\n")
    read = config.load(run)
    assert (read.model.z_dim, read.model.fmap_sizes, read.train.lr) == (64, [8, 16], 0.01)
    assert read.data.sdo_ml_v2.train_year == [2010]
    assert read.devices.gpus == [0]


def test_options_override_the_file(tmp_path: Path):
    run = tmp_path / "run.yaml"
    run.write_text("model: {z_dim: 4, target_size: 64}\n")
    overrides = options.assignments(["model.z_dim=8", "model.fmap_sizes=[4, 8]"])
    read = config.load(run, overrides)
    assert (read.model.z_dim, read.model.target_size) == (8, 64)
    assert read.model.fmap_sizes == [4, 8]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: {z_dmi: 4}", ("model.z_dmi", "did you mean 'z_dim'")),
        ("trian: {lr: 1}", ("'trian'", "did you mean 'train'")),
        ("train: {n_epochs: many}", ("train.n_epochs", "valid integer", "'many'")),
        ("model: {ce_factor: 2}", ("model.ce_factor", "less than or equal to 1")),
        ("predict: {mode: pixels}", ("predict.mode", "'sample' or 'pixel'")),
        ("data: {sdo_ml_v2: {storage_driver: s3}}", ("data.sdo_ml_v2.storage_driver", "'fs'")),
    ],
)
def test_an_invalid_value_is_reported_with_its_file_and_key(
    tmp_path: Path, text: str, expected: tuple[str, ...]
):
    run = tmp_path / "run.yaml"
    run.write_text(text)
    with pytest.raises(AstrodomeError) as failure:
        config.load(run)
    assert str(run) in failure.value.message
    for part in expected:
        assert part in failure.value.message


def test_an_invalid_default_is_reported_with_the_file_of_the_defaults(tmp_path: Path):
    (tmp_path / "defaults.yaml").write_text("model: {z_dim: -1}")
    run = tmp_path / "run.yaml"
    run.write_text("model: {target_size: 64}")
    with pytest.raises(AstrodomeError, match=r"defaults\.yaml: 'model\.z_dim'"):
        config.load(run)


@pytest.mark.parametrize("wrong", [["model.zdim=3"], ["model.z_dim"], ["seed=[1"]])
def test_an_invalid_assignment_is_a_usage_error(wrong: list[str]):
    with pytest.raises(AstrodomeError) as failure:
        config.load(None, options.assignments(wrong))
    assert failure.value.exit_code == 2


def test_a_prediction_takes_the_shape_of_its_network_from_the_run(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(
        "model: {z_dim: 8, load_path: elsewhere}\nlog_dir: there\npredict: {mode: pixel}\n"
    )
    read = config.load(None, {"model.load_path": str(tmp_path)}, from_run=True)
    assert (read.model.z_dim, read.model.load_path) == (8, tmp_path)
    assert (read.predict.mode, read.log_dir) == ("sample", None)


def test_options_override_the_file_its_defaults_the_run_and_the_model(tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("model: {z_dim: 10}\n")
    file, defaults = tmp_path / "own.yaml", tmp_path / "defaults.yaml"
    own = {"model.load_path": str(run)}

    def read(option: int = 0) -> int:
        given = own | ({"model.z_dim": option} if option else {})
        path = file if file.exists() else None
        return config.load(path, given, from_run=True).model.z_dim

    assert config.load().model.z_dim != 10 and read() == 10
    file.write_text("train: {lr: 0.1}\n")
    defaults.write_text("model: {z_dim: 20}\n")
    assert read() == 20
    file.write_text("model: {z_dim: 30}\n")
    assert read() == 30 and read(option=40) == 40
