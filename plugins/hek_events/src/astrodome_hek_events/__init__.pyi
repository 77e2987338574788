from .analysis.iou import Overlap as Overlap
from .analysis.iou import overlap as overlap
from .analysis.run import AnalysisResult as AnalysisResult
from .analysis.run import analyze as analyze
from .downloads import download as download
from .downloads import search as search
from .placement import boxes_on_image as boxes_on_image
from .store.event_store import AddResult as AddResult
from .store.event_store import EventStore as EventStore
from .views.image_plot import plot as plot

__all__ = [
    "AddResult",
    "AnalysisResult",
    "EventStore",
    "Overlap",
    "analyze",
    "boxes_on_image",
    "download",
    "overlap",
    "plot",
    "search",
]
