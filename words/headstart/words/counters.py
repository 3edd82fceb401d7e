"""The counters that runtimes keep of themselves: named alike for all, so that variants compare.

Agents read them (`agent/counters`), reports show them. A counter is a line in `COUNTERS` and what
a source reads it from; what a runtime does not know is left out. Totals count from the start of
the process.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counter:
    """`title`: of its column; counters of which a runtime has one at most share a column.

    `unit`: "seconds" or "bytes", and empty for a count.
    """

    name: str
    title: str
    unit: str = ""


METHODS_JITTED = Counter("methods_jitted", "Methods jitted")
# Compiler threads may work side by side: it can exceed the time that passed.
JIT_SECONDS = Counter("jit_seconds", "Time in JIT", "seconds")
# IL or bytecode that went into the compiler.
JIT_INPUT_BYTES = Counter("jit_input_bytes", "IL or bytecode jitted", "bytes")
GC_COLLECTIONS = Counter("gc_collections", "GCs")
GC_PAUSE_SECONDS = Counter("gc_pause_seconds", "GC pauses", "seconds")
GC_HEAP_BYTES = Counter("gc_heap_bytes", "GC heap", "bytes")
ALLOCATED_BYTES = Counter("allocated_bytes", "Allocated", "bytes")
CLASSES_LOADED = Counter("classes_loaded", "Assemblies or classes")
ASSEMBLIES_LOADED = Counter("assemblies_loaded", "Assemblies or classes")

# In the order of the report's columns.
COUNTERS = [
    METHODS_JITTED,
    JIT_SECONDS,
    JIT_INPUT_BYTES,
    GC_COLLECTIONS,
    GC_PAUSE_SECONDS,
    GC_HEAP_BYTES,
    ALLOCATED_BYTES,
    ASSEMBLIES_LOADED,
    CLASSES_LOADED,
]
