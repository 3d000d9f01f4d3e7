"""SciPy's functions on our arrays, differentiable and batched: fft, signal, special and others, by SciPy's names.

SciPy itself is not needed. Each part is imported by its own name, `import funcgrad.scipy.special`.
"""
