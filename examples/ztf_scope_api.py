"""Classify variable sources from Python: light curves, dmdt images, training and scores.

Run the script with ``python examples/ztf_scope_api.py``. It does not need a network connection,
because it generates a small data set. The cells (``# %%``) can also be run separately in an editor
or a notebook.
"""

# %% Generate features for 400 sources, a quarter of which are eclipsing binaries
import tempfile
from pathlib import Path

import astrodome_ztf_scope as scope
import numpy as np
import pandas as pd

folder = Path(tempfile.mkdtemp())
config = scope.load_config()
features = config.feature_sets[config.classes["e"].features]
random = np.random.default_rng(1)
eclipsing = random.random(400) < 0.25
table = pd.DataFrame({column: random.normal(size=400) for column in features.columns})
table["skew"] += 3 * eclipsing
table = table.assign(ztf_id=np.arange(400) + 10**15, eclipsing=eclipsing.astype(float))
dataset = scope.write_table(folder / "dataset.parquet", table)

# %% Split, impute and scale the data set for the class of eclipsing binaries
prepared = scope.prepare_dataset(dataset, "e", config)
print({name: part.features.shape for name, part in prepared.parts.items()})

# %% Train boosted trees. algorithm="dnn" trains the network, which also uses dmdt images.
model = scope.train_classifier(dataset, "e", config, algorithm="xgb", models_dir=folder / "models")
print(f"Area under the ROC curve: {model.metrics['test']['roc_auc']:.2f}")

# %% Score a table, and compare the scores with the labels
scores = scope.classify(table, model)
print(scores.sort_values("e_xgb", ascending=False).head())
print(scope.classification_metrics(table["eclipsing"], scores["e_xgb"]))

# %% Score files that are too large to fit into memory
models = scope.find_models([folder / "models"], tags=["e"])
result = scope.predict_files([dataset], models, folder / "scores.parquet")
print(f"{result.rows} sources scored in {result.path.name}")

# %% Read light curves from a catalogue, and compute a dmdt image. Kowalski requires a token.
curve = {"id": 1, "hjd": 2_458_000.5 + np.arange(50) / 3, "mag": 15 + random.random(50)}
(folder / "survey").mkdir()
scope.write_table(folder / "survey/light_curves.parquet", pd.DataFrame(curve))
epochs = scope.open_catalogue(f"local:{folder / 'survey'}").light_curves([1])
image = scope.dmdt_image(epochs["hjd"], epochs["mag"])
print(image.shape, image.max())
