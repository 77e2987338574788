"""Solar events of the Heliophysics Event Knowledgebase (HEK).

``records`` turns what HEK answers into rows, ``store`` keeps them in SQL and
finds them again; ``source`` is what other plugins get when they ask for events.
"""
