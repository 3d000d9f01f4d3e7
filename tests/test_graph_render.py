"""Pictures of graphs: DOT character for character, and SVG that an XML parser reads."""

import math
import xml.etree.ElementTree as ET
from itertools import pairwise

from graphs import LINE, Build, array

from funcgrad.core import Call
from funcgrad.graph.ir import Eqn, Graph, Var
from funcgrad.graph.render import to_dot, to_svg

SVG = "{http://www.w3.org/2000/svg}"


class Pair(Call):
    name = "pair<&>"


def model():
    g = Build("float32[2,3]", float)
    x, rate = g.inputs
    y = g("multiply", g("multiply", x, x), rate)
    return g.graph(g("sum", y, axes=(0, 1)), g("add", x, 1.5), 2.0, name="loss")


def test_dot():
    line = 'tooltip="model.py:1"'
    box, given, result = (
        f'shape={shape}, fillcolor="{color}"'
        for shape, color in (("box", "#eef1f8"), ("ellipse", "#e3f0e3"), ("ellipse", "#f8eadf"))
    )
    assert to_dot(model()) == (
        'digraph "loss" {\n'
        '  node [fontname="monospace", fontsize=11, style=filled];\n'
        f'  input0 [{given}, label="a:float32[2,3]", tooltip="input 0"];\n'
        f'  input1 [{given}, label="b:float", tooltip="input 1"];\n'
        f'  eqn0 [{box}, label="multiply a a\\nc:float32[2,3]", {line}];\n'
        "  input0 -> eqn0;\n"
        f'  eqn1 [{box}, label="multiply c b\\nd:float32[2,3]", {line}];\n'
        "  eqn0 -> eqn1;\n"
        "  input1 -> eqn1;\n"
        f'  eqn2 [{box}, label="sum d\\naxes=(0, 1)\\ne:float32[]", {line}];\n'
        "  eqn1 -> eqn2;\n"
        f'  eqn3 [{box}, label="add a 1.5\\nf:float32[2,3]", {line}];\n'
        "  input0 -> eqn3;\n"
        f'  output0 [{result}, label="e", tooltip="output 0"];\n'
        "  eqn2 -> output0;\n"
        f'  output1 [{result}, label="f", tooltip="output 1"];\n'
        "  eqn3 -> output1;\n"
        f'  output2 [{result}, label="2.0", tooltip="output 2"];\n'
        "}\n"
    )


def test_dot_of_nothing_and_of_quotes():
    empty = 'digraph "graph" {\n  node [fontname="monospace", fontsize=11, style=filled];\n}\n'
    assert to_dot(Build().graph()) == empty
    assert to_dot(Build().graph(name='a "b\\')).startswith('digraph "a \\"b\\\\" {')


def boxes(graph):
    """Of each box, by its first line: class, title, texts, and (left, top, right, bottom)."""
    root = ET.fromstring(to_svg(graph))
    found = {}
    for g in root.iter(f"{SVG}g"):
        rect = {k: float(v) for k, v in g.find(f"{SVG}rect").attrib.items()}
        sides = (rect["x"], rect["y"], rect["x"] + rect["width"], rect["y"] + rect["height"])
        texts = [t.text for t in g.iter(f"{SVG}text")]
        found[texts[0]] = (g.get("class"), g.find(f"{SVG}title").text, texts, sides)
    return root, found


def test_svg_has_a_box_for_each_input_equation_and_output():
    root, found = boxes(model())
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == "loss"
    assert {name: box[:3] for name, box in found.items()} == {
        "a:float32[2,3]": ("input", "input 0", ["a:float32[2,3]"]),
        "b:float": ("input", "input 1", ["b:float"]),
        "multiply a a": ("equation", "model.py:1", ["multiply a a", "c:float32[2,3]"]),
        "multiply c b": ("equation", "model.py:1", ["multiply c b", "d:float32[2,3]"]),
        "sum d": ("equation", "model.py:1", ["sum d", "axes=(0, 1)", "e:float32[]"]),
        "add a 1.5": ("equation", "model.py:1", ["add a 1.5", "f:float32[2,3]"]),
        "e": ("output", "output 0", ["e"]),
        "f": ("output", "output 1", ["f"]),
        "2.0": ("output", "output 2", ["2.0"]),
    }


def test_svg_puts_boxes_below_what_they_read_and_beside_each_other():
    root, found = boxes(model())
    sides = {name: box[3] for name, box in found.items()}
    chain = ["a:float32[2,3]", "multiply a a", "multiply c b", "sum d", "e"]
    for upper, lower in pairwise(chain):
        assert sides[upper][3] < sides[lower][1]
    assert sides["e"][1] == sides["f"][1] == sides["2.0"][1]
    everything = list(sides.values())
    for i, (left, top, right, bottom) in enumerate(everything):
        for other in everything[:i]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(s[0] >= 0 and s[2] <= width and s[1] >= 0 and s[3] <= height for s in everything)


def ends(path):
    """Where a line begins and ends: a curve, and perhaps straight on."""
    curve, _, on = path.get("d").partition("V")
    numbers = [float(n) for n in curve.replace("M", " ").replace("C", " ").split()]
    return tuple(numbers[:2]), (numbers[-2], float(on) if on else numbers[-1])


def test_svg_lines_lead_from_box_to_box():
    root, found = boxes(model())
    below = {
        ends(p)[0]: [ends(q)[1] for q in root.iter(f"{SVG}path") if ends(q)[0] == ends(p)[0]]
        for p in root.iter(f"{SVG}path")
    }

    def port(name, side):
        left, top, right, bottom = found[name][3]
        return (left + right) / 2, top if side == "top" else bottom

    def reached(start):
        stops = set()
        for end in below.get(start, []):
            stops |= {end} | reached(end)
        return stops

    def leads(upper, lower):
        near = lambda a, b: math.dist(a, b) < 0.11  # noqa: E731  (coordinates are rounded)
        starts = [s for s in below if near(s, port(upper, "bottom"))]
        return any(near(e, port(lower, "top")) for s in starts for e in reached(s))

    names = list(found)
    wanted = {
        ("a:float32[2,3]", "multiply a a"), ("multiply a a", "multiply c b"), ("b:float", "multiply c b"),
        ("multiply c b", "sum d"), ("a:float32[2,3]", "add a 1.5"), ("sum d", "e"), ("add a 1.5", "f"),
    }  # fmt: skip
    assert {(a, b) for a in names for b in names if leads(a, b)} == wanted


def test_svg_escapes_what_it_shows():
    g = Build("float32[2]")
    out, _ = g.call(Pair(), g.inputs, ["float32[2]", "int8[]"])
    _, found = boxes(g.graph(out, name="<&>"))
    assert found["pair<&> a"][2] == ["pair<&> a", "b:float32[2]", "c:int8[]"]


def test_svg_of_nothing():
    root = ET.fromstring(to_svg(Build().graph()))
    assert not list(root.iter(f"{SVG}g"))


def test_the_same_graph_gives_the_same_picture():
    assert to_svg(model()) == to_svg(model())
    assert to_dot(model()) == to_dot(model())


def test_an_equation_of_constants_stands_in_the_first_layer():
    g = Build()
    c = g("sin", array([1, 2]))
    _, found = boxes(g.graph(c))
    assert found["sin const:float32[2]"][3][3] < found["a"][3][1]


def test_pointing_at_an_equation_shows_the_users_line():
    code = compile("y = np.sin(x)", __file__, "exec")
    x = Var(array([1]).aval)
    eqn = Build("float32[1]", origin=(code, 2))
    eqn("sin", *eqn.inputs)
    sin = eqn.eqns[0]
    assert sin.origin != LINE
    graph = Graph((x,), (Eqn(sin.op, [x], {}, sin.outs, sin.origin),), ())
    _, found = boxes(graph)
    assert found["sin a"][1].startswith(f"{__file__}:1\n    ")
