"""Commands of ``scope``: parse the arguments, call the library, show the result."""
