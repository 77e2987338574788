"""Fit the limb darkening of solar disks, generate synthetic images, and detect anomalies."""
