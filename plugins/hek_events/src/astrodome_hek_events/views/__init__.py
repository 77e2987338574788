"""Plots, HTML reports and export files with events."""
