"""
The anomaly map of a patch
==========================

``astrodome_sood.score_maps`` computes a score for each pixel. Here, a bright square is added to a
patch that was not used for training.
"""

# %%
# Cut patches with 32 x 32 pixels from an AIA 193 Å image, and fit the model ``statistics``, which
# needs only seconds. The recommended model ``detect`` is used in the same way.

import tempfile
from pathlib import Path

import astrodome_sood as sood
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sunpy.data.test import get_test_filepath

sun = Image.open(get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")).convert("L")
folder = Path(tempfile.mkdtemp())
random = np.random.default_rng(0)
for part in ("training", "test"):
    (folder / part).mkdir()
for number, (x, y) in enumerate(random.integers(60, 300, (80, 2)).tolist()):
    patch = np.array(sun.crop((x, y, x + 32, y + 32)))
    if number == 79:
        patch[12:20, 12:20] = np.minimum(patch[12:20, 12:20] + 70.0, 255)
    part = "training" if number < 70 else "test"
    name = f"2013-06-24T173130__193__{number}.png"
    Image.fromarray(patch).save(folder / part / name)
run = sood.train("statistics", folder / "training", folder / "run", target_size=32)

# %%
# Compute the anomaly maps of the test patches, and plot three of them.

images = sood.open_images(folder / "test")
maps = sood.score_maps(run, folder / "test")
scores = sood.score(run, folder / "test").sort_index()
figure, axes = plt.subplots(2, 3, figsize=(7.5, 5), layout="constrained")
for column, index in enumerate((0, 5, 9)):
    shown = Image.open(scores["path"][index])
    axes[0, column].imshow(shown, cmap="gray", vmin=0, vmax=255)
    axes[0, column].set_title(f"score {scores['score'][index]:.2f}")
    mapped = axes[1, column].imshow(maps[index], cmap="magma", vmin=maps.min(), vmax=maps.max())
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
figure.colorbar(mapped, ax=axes[1], label="score of the pixel")
plt.show()
