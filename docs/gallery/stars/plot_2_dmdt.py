"""
dmdt images of four classes
===========================

A dmdt image is a histogram of the magnitude differences and time differences of all pairs of
epochs. The neural network of SCoPe uses it as input.
"""

# %%
# Simulate one light curve of each class, and compute the images.

import astrodome_ztf_scope as scope
import matplotlib.pyplot as plt

classes = {"rrab": "RR Lyrae ab", "ea": "Algol", "mir": "Mira", "nonvar": "constant star"}
simulation = scope.simulate_light_curves(
    len(classes), classes=list(classes), seed=1, points=300, bands="r", magnitude=(15.0, 16.0)
)
epochs = simulation.epochs[simulation.epochs["catflags"] == 0]
figure, axes = plt.subplots(2, 4, figsize=(11, 5), layout="constrained")
for column, (_, source) in enumerate(simulation.truth.iterrows()):
    curve = epochs[epochs["_id"] == source["_id"]]
    top, bottom = axes[:, column]
    top.plot(curve["hjd"] - curve["hjd"].min(), curve["mag"], ".", markersize=3)
    top.invert_yaxis()
    top.set(title=classes[source["class"]], xlabel="time (d)")
    image = scope.dmdt_image(curve["hjd"], curve["mag"])
    bottom.imshow(image, origin="lower", cmap="viridis")
    bottom.set(xlabel="bin of the time difference", xticks=[], yticks=[])
axes[0, 0].set_ylabel("r magnitude")
axes[1, 0].set_ylabel("bin of the\nmagnitude difference")
plt.show()
