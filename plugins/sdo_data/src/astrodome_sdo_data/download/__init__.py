"""Years of images into a folder: plan, fetch, verify, publish, and a manifest of all of it.

:mod:`.plan` compares what is wanted with what is there, :mod:`.transfer` brings one image
after the other, :mod:`.run` does so in parallel and closes the books.
"""

from .plan import Plan, Wish
from .run import Report, download, prepare

__all__ = ["Plan", "Report", "Wish", "download", "prepare"]
