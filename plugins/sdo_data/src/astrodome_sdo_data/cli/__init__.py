"""Commands of ``sdo data``: parse the arguments, call the library, and show the result."""
