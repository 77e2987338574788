"""Commands of ``sdo goes``: parse the arguments, call the library, show the result."""
