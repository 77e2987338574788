"""Commands of ``sdo data``: parse the arguments, call the library, show the result."""
