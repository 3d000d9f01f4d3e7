"""Programs as data: what a function of arrays did, as equations that passes can rewrite and code can be made of.

graph = fg.make_graph(f)(x)
print(graph)                            # text, the same on every machine
open("f.svg", "w").write(fg.graph.to_svg(graph))
"""

from .check import check
from .ir import Graph, evaluate
from .render import to_dot, to_svg

__all__ = ["Graph", "check", "evaluate", "to_dot", "to_svg"]
