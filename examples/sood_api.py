"""Find anomalous patches in a solar image from Python.

Run the script with ``python examples/sood_api.py``. The AIA 193 Å image is part of sunpy. The cells
(``# %%``) can also be run separately in an editor or a notebook.
"""

# %% Cut patches from the image
from pathlib import Path

import astrodome_sood as sood
import numpy as np
from PIL import Image
from sunpy.data.test import get_test_filepath

path = get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")
sun = Image.open(path).convert("L")
folder = Path("patches")
folder.mkdir(exist_ok=True)
random = np.random.default_rng(0)
for number, (x, y) in enumerate(random.integers(60, 300, (60, 2)).tolist()):
    patch = sun.crop((x, y, x + 32, y + 32))
    patch.save(folder / f"2013-06-24T173130__193__{number}.png")

# %% Train a small autoencoder
run = sood.train("ae", folder, "run", target_size=32, z_dim=8, fmap_sizes=[4, 8], epochs=3)
print(run.record["best_val_loss"])

# %% Rank the patches, and locate the anomalies in them
ranked = sood.score(run, folder)
print(ranked.head())
maps = sood.score_maps(run, folder)
most_anomalous = maps[ranked.index[0]]
print("Largest pixel score at", np.unravel_index(most_anomalous.argmax(), most_anomalous.shape))

# %% Compare the model with the baseline on synthetic anomalies
result = sood.evaluate([run, "threshold"], folder, bootstraps=20)
print(result.table[["model", "kind", "auroc", "pixel_ap"]])
sood.write_evaluation(result, "evaluation")
sood.write_report("run")
