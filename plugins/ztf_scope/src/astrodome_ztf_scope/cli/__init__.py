"""The commands of ``scope``, which parse the arguments and print the results of the library."""
