from .archives.download import DownloadOutcome as DownloadOutcome
from .archives.download import download as download
from .archives.importing import import_files as import_files
from .flare_detection import find_flares as find_flares
from .flare_detection import flares as flares
from .store.coverage import coverage as coverage
from .store.flux_store import Store as Store
from .store.lookup import flux_at as flux_at
from .store.lookup import samples_at as samples_at
from .store.timeseries import samples as samples
from .store.timeseries import timeseries as timeseries
from .views.plot import FluxPlot as FluxPlot
from .views.plot import plot as plot
from .views.plot import search_catalogue as search_catalogue

__all__ = [
    "DownloadOutcome",
    "FluxPlot",
    "Store",
    "coverage",
    "download",
    "find_flares",
    "flares",
    "flux_at",
    "import_files",
    "plot",
    "samples",
    "samples_at",
    "search_catalogue",
    "timeseries",
]
