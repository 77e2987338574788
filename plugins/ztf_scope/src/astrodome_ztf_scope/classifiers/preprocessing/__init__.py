"""Data sets of SCoPe: reading, splitting and preparing what classifiers learn and score."""
