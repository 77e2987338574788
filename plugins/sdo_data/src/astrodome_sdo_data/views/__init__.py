"""Contact sheets, films and summaries of folders of images."""
