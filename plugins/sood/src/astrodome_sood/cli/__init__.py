"""Commands of ``sdo sood``: parse the arguments, call the library, show the result."""
