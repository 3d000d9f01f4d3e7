"""Linear algebra on stacks of matrices, by theme; a matrix is the last two axes of an array."""
