"""Pictures of a graph: DOT for Graphviz, and SVG that needs nothing. The same graph gives the same text.

Inputs stand on top, below them the equations, each below all that it reads, and the outputs at the bottom. Pointing at
an equation shows the user's line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from ..provenance import describe
from .ir import Atom, Eqn, Graph, Names, Var, atom_text, params_text

__all__ = ["to_dot", "to_svg"]


@dataclass(slots=True)
class Node:
    """A box of the picture.

    Args:
        name: unique.
        style: "input", "equation" or "output".
        lines: what is written in it.
        title: what pointing at it shows.
        reads: the nodes that its operands come from, each once.
        layer: how far below the top.
    """

    name: str
    style: str
    lines: tuple[str, ...]
    title: str = ""
    reads: tuple[Node, ...] = ()
    layer: int = 0


def nodes_of(graph: Graph) -> list[Node]:
    """The boxes, each after those that it reads."""
    names, made = Names(), dict[Var, Node]()
    nodes = []
    for i, v in enumerate(graph.inputs):
        made[v] = Node(f"input{i}", "input", (f"{names[v]}:{v.type!r}",), f"input {i}")
        nodes.append(made[v])
    for i, eqn in enumerate(graph.eqns):
        reads = _readers(made, eqn.operands)
        layer = 1 + max((n.layer for n in reads), default=0)
        node = Node(f"eqn{i}", "equation", _lines(eqn, names), describe(eqn.origin), reads, layer)
        made.update(dict.fromkeys(eqn.outs, node))
        nodes.append(node)
    bottom = 1 + max((n.layer for n in nodes), default=0)
    for i, atom in enumerate(graph.outputs):
        reads = _readers(made, (atom,))
        nodes.append(Node(f"output{i}", "output", (atom_text(atom, names),), f"output {i}", reads, bottom))
    return nodes


def _readers(made: dict[Var, Node], atoms: Sequence[Atom]) -> tuple[Node, ...]:
    """The nodes that made these operands, each once."""
    return tuple({made[a].name: made[a] for a in atoms if isinstance(a, Var)}.values())


def _lines(eqn: Eqn, names: Names) -> tuple[str, ...]:
    """The operation with its operands, its parameters if it has any, and the results."""
    operation = " ".join([eqn.op.name, *[atom_text(a, names) for a in eqn.operands]])
    params = params_text(eqn)
    return (operation, *([params] if params else []), *[f"{names[v]}:{v.type!r}" for v in eqn.outs])


# ---- DOT ---------------------------------------------------------------------------------------

_DOT_STYLES = {
    "input": 'shape=ellipse, fillcolor="#e3f0e3"',
    "equation": 'shape=box, fillcolor="#eef1f8"',
    "output": 'shape=ellipse, fillcolor="#f8eadf"',
}


def to_dot(graph: Graph) -> str:
    """The graph in Graphviz's language; `dot -Tsvg` draws it.

    Args:
        graph: any.

    Returns:
        The text of a digraph.
    """
    lines = [
        f"digraph {_quoted(graph.name or 'graph')} {{",
        '  node [fontname="monospace", fontsize=11, style=filled];',
    ]
    for node in nodes_of(graph):
        label, tip = _quoted("\n".join(node.lines)), _quoted(node.title)
        lines.append(f"  {node.name} [{_DOT_STYLES[node.style]}, label={label}, tooltip={tip}];")
        lines += [f"  {source.name} -> {node.name};" for source in node.reads]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """A DOT string."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


# ---- SVG ---------------------------------------------------------------------------------------

_CHARACTER, _LINE, _PADDING = 6.7, 15, 8
_GAP, _BETWEEN_LAYERS, _MARGIN = 18, 34, 16
_CSS = (
    "text{font:11px monospace;text-anchor:middle;fill:#222}rect{stroke:#888}path{fill:none;stroke:#888}"
    ".input rect{fill:#e3f0e3}.equation rect{fill:#eef1f8}.output rect{fill:#f8eadf}"
)


@dataclass(slots=True)
class Place:
    """Where a node is drawn; without a node, where an edge passes through a layer.

    Args:
        node: the box.
        above: the places one layer up that lines come from.
        x: the middle.
        y: the upper side.
        layer_height: of the tallest box beside it.
    """

    node: Node | None
    above: list[Place] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    layer_height: float = 0.0

    @property
    def width(self) -> float:
        """From left to right."""
        return 0.0 if self.node is None else 2 * _PADDING + _CHARACTER * max(map(len, self.node.lines))

    @property
    def height(self) -> float:
        """From the upper to the lower side; an edge passes straight through the whole layer."""
        return self.layer_height if self.node is None else 2 * _PADDING + _LINE * len(self.node.lines)


def to_svg(graph: Graph) -> str:
    """The graph as a picture, without Graphviz.

    Args:
        graph: any.

    Returns:
        The text of an SVG file.
    """
    layers = _layers(nodes_of(graph))
    width, height = _arrange(layers)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">',
        f"<title>{escape(graph.name or 'graph')}</title>",
        f"<style>{_CSS}</style>",
    ]
    places = [place for layer in layers for place in layer]
    parts += [_line(source, place) for place in places for source in place.above]
    for place in places:
        parts += _box(place)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _layers(nodes: Sequence[Node]) -> list[list[Place]]:
    """The places of each layer; an edge over several layers has one in each, so that lines keep clear of boxes."""
    layers: list[list[Place]] = [[] for _ in range(1 + max((n.layer for n in nodes), default=0))]
    lowest: dict[str, list[Place]] = {}  # of each node: its place, and below it those of its edge, one a layer

    def place_in(layer: int, node: Node | None, above: list[Place]) -> Place:
        layers[layer].append(Place(node, above))
        return layers[layer][-1]

    for node in nodes:
        above = []
        for source in node.reads:
            passing = lowest[source.name]
            while source.layer + len(passing) < node.layer:
                passing.append(place_in(source.layer + len(passing), None, [passing[-1]]))
            above.append(passing[node.layer - source.layer - 1])
        lowest[node.name] = [place_in(node.layer, node, above)]
    return layers


def _arrange(layers: Sequence[list[Place]]) -> tuple[float, float]:
    """Give every place its coordinates, and return the size of the picture.

    From top to bottom, each layer is ordered by where its lines come from, which keeps most from crossing.
    """
    widths = [sum(p.width + _GAP for p in layer) - _GAP for layer in layers]
    middle = max(widths, default=0.0) / 2 + _MARGIN
    y = float(_MARGIN)
    for layer, width in zip(layers, widths, strict=True):
        layer.sort(key=lambda p: sum(a.x for a in p.above) / len(p.above) if p.above else 0.0)
        x, height = middle - width / 2, max((p.height for p in layer), default=0.0)
        for place in layer:
            place.x, place.y, place.layer_height = x + place.width / 2, y, height
            x += place.width + _GAP
        y += height + _BETWEEN_LAYERS
    return 2 * middle, y - _BETWEEN_LAYERS + _MARGIN


def _line(source: Place, target: Place) -> str:
    """A curve from the lower side of one to the upper side of the other, and on through a layer that it passes."""
    x, y, to_x, to_y = source.x, source.y + source.height, target.x, target.y
    half = (y + to_y) / 2
    on = f"V{to_y + target.height:.1f}" if target.node is None else ""
    return f'<path d="M{x:.1f} {y:.1f}C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}{on}"/>'


def _box(place: Place) -> Iterator[str]:
    """A node with its text; nothing where an edge passes."""
    node = place.node
    if node is None:
        return
    left, round_off = place.x - place.width / 2, 3 if node.style == "equation" else place.height / 2
    yield f'<g class="{node.style}"><title>{escape(node.title)}</title>'
    yield (
        f'<rect x="{left:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" '
        f'rx="{round_off:.1f}"/>'
    )
    for i, line in enumerate(node.lines):
        yield f'<text x="{place.x:.1f}" y="{place.y + _PADDING + _LINE * (i + 0.75):.1f}">{escape(line)}</text>'
    yield "</g>"
