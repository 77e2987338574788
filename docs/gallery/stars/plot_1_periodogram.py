"""
A folded light curve and its periodogram
========================================

``astrodome_ztf_scope.find_periods`` searches a light curve for periods with several algorithms. The
light curve is simulated with the cadence and the errors of ZTF.
"""

# %%
# Simulate an RR Lyrae star, and remove epochs that ZTF would flag.

import astrodome_ztf_scope as scope
import matplotlib.pyplot as plt
import numpy as np
from astrodome_ztf_scope.features.periods import periodogram

simulation = scope.simulate_light_curves(
    1, classes=["rrab"], seed=3, points=250, bands="r", magnitude=(15.0, 16.0)
)
epochs = simulation.epochs[simulation.epochs["catflags"] == 0]
truth = simulation.truth.iloc[0]
print(f"true period: {truth['period']:.6f} d")

# %%
# Search for periods with three algorithms.

time, mag, error = (epochs[name].to_numpy() for name in ("hjd", "mag", "magerr"))
found = scope.find_periods(time, mag, error, algorithms=["LS", "CE", "AOV"], top_n=2)
found

# %%
# Plot the Lomb–Scargle periodogram, and the light curve folded with the best period of AOV.

best = found[(found["algorithm"] == "AOV") & (found["rank"] == 1)].iloc[0]["period"]
frequencies = np.arange(0.05, 6, 1 / (5 * np.ptp(time)))
power = periodogram(time, mag, error, "LS", frequencies)
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
axes[0].plot(frequencies, power, linewidth=0.6)
axes[0].axvline(1 / truth["period"], color="tab:red", linestyle=":", label="true frequency")
axes[0].set(xlabel="frequency (1/d)", ylabel="power (LS)")
axes[0].legend()
phase = time / best % 1
for shift in (0, 1):
    axes[1].errorbar(phase + shift, mag, error, fmt=".", color="tab:blue", markersize=4)
axes[1].invert_yaxis()
axes[1].set(xlabel="phase", ylabel="r magnitude", title=f"period {best:.6f} d")
plt.show()
