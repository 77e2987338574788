"""Images, HTML pages and files that show events."""
