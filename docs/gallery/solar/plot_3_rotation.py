"""
Differential rotation of positions
==================================

Events are observed at other times than images. ``astrodome_solar.rotate_positions`` moves positions
to the time of an image. The rotation is slower at high latitudes.
"""

# %%
# Select positions on the central meridian, and rotate them by one to four days.

from datetime import timedelta

import astrodome_solar as solar
import matplotlib.pyplot as plt
import numpy as np
from sunpy.data.test import get_test_filepath

image = solar.read_image(get_test_filepath("aia_171_level1.fits")).north_up()
meridian = np.column_stack([np.zeros(25), np.linspace(-860, 860, 25)])
rotated = {}
for days in range(5):
    since = [image.time - timedelta(days=days)] * len(meridian)
    rotated[days] = solar.rotate_positions(meridian, since, image.geometry)

# %%
# Plot the positions on the image. Positions behind the limb are not visible.

figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
corners = image.geometry.to_arcsec([[0, image.height], [image.width, 0]])
axes.imshow(
    np.sqrt(image.data.clip(0)),
    origin="lower",
    cmap=solar.colormap(171),
    extent=(*corners[:, 0], *corners[:, 1]),
)
for days, (positions, visible) in rotated.items():
    axes.plot(*positions[visible].T, "o-", color="white", alpha=1 - days / 6, markersize=3)
    axes.annotate(f"{days} d", positions[12], color="white", xytext=(4, 4),
                  textcoords="offset points")  # fmt: skip
axes.set(xlabel="helioprojective x (arcsec)", ylabel="helioprojective y (arcsec)")
plt.show()
