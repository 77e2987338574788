"""Vetting: accept, reject or relabel sources on a web page served on localhost."""
