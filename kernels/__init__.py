"""Everything compiled, and its cffi bindings."""
