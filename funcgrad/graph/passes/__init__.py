"""Passes: functions from a graph to a graph with the same values that costs less; one file each.

The same values means the same bits, where all NaNs are one: which sign and payload a NaN has that arithmetic made, IEEE
754 leaves open, and compilers and NumPy's own loops differ in it. A pass keeps no derivatives (`stop_gradient` is the
identity here), so differentiate first.

`thin_products` and `turned_products` are exceptions: they keep values, and not their last bits, so `simplify` does
without them.

A pass that finds nothing to do returns the graph that it was given.
"""

from .common_subexpressions import common_subexpressions
from .dead_code import dead_code
from .exact_algebra import exact_algebra
from .fold_constants import fold_constants
from .leading_axes import leading_axes
from .simplify import simplify
from .thin_products import thin_products
from .turned_products import turned_products

__all__ = [
    "common_subexpressions",
    "dead_code",
    "exact_algebra",
    "fold_constants",
    "leading_axes",
    "simplify",
    "thin_products",
    "turned_products",
]
