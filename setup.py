"""The compiled modules; everything else about the project stands in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from kernels.compiler import BuildError, build_extension  # noqa: E402  (not installed yet: found by the path above)


class ParallelBuild(build_ext):
    """Compiles the sources of an extension side by side, as modules made at run time are."""

    def build_extension(self, ext: Extension) -> None:
        """Builds one extension; cffi has put its generated file first among the sources."""
        generated, *sources = map(Path, ext.sources)
        output = Path(self.get_ext_fullpath(ext.name))
        include_dirs = [Path(path) for path in ext.include_dirs]
        try:
            build_extension(output, generated, sources, include_dirs, Path(self.build_temp))
        except BuildError as error:
            raise CompileError(str(error)) from None


setup(cffi_modules=["kernels/native_ffi.py:ffi", "kernels/vm/build_ffi.py:ffi"], cmdclass={"build_ext": ParallelBuild})
