"""Inspect sources: plots and pages of light curves, the pipeline, and the vetting page."""
