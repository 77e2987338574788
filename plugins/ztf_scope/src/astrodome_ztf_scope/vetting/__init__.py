"""Vetting: accept, reject or relabel sources on a web page of this machine."""
