"""Tools for releases: versions, metadata, generated files, and the checks before a release."""
