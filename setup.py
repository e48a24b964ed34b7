"""Builds the native media engine in place: `python setup.py build_ext --inplace`.

Our own C is compiled strictly; what Cython generates only as strictly as Cython allows.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("media/native")
LIBRARIES = ["pthread", "m", "crypto", "opus"]
COMMON = ["-std=gnu11", "-O2", "-fvisibility=hidden"]
STRICT = [*COMMON, "-Wall", "-Wextra", "-Wconversion", "-Werror"]


class StrictBuild(build_ext):
    """Compiles the engine's sources with every warning an error, before the extension itself."""

    def build_extension(self, ext: Extension) -> None:
        sources = sorted(str(p) for p in NATIVE.glob("*.c") if p.name != "_engine.c")
        objects = self.compiler.compile(
            sources,
            output_dir=self.build_temp,
            extra_postargs=STRICT,
            depends=[str(p) for p in NATIVE.glob("*.h")],
        )
        ext.extra_objects = [*ext.extra_objects, *objects]
        super().build_extension(ext)


setup(
    ext_modules=cythonize(  # type: ignore[no-untyped-call]
        [
            Extension(
                "media.native._engine",
                ["media/native/_engine.pyx"],
                include_dirs=[str(NATIVE)],
                libraries=LIBRARIES,
                extra_compile_args=COMMON,
                depends=[str(p) for p in NATIVE.glob("*.[ch]") if p.name != "_engine.c"],
            )
        ],
        build_dir="build",
    ),
    cmdclass={"build_ext": StrictBuild},
)
