from .downloads.api import download as download
from .downloads.api import search as search
from .downloads.run import DownloadReport as DownloadReport
from .folders import read_folder as read_folder
from .processing.importing import import_files as import_files
from .processing.patches import cut_patches as cut_patches
from .processing.resizing import resize as resize
from .views.contact_sheet import make_contact_sheet as make_contact_sheet
from .views.movie import make_movie as make_movie
from .views.summary import FolderSummary as FolderSummary
from .views.summary import summarize as summarize

__version__: str
__all__ = [
    "DownloadReport",
    "FolderSummary",
    "__version__",
    "cut_patches",
    "download",
    "import_files",
    "make_contact_sheet",
    "make_movie",
    "read_folder",
    "resize",
    "search",
    "summarize",
]
