"""Fixtures: configurations in both SCoPe layouts, and ``scope`` with only this plugin."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from astrodome import settings
from astrodome.testing import Result, run
from filelock import FileLock
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope import sky as skies
from ztf_scope import survey as surveys

OF_2022 = """
kowalski:
  host: gloria.caltech.edu
  port: 443
  protocol: https
  token:
  collections:
    sources: ZTF_sources_20210401
fritz: {token: , protocol: https, host: fritz.science}
wandb: {project: scope, token: }
taxonomy:
  class: tds
  name: time domain source type
  subclasses:
    - class: phenomenological
      name: phenomenological
      subclasses:
        - class: vnv
          name: variable
          subclasses:
            - {class: pnp, name: periodic}
docs:
  field_guide:
    rr_lyr_ab: {coordinates: [254.9, 30.8], period: 0.63, title: RR Lyrae ab}
features:
  phenomenological: [ad, f1_amp, median, period]
  ontological:
    - ad
    - Gaia_EDR3__parallax
feature_stats:
  ad: {min: 0.0, max: 100.0, median: 4.0, mean: 11.0, std: 16.0}
training:
  dataset: data/training/dataset.d15.csv
  classes:
    vnv:
      label: variable
      features: phenomenological
      threshold: 0.9
      balance:
      weight_per_class: true
    pnp:
      label: periodic
      features: phenomenological
      threshold: 0.9
      balance: 1
      weight_per_class: false
    agn: {label: AGN, features: ontological, threshold: 0.7, balance: 2.5, weight_per_class: true}
"""

SINCE_2023 = """
kowalski:
  hosts: {kowalski: {token: }, gloria: {token: a-token}, melman: {token: }}
  port: 443
  protocol: https
  timeout: 300
  collections: {sources: ZTF_sources_20240117, alerts: ZTF_alerts}
  max_timestamp_hjd: 2459951.5
fritz: {token: , protocol: https, host: fritz.science, max_attempts: 10, sleep_time: 5}
wandb:
  entity: ztf-scope
  project: scope
  token:
  sweep_config_dnn:
    method: bayes
    metric: {goal: minimize, name: val_loss}
    parameters: {lr: {min: 3.e-4, max: 3.e-2}, patience: {value: 20}}
features:
  info: {period_suffix: ELS_ECE_EAOV}
  phenomenological:
    ad: {include: true, dtype: float, periodic: false}
    f1_amp: {include: true, dtype: float, periodic: true}
    period: {include: false, dtype: float, periodic: true}
  ontological:
    ad: {include: true, dtype: float, impute_strategy: None, periodic: false}
    n_ztf_alerts: {include: true, dtype: Int64, impute_strategy: Zero, periodic: false}
    Gaia_EDR3__parallax: {include: true, dtype: float, impute_strategy: regress, periodic: false}
feature_generation:
  path_to_features:
  dataset: merged.parquet
  ids_skipGaia: skip.json
  period_algorithms: {CPU: [LS, CE], GPU: [ELS, ECE, EAOV]}
  fields_to_run: [296]
  cesium_features: [avg_err, med_err]
  external_catalog_features:
    AllWISE: {filter: , projection: {_id: 1, w1mpro: 1}}
  dmdt_ints: {dmints: [-8, 0, 8], dtints: [0.0, 1, 2000]}
training:
  dataset: merged.parquet
  xgboost:
    gridsearch_params_start_stop_step: {max_depth: [3, 8, 2], subsample: [6, 11, 2]}
    other_training_params: {eta: [0.3, 0.1], nfold: 5, metrics: [auc], num_boost_round: 999}
    plot_params: {cm_include_percent: true}
  dnn: {dense_branch: true, conv_branch: true, loss: binary_crossentropy, optimizer: adam}
  classes:
    vnv:
      label: variable
      features: phenomenological
      threshold: 0.7
      balance:
      weight_per_class: false
      amsgrad: 0.0003724
      epsilon: 1.945e-08
      lr: 0.02229
    agn: {label: AGN, features: ontological, threshold: 0.7, balance: , batch_size: 4}
inference: {fields_to_run: [296], path_to_preds: }
fields_to_exclude:
  - 296
  - 423
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ./config.yaml and no root option from elsewhere."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.setattr(settings, "options", settings.Options())


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile the kernels in one of several test processes; the others read the cache of Numba."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    done = tmp_path_factory.getbasetemp().parent / "kernels"
    with FileLock(f"{done}.lock"):
        if not done.exists():
            _compile_kernels()
            done.touch()


def _compile_kernels() -> None:
    """Compute features and refine periods, which calls most of the kernels."""
    import astrodome_ztf_scope as package
    from astrodome_ztf_scope.features.periods import ALGORITHMS

    made = package.simulate_light_curves(1, classes=["ea"], points=100, bands="gr", seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "options", settings.Options())
        package.compute_features(made.epochs, algorithms=tuple(ALGORITHMS), max_frequency=1)
        columns = [made.epochs[name] for name in ("hjd", "mag", "magerr", "filter")]
        for source_class in ("EA", "RRab"):
            package.refine_period(*columns, source_class=source_class, period=0.5)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a text to a configuration file in a fresh folder."""

    def file(text: str) -> Path:
        path = tmp_path / "scope.yaml"
        path.write_text(text)
        return path

    return file


@pytest.fixture
def of_2022(write: Callable[[str], Path]) -> Path:
    return write(OF_2022)


@pytest.fixture
def since_2023(write: Callable[[str], Path]) -> Path:
    return write(SINCE_2023)


@pytest.fixture(scope="session")
def sky() -> Callable[..., skies.Sky]:
    """Light curves of known shape, as :func:`skies.sky` makes them; each once a session."""
    return functools.cache(skies.sky)


@pytest.fixture(scope="session")
def dataset(
    tmp_path_factory: pytest.TempPathFactory, sky: Callable[..., skies.Sky]
) -> Callable[..., Path]:
    """``dataset(".csv", rows, seed, period_suffix)``: a file of such light curves, not to be
    changed."""

    @functools.cache
    def written(ending: str = ".parquet", *args: int | str, **options: int | str) -> Path:
        folder = tmp_path_factory.mktemp("dataset")
        return sky(*args, **options).write(folder / f"dataset{ending}")

    return written


@pytest.fixture
def scope() -> Callable[..., Result]:
    """Run ``scope`` with these arguments."""
    return lambda *args: run("scope", *args, plugin="astrodome_ztf_scope.plugin")


@pytest.fixture
def fritz() -> Fritz:
    """The store of a marshal, which accepts :data:`surveys.TOKEN`."""
    return Fritz(token=surveys.TOKEN)


@pytest.fixture
def marshal(fritz: Fritz, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """That marshal on loopback, where the settings look for it, and in no mood to wait."""
    with fritz.server() as twin:
        for name, value in (("URL", twin.url), ("SLEEP_TIME", "0.05"), ("SETTLE", "0.05")):
            monkeypatch.setenv(f"ASTRODOME_FRITZ_{name}", value)
        monkeypatch.setenv("ASTRODOME_FRITZ_MAX_ATTEMPTS", "4")
        yield twin


@pytest.fixture
def survey(tmp_path: Path) -> surveys.Survey:
    """Six stars with light curves."""
    return surveys.make(tmp_path / "survey")


@pytest.fixture
def browser() -> Iterator[object]:
    """Start headless Chromium if it is installed with its driver."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not chromium or not driver:
        pytest.skip("needs Chromium and ChromeDriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"):
        options.add_argument(f"--{word}")
    for word in ("disable-background-networking", "disable-component-update", "disable-sync"):
        options.add_argument(f"--{word}")
    options.add_argument("--window-size=1300,900")
    service = webdriver.ChromeService(executable_path=driver)
    with webdriver.Chrome(options=options, service=service) as chrome:
        yield chrome
