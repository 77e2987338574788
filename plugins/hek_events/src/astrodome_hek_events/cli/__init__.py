"""Commands of ``sdo events``: parse the arguments, call the library, show the result."""
