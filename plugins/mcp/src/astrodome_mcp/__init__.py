"""Server for the Model Context Protocol that offers the commands of an app as tools.

An assistant starts ``astrodome-mcp sdo`` or ``astrodome-mcp scope``, and communicates with it over
standard input and standard output.
"""

__version__ = "0.1.0"
