"""Plots of the X-ray flux."""
