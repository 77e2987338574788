"""Source classification for the Zwicky Transient Facility: taxonomy, features, settings.

:func:`astrodome_ztf_scope.config.load` gives what a notebook needs.
"""
