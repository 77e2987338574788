"""Simulated ZTF light curves with a known class and period."""

from .simulator import CLASSES, Simulation, simulate_light_curves

__all__ = ["CLASSES", "Simulation", "simulate", "simulate_light_curves"]

simulate = simulate_light_curves
