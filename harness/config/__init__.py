"""The generated config `thresholds.toml`: schema, loading, look-up, writing, header and exports."""
