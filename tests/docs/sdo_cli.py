"""The commands and options of sdo-cli 0.0.21, and the command lines in its manual."""

from __future__ import annotations

SHARED_AE = (
    *("--target-size", "--batch-size", "--n-epochs", "--lr", "--z-dim", "-fm", "--fmap-sizes"),
    *("--print-every-iter", "-l", "--load-path", "-o", "--log-dir", "-d", "--data-dir"),
)
CONFIG = ("-c", "--config-file")
MODE = ("-m", "--predict-mode")
OPTIONS: dict[str, tuple[str, ...]] = {
    "data download": (
        *("--path", "--start", "--end", "--freq", "--metadata", "--wavelength"),
        *("--max-flux", "--min-flux"),
    ),
    "data resize": ("--path", "--targetpath", "--wavelength", "--size"),
    "data patch": (
        *("--path", "--targetpath", "--size", "--max-patches", "--wavelength", "--crop-size"),
    ),
    "events get": ("--start", "--end", "--event-type", "--db-connection-string"),
    "events list": ("--start", "--end", "--event-type", "--db-connection-string"),
    "events analyze": (
        *("--src-dir", "--sood-dir", "--out-dir", "--event-type", "--db-connection-string"),
    ),
    "goes download": ("--start", "--end", "--output"),
    "goes get": ("--timestamp", "--cache-dir"),
    "sood ce_vae train": CONFIG,
    "sood ce_vae predict": (*CONFIG, *MODE, "--precit-mode"),
    "sood ce_vae reconstruct": CONFIG,
    "sood ce_vae generate": CONFIG,
    "sood ae train": SHARED_AE,
    "sood ae predict": (
        *SHARED_AE,
        *("-m", "--mode", "--logger", "-t", "--test-dir", "-p", "--pred-dir"),
    ),
    "sood threshold predict": (*CONFIG, *MODE),
}
"""The options of each command. The manual spells ``--predict-mode`` as ``--precit-mode``."""
ROOT = ("--home", "-v", "--verbose", "--help")
LINES = """\
sdo-cli data download --path='./data/aia_171_2012' --start='2012-03-07T00:02:00' \
--end='2012-03-07T00:40:00' --freq='6min' --wavelength='171'
sdo-cli data resize --path='./data/aia_171_2012' --targetpath='./data/aia_171_2012_256' \
--wavelength='171' --size=256
sdo-cli data patch --path='./data/aia_171_2012_256' \
--targetpath='./data/aia_171_2012_256_patches' --wavelength='171' --size=32
sdo-cli events get --start="2012-01-01T00:00:00" --end="2012-01-02T23:59:59" --event-type="AR"
sdo-cli goes download --start=2010-01-01T00:00:00 --end=2020-12-31T23:59:59 --output=./tmp/goes
sdo-cli goes get --timestamp=2015-06-01T02:20:00 --cache-dir=./tmp/goes
sdo-cli sood ce_vae train --config-file="./config/ce-vae/run-fhnw-full-2-256.yaml"
sdo-cli sood ce_vae predict --config-file="./config/ce-vae/run-fhnw-full-2-256-predict.yaml" \
--precit-mode="sample"
sdo-cli sood ce_vae predict --config-file="./config/ce-vae/run-fhnw-full-2-256-predict.yaml" \
--precit-mode="pixel"
sdo-cli sood ce_vae generate --config-file="./config/ce-vae/run-fhnw-full-2-256-predict.yaml"
""".splitlines()
"""The command lines in the manual, without ``nohup`` and ``&``."""
