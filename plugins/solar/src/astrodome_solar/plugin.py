"""Hooks of the solar library."""
