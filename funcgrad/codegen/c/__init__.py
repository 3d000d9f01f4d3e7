"""Programs in C: the machine's compiler, a cache of what it made, calls with little overhead, and operations in C.

Nothing here is needed: where there is no compiler, `toolchain()` is None and all goes on as NumPy programs.
"""
