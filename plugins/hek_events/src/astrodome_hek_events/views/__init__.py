"""Create plots, HTML reports and export files for events."""
