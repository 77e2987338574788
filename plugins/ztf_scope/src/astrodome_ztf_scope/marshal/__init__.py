"""Marshals: services that store sources with their classifications, annotations and comments."""
