"""Machine code of small kernels, kept on disk and loaded without Numba.

To import Numba and to load its registries takes half a second of every process, as long as scoring
millions of rows. LLVM alone, by llvmlite, loads object code in milliseconds. So Numba is imported
only where the code is not on disk yet. A kernel here takes the address of a record, returns an
integer, and calls nothing but other parts of itself and the C library's memory functions.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCES = (
    "scoring.py",
    "exact_sums.py",
    "bits.py",
    "portable.py",
    "score_job.py",
    "memory.py",
    "decorators.py",
    "pipelines.py",
)
"""What the kernels are made of."""

ADDRESS = ctypes.c_int64
NATIVE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ADDRESS)
"""How Numba's functions are called: for the result, for an exception, and the argument."""

loaded: list[Any] = []
"""LLVM's engines, which own the machine code."""


def kernel_of(name: str) -> Callable[[int], int]:
    """A kernel of `scoring.py` or `exact_sums.py` by its name, from disk or compiled."""
    native = _from_disk(name)
    if native is None:
        native = _compiled(name)

    def call(record: int) -> int:
        result, exception = ADDRESS(), ctypes.c_void_p()
        native(ctypes.byref(result), ctypes.byref(exception), record)
        return result.value

    return call


def _from_disk(name: str) -> Any:
    """The native function; None if it is not on disk, or damaged."""
    for folder in _folders():
        with contextlib.suppress(OSError):
            data = (folder / _file_name(name)).read_bytes()
            digest, symbol, code = (
                data.split(b"\n", 2) if data.count(b"\n") > 1 else (b"", b"", b"")
            )
            if digest == _digest(symbol, code):
                return _linked(symbol.decode(), code)
    return None


def _linked(symbol: str, code: bytes) -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    machine = target.create_target_machine(opt=0)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    loaded.append(engine)
    return NATIVE(engine.get_function_address(symbol))


def _compiled(name: str) -> Any:
    """Compile the kernel, keep it on disk if that is possible, and return the native function."""
    from xent._engine.cpu import exact_sums, scoring
    from xent._engine.cpu.decorators import light_kernel

    module = scoring if hasattr(scoring, name) else exact_sums
    address, symbol, code = light_kernel(getattr(module, name))
    if code:
        data = b"\n".join([_digest(symbol.encode(), code), symbol.encode(), code])
        for folder in _folders():
            if _written(folder / _file_name(name), data):
                break
    return NATIVE(address)


def _written(file: Path, data: bytes) -> bool:
    """Write a file at once, so that no other process sees a part of it; delete older versions."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(data)
        Path(part.name).chmod(0o644)  # others may load what one has compiled
        Path(part.name).replace(file)
    except OSError:
        return False
    for other in file.parent.glob(f"{file.name.rsplit('-', 1)[0]}-*.xo"):
        if other != file:
            with contextlib.suppress(OSError):  # another process may have deleted it
                other.unlink()
    return True


def _digest(symbol: bytes, code: bytes) -> bytes:
    return hashlib.sha256(symbol + code).hexdigest().encode()


def _folders() -> list[Path]:
    """Where machine code may be kept: as for Numba's own, beside the sources or for the user."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return [Path(chosen)]
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return [Path(__file__).parent / "__pycache__", Path(home) / "xent"]


def _file_name(name: str) -> str:
    return f"scoring.{name}-{_edition()}.xo"


@functools.cache
def _edition() -> str:
    """A hash of what the machine code depends on: sources, compiler and processor.

    Numba's version is not among it, since to look that up takes longer than to load the code.
    """
    import llvmlite
    from llvmlite import binding

    sources = b"".join(file.read_bytes() for file in map(Path(__file__).with_name, SOURCES))
    features = sorted(binding.get_host_cpu_features().items())
    machine = [platform.machine(), binding.get_default_triple(), binding.get_host_cpu_name()]
    told = repr((llvmlite.__version__, machine, features)).encode()
    return hashlib.sha256(sources + told).hexdigest()[:20]
