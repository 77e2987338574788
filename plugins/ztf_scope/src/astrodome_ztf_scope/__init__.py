"""Source classification for the Zwicky Transient Facility: taxonomy, features, settings.

:func:`astrodome_ztf_scope.config.loading.load` gives what a notebook needs.
"""
