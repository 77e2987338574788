"""Read and write tables of sources; identifiers keep all of their digits."""
