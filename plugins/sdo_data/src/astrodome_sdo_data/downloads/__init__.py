"""Download images into a folder, and record the results in a manifest.

:mod:`.plan` determines which requested images are missing from the folder. :mod:`.fetch` downloads
single images and moves valid ones to the folder. :mod:`.verify` validates files, and :mod:`.run`
executes a plan with parallel transfers.
"""

from .plan import DownloadPlan, DownloadRequest, plan_download
from .run import DownloadReport, run_download

__all__ = ["DownloadPlan", "DownloadReport", "DownloadRequest", "plan_download", "run_download"]
