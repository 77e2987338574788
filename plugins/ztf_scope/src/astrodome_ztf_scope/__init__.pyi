from .catalogues.registry import open_catalogue as open_catalogue
from .config.loading import load_config as load_config
from .marshal.api import annotate as annotate
from .marshal.api import download_classifications as download_classifications
from .marshal.api import list_sources as list_sources
from .marshal.api import upload_classifications as upload_classifications
from .marshal.registry import open_marshal as open_marshal

__all__ = [
    "annotate",
    "download_classifications",
    "list_sources",
    "load_config",
    "open_catalogue",
    "open_marshal",
    "upload_classifications",
]
