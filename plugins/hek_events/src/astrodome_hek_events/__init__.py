"""Solar events from the Heliophysics Event Knowledgebase (HEK).

Main functions
--------------
search
    Search HEK, and return the events as a DataFrame.
download, EventStore
    Download events into a database, and query the database.
plot, boxes_on_image
    Plot events on a solar image, or compute their bounding boxes in pixel coordinates.
analyze, overlap
    Compare events with the regions in anomaly maps, or compute the overlap of two sets of shapes.
"""

import lazy_loader as lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
