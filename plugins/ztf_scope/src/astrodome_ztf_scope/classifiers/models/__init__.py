"""Model backends of the task ``scope``."""
