"""Commands of ``sdo events``: parse the arguments, call the library, and show the result."""
