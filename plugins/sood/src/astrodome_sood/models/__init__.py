"""Anomaly detection models: networks, losses, training, scores and weights files."""

import os

# With this setting, OpenMP threads sleep while they wait for each other, instead of using the CPU.
# This makes training several times faster if other processes use the same CPU cores. The variable
# must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
