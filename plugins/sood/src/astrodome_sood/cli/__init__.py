"""Commands of ``sdo sood``: parse the arguments, call the library, and show the result."""
