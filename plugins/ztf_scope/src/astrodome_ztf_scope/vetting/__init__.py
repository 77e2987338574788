"""Sources walked through by a person: a page on this machine, and the table of what was decided."""
