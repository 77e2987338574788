"""Limb darkening of solar disks: a fit, a source of synthetic images, and an anomaly model."""
