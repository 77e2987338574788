"""Accept, reject or relabel sources on a web page that is served on localhost."""
