"""Use HEK events from Python: store, query and plot them, and compare them with regions.

Run the script with ``python examples/hek_events_api.py``. It does not need a network connection,
because it creates an image and three events. To get events from HEK, use
``hek.search("2014-01-01", "2014-01-02", ["AR"])``, or ``hek.download(store, ...)`` to add them to a
store. The cells (``# %%``) can also be run separately in an editor or a notebook.
"""

# %%
from pathlib import Path
from tempfile import mkdtemp

import astrodome_hek_events as hek
import numpy as np
from PIL import Image
from shapely import box

folder = Path(mkdtemp())


def make_event(identifier: str, event_type: str, left: float, bottom: float) -> dict[str, str]:
    """Return an event record with the most important HEK fields. Positions are in arcsec."""
    right, top = left + 150, bottom + 100
    corners = f"{left} {bottom},{right} {bottom},{right} {top},{left} {top},{left} {bottom}"
    return {
        "kb_archivid": f"ivo://example.org/{identifier}",
        "event_type": event_type,
        "event_starttime": "2014-01-01T00:00:00",
        "event_endtime": "2014-01-01T04:00:00",
        "obs_observatory": "SDO",
        "obs_instrument": "AIA",
        "obs_channelid": "171",
        "hpc_bbox": f"POLYGON(({corners}))",
    }


# %% [markdown]
# ## Store and query

# %%
store = hek.EventStore(folder / "events.sqlite")
store.add(
    [
        make_event("AR_1", "AR", -400, 100),
        make_event("AR_2", "AR", 300, -250),
        make_event("FL_1", "FL", -350, 120),
    ]
)
regions = store.query("2014-01-01T01:00", "2014-01-01T02:00", ["AR"])
print(regions[["kb_archivid", "event_starttime", "hpc_x_min", "hpc_y_min"]])
print(store.counts())

# %% [markdown]
# ## Plot on an image
#
# The geometry of JPEG images is read from `meta.csv`, which `sdo data download --metadata` writes.

# %%
y, x = np.mgrid[:512, :512] - 255.5
disk = np.where(np.hypot(x, y) < 203, 150, 10).astype(np.uint8)
image = folder / "2014-01-01T013000__171.jpeg"
Image.fromarray(disk).save(image)
(folder / "meta.csv").write_text(
    f"QUALITY,DSUN,X0,R_SUN,Y0,CDELT,FILE_NAME\n0,147096680000,2048,1626.6,2048,0.6,{image.name}\n"
)
figure = hek.plot(image, store.query("2014-01-01", "2014-01-02"))
figure.savefig(folder / "events.png", dpi=60)

# %% [markdown]
# ## Compare with predicted regions

# %%
boxes = hek.boxes_on_image(image, regions)
print(boxes[["kb_archivid", "x_min_px", "y_min_px", "x_max_px", "y_max_px"]].round(1))
predicted = [box(180, 210, 215, 240), box(20, 20, 40, 40)]
result = hek.overlap(boxes["shape"], predicted)
print(f"IoU {result.iou:.2f}, precision {result.precision:.2f}, recall {result.recall:.2f}")
