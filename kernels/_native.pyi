"""The compiled module: its declarations are those of copy/api.h, dispatch/api.h and timing/api.h."""

from typing import Any

ffi: Any
lib: Any
