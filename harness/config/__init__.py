"""The generated config: schema, loading, validation, writing, look-up."""
