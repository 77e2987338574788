"""Settings and SCoPe's configuration: classes, feature sets, taxonomy, services."""
