"""SCoPe configuration: classes, feature sets, taxonomy and services."""
