"""Downloads of images into a folder: plan, fetch, verify and publish, with a manifest of results.

:mod:`.plan` compares the requested images with the folder, :mod:`.fetch` fetches and publishes
single images, :mod:`.verify` checks files, :mod:`.run` fetches in parallel.
"""

from .plan import DownloadPlan, DownloadRequest, plan_download
from .run import DownloadReport, run_download

__all__ = ["DownloadPlan", "DownloadReport", "DownloadRequest", "plan_download", "run_download"]
