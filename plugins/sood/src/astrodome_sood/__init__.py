"""Solar out-of-distribution detection: how unusual is an image of the Sun, and where."""
