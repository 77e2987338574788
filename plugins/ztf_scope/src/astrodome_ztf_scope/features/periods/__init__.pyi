from .consensus import agreement as agreement
from .consensus import sidereal_family as sidereal_family
from .finding import find_periods as find_periods
from .options import ALGORITHMS as ALGORITHMS
from .options import Peaks as Peaks
from .options import SearchOptions as SearchOptions
from .scanning import periodogram as periodogram
from .scanning import search as search
from .selection import best_period as best_period
from .selection import nested as nested

__all__ = [
    "ALGORITHMS",
    "Peaks",
    "SearchOptions",
    "agreement",
    "best_period",
    "find_periods",
    "nested",
    "periodogram",
    "search",
    "sidereal_family",
]
