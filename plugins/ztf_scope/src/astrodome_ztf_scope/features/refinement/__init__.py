"""Refinement of the periods of eclipsing binaries and pulsating stars."""
