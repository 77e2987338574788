"""Upload classifications to a marshal, annotate sources, and download the result.

The marshal is a local file, so the example requires no account. With
``scope.open_marshal("fritz", token="…")``, the same functions use Fritz.
"""

# %% Open a marshal, and create a group and a taxonomy
import tempfile
from pathlib import Path

import astrodome_ztf_scope as scope
import pandas as pd

folder = Path(tempfile.mkdtemp())
marshal = scope.open_marshal(folder / "marshal.db", missing="create", create_groups=[500])
classes = {"class": "star", "subclasses": [{"class": "variable"}, {"class": "flaring"}]}
taxonomy = marshal.post_taxonomy({"name": "example", "version": "1.0", "hierarchy": classes})

# %% Upload two stars; the last columns are the probabilities of the classes
stars = pd.DataFrame(
    {
        "ra": [10.68, 83.63],
        "dec": [41.27, 22.01],
        "period": [0.567, 3.21],
        "variable": [0.98, 0.91],
        "flaring": [0.02, 0.64],
    }
)
result = scope.upload_classifications(
    marshal, stars, group_ids=500, classes=["variable", "flaring"], taxonomy_id=taxonomy
)
print(result)

# %% List the sources of the group, and the sources near a position
print(scope.list_sources(marshal, group_ids=500))
print(scope.list_sources(marshal, position=(10.68, 41.27), radius=2.0))

# %% Annotate one source
name = result["obj_id"][0]
print(scope.annotate(marshal, "post", name, origin="example", key="distance", value=765.0))

# %% Download classes and periods for a table of positions
found = scope.download_classifications(marshal, stars[["ra", "dec"]])
print(found[["ra", "dec", "obj_id", "classification", "probability", "period", "status"]])
