"""The network with two branches: its architecture, its training and its predictions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.runs import Run
from astrodome_ztf_scope.classifiers.models import inference, weights
from astrodome_ztf_scope.classifiers.models.dnn import DnnClassifier, callbacks, compile_
from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples
from astrodome_ztf_scope.config.schema import ClassConfig, DnnSettings
from sklearn.metrics import roc_auc_score

ONE_BATCH = {"epochs": 1, "batch_size": 120, "run_eagerly": True}
FEATURES = ["wstd", "iqr", "skew", "stetson_j", "f1_power", "inv_vonneumannratio", "sw", "ad"]


def config(features: list[str] = FEATURES, threads: int = 2, **given: Any) -> dict[str, Any]:
    shared = {name: given.pop(name) for name in DnnSettings.model_fields if name in given}
    entry = ClassConfig(label="pulsator", features="few", **given)
    return {
        "tag": "puls",
        "features": features,
        "class": entry.model_dump(),
        "dnn": DnnSettings(**shared).model_dump(),
        "threads": threads,
    }


@pytest.fixture(scope="module")
def network() -> Any:
    """The module with the networks, which imports Keras: not before a test needs it."""
    return pytest.importorskip(
        "astrodome_ztf_scope.classifiers.models.network", exc_type=AstrodomeError
    )


@pytest.fixture(scope="module")
def keras(network: Any) -> Any:
    return network.keras


@pytest.fixture(scope="module")
def stars(sky: Callable[..., Any]) -> tuple[LabelledExamples, LabelledExamples]:
    """Pulsators among other stars, with features between 0 and 1: training and validation."""
    made = sky(1200)
    found = made.table[FEATURES].to_numpy(np.float32)
    order = np.argsort(np.argsort(found, axis=0), axis=0)
    features = (order / len(found)).astype(np.float32)
    target = (made.table["pulsator"] > 0.7).to_numpy(np.float32)
    weight = np.ones_like(target)

    def part(rows: slice) -> LabelledExamples:
        return LabelledExamples(features[rows], made.dmdt[rows], target[rows], weight[rows])

    return part(slice(0, 900)), part(slice(900, None))


def few(stars: LabelledExamples, count: int) -> LabelledExamples:
    images = None if stars.dmdt is None else stars.dmdt[:count]
    return LabelledExamples(
        stars.features[:count], images, stars.target[:count], stars.weight[:count]
    )


@pytest.fixture
def trained(
    network: Any, stars: tuple[LabelledExamples, LabelledExamples], tmp_path: Path
) -> Callable[..., DnnClassifier]:
    """Train in ``tmp_path / name`` with one batch of a few stars, and load what was saved.

    Training is eager, because the compilation of a graph takes longer than a few batches.
    """

    def train(name: str, **given: Any) -> DnnClassifier:
        settings = config(**{**ONE_BATCH, "lr": 3e-3, **given})
        run = Run.start(tmp_path / name, "scope", "dnn", {})
        DnnClassifier().train(*(few(part, 120) for part in stars), run, settings)
        made = DnnClassifier()
        made.load(run.path, settings)
        return made

    return train


def images(count: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((count, 26, 26), np.float32)


@pytest.mark.parametrize(
    ("features", "branches", "parameters"),
    [(35, (True, True), 20_986), (61, (True, True), 27_642), (35, (True, False), 17_985)],
)
def test_the_network_is_that_of_scope(
    network: Any, features: int, branches: tuple[bool, bool], parameters: int
) -> None:
    shape = {"dense": branches[0], "images": branches[1]}
    made = network.network(features, **shape)
    assert made.count_params() == network.get_weights(made).parameters == parameters


def test_a_network_without_branches_is_an_error(network: Any) -> None:
    with pytest.raises(AstrodomeError, match="At least one branch"):
        network.network(35, dense=False, images=False)


def test_predictions_without_keras_are_those_of_keras(network: Any, keras: Any) -> None:
    keras.utils.set_random_seed(1)
    standard = network.network(5)
    learned = network.get_weights(standard)
    biased = [w + 0.1 if w.ndim == 1 else w for w in learned.convolution]  # as after training
    learned = weights.NetworkWeights(learned.dense, tuple(biased), learned.join)
    network.set_weights(standard, learned)
    features, dmdt = np.random.default_rng(2).random((300, 5), np.float32), images(300)
    expected = standard.predict([features, dmdt[..., None]], verbose=0)[:, 0]
    for threads in (1, 2):
        scores = inference.predict(learned, features, dmdt, threads)
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_the_network_learns_from_features(
    network: Any, stars: tuple[LabelledExamples, LabelledExamples], tmp_path: Path
) -> None:
    held = stars[1]
    run = Run.start(tmp_path / "stars", "scope", "dnn", {})
    made = DnnClassifier()
    made.train(*stars, run, config(conv_branch=False, epochs=5, lr=3e-3, batch_size=64))
    assert roc_auc_score(held.target, made.predict(held.features)) > 0.75
    assert Run.open(tmp_path / "stars").record["dnn"]["epochs"] == 5
    assert (tmp_path / "stars" / "metrics.csv").read_text().count("\n") == 6


def test_the_network_learns_from_images_alone(network: Any, tmp_path: Path) -> None:
    target = np.arange(200, dtype=np.float32) % 2
    given = images(200)
    given[target > 0, :13] = 0  # light on one side only
    whole = LabelledExamples(np.zeros((200, 8), np.float32), given, target, np.ones_like(target))
    run = Run.start(tmp_path / "run", "scope", "dnn", {})
    made = DnnClassifier()
    made.train(whole, whole, run, config(dense_branch=False, epochs=5, lr=0.01, batch_size=16))
    assert roc_auc_score(target, made.predict(whole.features, given)) > 0.9


def test_the_same_seed_gives_the_same_scores_and_another_seed_others(
    trained: Callable[..., DnnClassifier], stars: tuple[LabelledExamples, LabelledExamples]
) -> None:
    held = stars[1]
    first, again, threads, other = (
        trained(name, batch_size=60, **given).predict(held.features, held.dmdt)
        for name, given in (
            ("a", {}),
            ("b", {}),
            ("c", {"threads": 1}),
            ("d", {"random_state": 7}),
        )
    )
    assert (first == again).all()
    assert np.allclose(first, threads, atol=1e-5)
    assert not np.allclose(first, other, atol=1e-3)


def test_the_saved_model_is_plain_keras_and_a_score_does_not_depend_on_others(
    keras: Any,
    trained: Callable[..., DnnClassifier],
    stars: tuple[LabelledExamples, LabelledExamples],
    tmp_path: Path,
) -> None:
    held = stars[1]
    made = trained("run")
    scores = made.predict(held.features, held.dmdt)
    plain = keras.models.load_model(tmp_path / "run" / "model.keras")
    theirs = np.asarray(plain([held.features, held.dmdt[..., None]]))[:, 0]
    assert np.allclose(scores, theirs, atol=1e-5)
    assert held.dmdt is not None
    for rows in (slice(7, 8), slice(100, 290), slice(3, None, 5)):
        # Some BLAS libraries sum in another order for another position in a block.
        alone = made.predict(held.features[rows], held.dmdt[rows])
        assert np.allclose(alone, scores[rows], rtol=1e-5, atol=1e-7)


def test_the_optimizer_has_the_parameters_of_the_class(network: Any) -> None:
    model = network.network(8, images=False)
    compile_(model, config(lr=0.0126, epsilon=4.2e-8, amsgrad=False, beta_1=0.8, beta_2=0.99))
    adam = model.optimizer
    assert float(np.asarray(adam.learning_rate)) == pytest.approx(0.0126)
    assert (adam.epsilon, adam.amsgrad, adam.beta_1, adam.beta_2) == (4.2e-8, False, 0.8, 0.99)
    compile_(model, config(optimizer="sgd", lr=0.01, momentum=0.7))
    assert model.optimizer.nesterov and model.optimizer.momentum == 0.7
    compile_(model, config(lr=0.01, decay=0.5))
    rates = [float(np.asarray(model.optimizer._learning_rate(step))) for step in (0, 2)]
    assert rates == pytest.approx([0.01, 0.005])


def test_the_learning_rate_is_reduced_before_training_stops(keras: Any, tmp_path: Path) -> None:
    made = callbacks(config(patience=6)["class"], tmp_path)
    plateau = next(one for one in made if isinstance(one, keras.callbacks.ReduceLROnPlateau))
    stop = next(one for one in made if isinstance(one, keras.callbacks.EarlyStopping))
    assert plateau.patience < stop.patience == 6
    with pytest.raises(AstrodomeError, match="Unknown callback 'magic'"):
        callbacks(config(callbacks=("magic",))["class"], tmp_path)


def test_logs_for_tensorboard_are_written_to_the_run_folder(keras: Any, tmp_path: Path) -> None:
    (_, logs) = callbacks(config(callbacks=("tensorboard",))["class"], tmp_path)
    assert isinstance(logs, keras.callbacks.TensorBoard)
    assert logs.log_dir == str(tmp_path / "tensorboard")


def test_all_rows_are_used_even_if_there_are_fewer_than_a_batch(
    network: Any, keras: Any, stars: tuple[LabelledExamples, LabelledExamples], tmp_path: Path
) -> None:
    train, held = stars
    few = LabelledExamples(train.features[:70], None, train.target[:70], train.weight[:70])
    seen = []

    class Count(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(batch)

    settings = config(conv_branch=False, run_eagerly=True)
    model = network.network(len(FEATURES), images=False)
    compile_(model, settings)
    model.fit([few.features], few.target, batch_size=64, callbacks=[Count()], verbose=0)
    assert len(seen) == 2
    run = Run.start(tmp_path / "few", "scope", "dnn", {})
    DnnClassifier().train(
        few, held, run, config(conv_branch=False, epochs=1, batch_size=500, run_eagerly=True)
    )
    assert run.record["dnn"]["epochs"] == 1


@pytest.mark.parametrize("name", ["model.keras", "puls.20230401_120000.h5", "only.weights.h5"])
def test_a_model_of_keras_or_scope_is_read_and_can_be_trained_further(
    network: Any,
    name: str,
    trained: Callable[..., DnnClassifier],
    stars: tuple[LabelledExamples, LabelledExamples],
    tmp_path: Path,
) -> None:
    held = stars[1]
    earlier, path = network.network(len(FEATURES)), tmp_path / name
    if name.endswith(".weights.h5"):
        _save_weights_as_keras_2(earlier, path)
    else:
        earlier.save(path)
    made = DnnClassifier()
    made.load(path, config())
    theirs = np.asarray(earlier([held.features, held.dmdt[..., None]]))[:, 0]
    assert np.allclose(made.predict(held.features, held.dmdt), theirs, atol=1e-5)
    on = trained("on", lr=1e-12, pre_trained_model=str(path))
    assert np.allclose(on.predict(held.features, held.dmdt), theirs, atol=1e-5)


def _save_weights_as_keras_2(model: Any, path: Path) -> None:
    """``save_weights`` of Keras 2: groups named like the layers, at the top."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in model.layers]
        for layer in model.layers:
            names = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = names
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value


def test_a_checkpoint_of_2022_is_read_by_its_prefix(network: Any, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="a format of TensorFlow")
    model = network.network(5)
    prefix = tmp_path / "vnv.20210324_220331"
    names = {"Dense": ("kernel", "bias")}
    parts = ("depthwise_kernel", "pointwise_kernel", "bias")
    holder = tf.Module()
    for number, layer in enumerate(layer for layer in model.layers if layer.weights):
        inner = tf.Module()
        for name, value in zip(
            names.get(type(layer).__name__, parts), layer.get_weights(), strict=True
        ):
            setattr(inner, name, tf.Variable(value))
        setattr(holder, f"layer_with_weights-{number}", inner)
    tf.train.Checkpoint(**vars_of(holder)).write(str(prefix))
    found, wanted = weights.read(prefix), network.get_weights(model)
    pairs = ((found.dense, wanted.dense), (found.convolution, wanted.convolution))
    for ours, theirs in ((a, b) for pair in pairs for a, b in zip(*pair, strict=True)):
        assert (ours == theirs).all()


def vars_of(holder: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(holder).items() if name.startswith("layer_")}


def test_a_model_that_does_not_fit_is_an_error_with_the_reason(
    network: Any, keras: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    network.network(len(FEATURES)).save(path)
    made = DnnClassifier()
    with pytest.raises(
        AstrodomeError, match="with 8 features, but the feature set in the configuration has 3"
    ):
        made.load(path, config(FEATURES[:3]))
    with pytest.raises(AstrodomeError, match="with conv_branch: true"):
        made.load(path, config(conv_branch=False))
    with pytest.raises(AstrodomeError, match="not found"):
        made.load(tmp_path / "none.keras", config())
    (tmp_path / "broken.h5").write_bytes(b"no model")
    with pytest.raises(AstrodomeError, match="cannot be read as a DNN model") as refused:
        made.load(tmp_path / "broken.h5", config())
    assert "Expected a Keras file" in refused.value.hint
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(AstrodomeError, match="do not match the SCoPe network"):
        made.load(tmp_path / "other.keras", config())
    made.load(path, config())
    with pytest.raises(AstrodomeError, match=r"expected \(2, 26, 26\)"):
        made.predict(np.zeros((2, 8), np.float32), np.zeros((2, 20, 20), np.float32))
    with pytest.raises(AstrodomeError, match="expected 8 per source, got 9"):
        made.predict(np.zeros((2, 9), np.float32), images(2))


def test_prediction_needs_no_keras_and_training_names_the_package(
    network: Any, tmp_path: Path
) -> None:
    network.network(3).save(tmp_path / "model.keras")
    given = json.dumps(config(["a", "b", "c"]))
    script = f"""
import json, sys
sys.modules["keras"] = None
import numpy as np
from astrodome import AstrodomeError
from astrodome_ztf_scope.classifiers.models.dnn import DnnClassifier
from pathlib import Path
made = DnnClassifier()
made.load(Path({str(tmp_path)!r}), json.loads({given!r}))
print(made.predict(np.zeros((2, 3), np.float32), np.zeros((2, 26, 26), np.float32)).shape)
print("tensorflow" in sys.modules)
try:
    made.train(None, None, None, json.loads({given!r}))
except AstrodomeError as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "(2,)",
        "False",
        "pip install 'astrodome-ztf-scope[dnn]'",
    ], done.stderr


@pytest.mark.skipif(
    not (find_spec("torch") and find_spec("keras")), reason="torch or Keras is not installed"
)
def test_the_network_trains_with_torch_without_tensorflow(tmp_path: Path) -> None:
    given = json.dumps(config(["a", "b", "c"], batch_size=16, epochs=3, lr=0.003))
    script = f"""
import json, os, sys
sys.modules["tensorflow"] = None
import numpy as np
from pathlib import Path
from astrodome.runs import Run
from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples
from astrodome_ztf_scope.classifiers.models.dnn import DnnClassifier
target = np.arange(64, dtype=np.float32) % 2
features = np.repeat(target[:, None], 3, axis=1)
images = np.full((64, 26, 26), 0.1, np.float32)
rows = LabelledExamples(features, images, target, np.ones_like(target))
run = Run.start(Path({str(tmp_path)!r}) / "run", "scope", "dnn", {{}})
made = DnnClassifier()
made.train(rows, rows, run, json.loads({given!r}))
scores = made.predict(rows.features, rows.dmdt)
print(run.record["dnn"]["backend"], scores[1] > scores[0])
"""
    environment = {**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.stdout.split() == ["torch", "True"], done.stderr
