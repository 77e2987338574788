"""Access to marshals, which store sources, classifications, annotations and comments."""
