"""Configuration of SCoPe: classes, feature sets, taxonomy and services."""
