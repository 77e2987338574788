"""
The explanation of an anomalous image
=====================================

``astrodome_sood.explain`` finds the statistic of an image that deviates most from the training
images. Here, a copy of a patch is blurred to simulate a defocused telescope.
"""

# %%
# Cut patches from an AIA 193 Å image, and fit the model ``statistics``.

import tempfile
from pathlib import Path

import astrodome_sood as sood
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageFilter
from sunpy.data.test import get_test_filepath

sun = Image.open(get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")).convert("L")
folder = Path(tempfile.mkdtemp())
random = np.random.default_rng(0)
for part in ("training", "test"):
    (folder / part).mkdir()
for number, (x, y) in enumerate(random.integers(60, 300, (100, 2)).tolist()):
    patch = sun.crop((x, y, x + 32, y + 32))
    part = "training" if number < 94 else "test"
    patch.save(folder / part / f"2013-06-24T173130__193__{number}.png")
blurred = patch.filter(ImageFilter.GaussianBlur(3))
blurred.save(folder / "test" / "2013-06-24T173130__193__defocused.png")
run = sood.train("statistics", folder / "training", folder / "run", target_size=32)

# %%
# Score the test patches, and explain the scores.

scores = sood.score(run, folder / "test").sort_index()
scores = scores.join(sood.explain(run, folder / "test"))
scores.sort_values("score", ascending=False)[["part", "score", "statistic", "deviation"]]

# %%
# Plot the patches, with the most anomalous one first.

ranked = scores.sort_values("score", ascending=False)
figure, axes = plt.subplots(1, 4, figsize=(8, 2.6), layout="constrained")
for ax, (_, row) in zip(axes, ranked.iterrows(), strict=False):
    ax.imshow(Image.open(row["path"]), cmap="gray", vmin=0, vmax=255)
    ax.set(xticks=[], yticks=[], title=f"{row['part']}\nscore {row['score']:.2f}")
plt.show()
print(ranked.iloc[0]["text"])
