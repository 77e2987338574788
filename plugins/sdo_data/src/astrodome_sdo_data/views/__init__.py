"""Create contact sheets, movies and summaries of image folders."""
