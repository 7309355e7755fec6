"""The compiled modules; everything else about the project stands in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["kernels/native_ffi.py:ffi"])
