"""Solar disks: fitting limb darkening, drawing synthetic disks, a per-pixel anomaly model."""
