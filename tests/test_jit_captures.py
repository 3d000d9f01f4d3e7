"""Whatever changes around a function is seen at the next call: each row changes one thing that its function reads.

A row is what stands around the function, its result, and the changes. All of it runs in one module's namespace, and
what is jitted must give what the function gives, after each change.
"""

from __future__ import annotations

import linecache
import types
import warnings
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import JitWarning

ROW = fnp.asarray([1.0, -2.0, 3.0])
IMPORTS = """
import array, builtins, collections, contextvars, dataclasses, enum, functools, operator, sys, types
import numpy as np, funcgrad as fg, funcgrad.numpy as fnp
ROW = fnp.asarray([1.0, -2.0, 3.0])
"""
METHODS = """
k = 2.0
class C:
    rate = 2.0
    def __init__(self): self.own = 2.0
    def method(self, x): return x * k
    def with_default(self, x, by=[2.0]): return x * by[0]
    static = staticmethod(lambda x: x * k)
    of_class = classmethod(lambda cls, x: x * k)
    part = functools.partialmethod(method)
    changing = property(lambda self: self.own * k)
    cached = functools.cached_property(lambda self: self.own * 2)
    __call__ = method
    def __getattr__(self, name):
        if name == "far": return self.own
        raise AttributeError(name)
class D(C): pass
c = D()
"""
SLOTS = """
class S:
    __slots__ = ("a", "__b")
    def __init__(self): self.a = self.__b = 2.0
    def b(self): return self.__b
s = S()
class Hidden(S):
    a = property(lambda self: S.a.__get__(self) * 3, lambda self, value: S.a.__set__(self, value))
class Odd:
    __slots__ = ("class", "a")
    def __init__(self): setattr(self, "class", 2.0); self.a = 1.0
class Told(S):
    def __getattribute__(self, name): return object.__getattribute__(self, name)
hidden, odd, told = Hidden(), Odd(), Told()
"""
MODULE = """
m = types.ModuleType("my_settings"); m.rate = 2.0; m.inner = types.ModuleType("my_settings.inner"); m.inner.rate = 2.0
m.f = lambda x: x * 2
sys.modules["my_settings"] = m
class O: pass
o = O(); o.m = m; d = {"m": m}
def make(m): return lambda x: x * m.rate
closed = make(m)
def importing(x):
    import my_settings
    return x * my_settings.rate
def importing_from(x):
    from my_settings import rate
    return x * rate
"""
DESCRIPTOR = """
class Way:
    def __init__(self): self.v = 2.0
    def __get__(self, x, cls): return self.v
class M(type): rate = 2.0
class E(metaclass=M): way = Way()
e = E()
"""
RULES = """
k = 2.0
@fg.custom_vjp
def pulled(x): return x * 1.0
pulled.defvjp(lambda x: (x * 1.0, None), lambda r, g: (g * k,))
@fg.custom_jvp
def pushed(x): return x * 1.0
pushed.defjvp(lambda p, t: (pushed(*p), t[0] * k))
jitted, mapped, remade = fg.jit(lambda x: x * k), fg.vmap(lambda x: x * k), fg.checkpoint(lambda x: (x * x * k).sum())
slope, curve = fg.grad(lambda x: (x * k).sum()), fg.hessian(lambda x: (x * x * k).sum())
"""
HELPER = """
def h(x, a=2.0, *, b=1.0): return x * a * b
h.rate = 2.0
def other(x, a=2.0, *, b=1.0): return x * a * b * 5
l = [2.0]
def in_list(x, a=l, *, b=l): return x * a[0] * b[0]
p = functools.partial(h, a=2.0)
"""
NESTED = """
k = 2.0
def outer(x):
    def middle(y):
        return (lambda z: z * k)(y)
    class Inside: rate = k
    return middle(x) * Inside.rate + sum([k for _ in range(2)]) + sum(k for _ in range(2))
def missing(x):
    try: return x * late
    except NameError: return x
"""
DISPATCH = """
k = 2.0
@functools.singledispatch
def h(x): return 1.0
@h.register
def _(x: int): return k
@functools.lru_cache
def remembered(n): return n * k
def keeping(g):
    kept = [2.0]
    @functools.wraps(g)
    def wrapper(x): return g(x) * kept[0]
    wrapper.kept = kept
    return wrapper
kept = keeping(lambda x: x + 1)
"""
W = "w = fnp.asarray({}); rows = [1.0, 2.0, 3.0, 4.0]"
CONTAINER = """
l, d, s, q = [2.0], {"a": 2.0}, {2}, collections.deque([2.0])
deep = {"a": [({"b": l},)]}
dd, ud = collections.defaultdict(lambda: 2.0), collections.UserDict(a=2.0)
chain, proxy, values = collections.ChainMap({}, d), types.MappingProxyType(d), d.values()
get, named = d.get, collections.namedtuple("N", "a")(l)
numbers, raw = array.array("d", [2.0]), bytearray(b"\\x02")
view = memoryview(raw)
var = contextvars.ContextVar("var", default=2.0)
class Dict(dict): pass
class List(list): pass
class Tuple(tuple): pass
class Int(int): pass
class Float(float): pass
class Rows(np.ndarray): pass
subs = [Dict(), List(), Tuple(), Int(3), Float(3), np.ones(3).view(Rows)]
for sub in subs: sub.rate = 2.0
@dataclasses.dataclass(frozen=True)
class Frozen: a: object
@dataclasses.dataclass
class Data: a: float
frozen, in_frozen, data = Frozen(2.0), Frozen([2.0]), Data(2.0)
class Mode(enum.Enum): A = 2.0; B = 3.0
mode = Mode.A
class Empty: pass
empty = Empty()
"""
NUMPY = """
a = np.ones(3); view = a[:]; view.flags.writeable = False; wide = np.broadcast_to(a, (2, 3))
still = np.ones(3); still.flags.writeable = False
scalar = np.float32(2.0)
masked = np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 0])
"""

ROWS: list[tuple[str, str, list[str]]] = [
    # classes and objects
    (METHODS, "x * C.rate", ["C.rate = 3.0"]),
    (METHODS, "x * c.rate", ["C.rate = 3.0", "D.rate = 4.0", "c.rate = 5.0"]),
    (METHODS, "x * operator.attrgetter('rate')(C)", ["C.rate = 3.0"]),
    (METHODS, "x * getattr(c, 'rate')", ["C.rate = 3.0"]),
    (METHODS, "x * c.own + x * c.far", ["c.own = 3.0"]),
    (METHODS, "D().method(x)", ["k = 3.0"]),
    (METHODS, "c.method(x) + C.static(x) + C.of_class(x) + c.part(x) + c(x)", ["k = 3.0"]),
    (METHODS, "c.changing * x", ["k = 3.0", "c.own = 3.0"]),
    (METHODS, "c.cached * x", ["c.own = 3.0; del c.cached"]),
    (METHODS, "c.with_default(x)", ["C.with_default.__defaults__[0][0] = 3.0"]),
    (METHODS, "c.method(x)", ["C.method = lambda self, x: x * 3", "c.method = lambda x: x * 4"]),
    (METHODS, "c.method(x)", ["class F:\n    def method(self, x): return x * 7\nc.__class__ = F"]),
    (METHODS + "bound = c.method", "bound(x)", ["k = 3.0"]),
    (SLOTS, "x * s.a * s.b()", ["s.a = 3.0", "s._S__b = 4.0"]),
    (SLOTS, "x * hidden.a", ["S.a.__set__(hidden, 3.0)"]),
    (SLOTS, "x * getattr(odd, 'class') * odd.a", ["setattr(odd, 'class', 3.0)", "odd.a = 4.0"]),
    (SLOTS, "x * told.a * told.b()", ["told.a = 3.0", "told._S__b = 4.0"]),
    (DESCRIPTOR, "x * e.way", ["vars(E)['way'].v = 3.0"]),
    (DESCRIPTOR, "x * E.rate", ["M.rate = 3.0"]),
    # functions
    (HELPER, "x * h.rate", ["h.rate = 3.0"]),
    (HELPER, "h(x)", ["h.__defaults__ = (3.0,)", "h.__kwdefaults__['b'] = 3.0", "h.__kwdefaults__ = {'b': 4.0}"]),
    (HELPER, "h(x)", ["h.__code__ = other.__code__"]),
    (HELPER, "in_list(x)", ["l[0] = 3.0"]),
    (HELPER, "p(x)", ["p.keywords['a'] = 3.0", "h.__kwdefaults__['b'] = 3.0"]),
    (HELPER, "h(x)", ["h = other", "h = lambda x: x", "h = fnp.sin"]),
    (NESTED, "outer(x)", ["k = 3.0"]),
    (NESTED, "missing(x)", ["late = 3.0", "del late", "late = 4.0"]),
    ("", "abs(x)", ["abs = lambda x: x * 3", "del abs"]),
    ("k = 2.0", "x * globals()['k']", ["k = 3.0"]),
    (DISPATCH, "x * h(3)", ["k = 3.0", "h.register(int, lambda x: 7.0)"]),
    (DISPATCH, "x * remembered(3)", ["remembered.cache_clear(); k = 3.0"]),
    (DISPATCH, "kept(x)", ["kept.kept[0] = 3.0"]),
    ("k = 2.0", "x * k", ["k = float('nan')", "k = -0.0", "k = 0.0", "k = True", "k = 1", "k = 1.0"]),
    # modules
    (MODULE, "x * m.rate", ["m.rate = 3.0"]),
    (MODULE, "x * m.inner.rate", ["m.inner.rate = 3.0"]),
    (MODULE, "x * o.m.rate + x * d['m'].rate + closed(x)", ["m.rate = 3.0"]),
    (MODULE, "x * getattr(m, 'rate')", ["m.rate = 3.0"]),
    (MODULE, "importing(x) + importing_from(x)", ["m.rate = 3.0"]),
    (MODULE, "m.f(x)", ["m.f = lambda x: x * 3"]),
    # transformed functions
    (RULES, "jitted(x) + mapped(x) + slope(x) + fg.grad(remade)(x) + curve(x).sum()", ["k = 3.0"]),
    (RULES, "fg.grad(lambda y: pulled(y).sum())(x)", ["k = 3.0", "pulled.defvjp(lambda x: (x, x), lambda r, g: (r,))"]),
    (RULES, "fg.grad(lambda y: pushed(y).sum())(x)", ["k = 3.0", "pushed.defjvp(lambda p, t: (p[0], t[0] * 7))"]),
    (RULES, "mapped(x)", ["mapped = fg.vmap(lambda x: x * 5)"]),
    # containers
    (CONTAINER, "x * l[0] * named.a[0] * deep['a'][0][0]['b'][0]", ["l[0] = 3.0"]),
    (CONTAINER, "x * d['a'] * get('a') * proxy['a'] * chain['a'] * [*values][0]", ["d['a'] = 3.0"]),
    (CONTAINER, "x * len(s) * q[0]", ["s.add(3)", "q[0] = 3.0"]),
    (CONTAINER, "x * dd.get('a', dd.default_factory())", ["dd.default_factory = lambda: 3.0", "dd['a'] = 4.0"]),
    (CONTAINER, "x * ud['a']", ["ud['a'] = 3.0"]),
    (CONTAINER, "x * numbers[0] * raw[0] * view[0]", ["numbers[0] = 3.0", "raw[0] = 3"]),
    (CONTAINER, "x * var.get()", ["var.set(3.0)"]),
    (CONTAINER, "x * sum(sub.rate for sub in subs)", [f"subs[{i}].rate = 3.0" for i in range(6)]),
    (CONTAINER, "x * in_frozen.a[0]", ["in_frozen.a[0] = 3.0"]),
    (CONTAINER, "x * frozen.a * data.a", ["object.__setattr__(frozen, 'a', 3.0)", "data.a = 3.0"]),
    (CONTAINER, "x * mode.value", ["mode = Mode.B"]),
    (CONTAINER, "x * getattr(empty, 'rate', 2.0)", ["empty.rate = 3.0"]),
    # arrays, and what Python reads of them
    ("w = v = fnp.ones(3)", "x * w + v", ["v = fnp.zeros(3)"]),
    ("w = fnp.ones(3); l = [w, w]", "x * l[0] + l[1]", ["l[1] = fnp.zeros(3)"]),
    ("w = fnp.ones(3)", "(w, w * 1, x, x)", ["w = fnp.zeros(3)"]),
    ("w = fnp.ones(3)", "x * fnp.asarray(w) * fnp.array(w)", ["w = fnp.zeros(3)"]),
    (W.format("2.0"), "x * float(w) * w.item() * complex(w).real", ["w = fnp.asarray(3.0)"]),
    (W.format("2.0"), "x * fnp.asarray([w, w, 1.0])", ["w = fnp.asarray(3.0)"]),
    (W.format("True"), "x * 2 if w else x * 3", ["w = fnp.asarray(False)"]),
    (W.format("1"), "x * rows[w] * sum(range(w)) * x[w]", ["w = fnp.asarray(2)"]),
    (
        W.format("[2.0, 1.0, 1.0]"),
        "x * np.asarray(w) * w.tolist()[0] * np.cumprod(w)",
        ["w = fnp.asarray([3.0, 1, 1])"],
    ),
    (W.format("[2.0, 1.0, 1.0]"), "x * fnp.asarray(np.from_dlpack(w))", ["w = fnp.asarray([3.0, 1, 1])"]),
    (W.format("[True, False, True]"), "x[w].sum()", [f"w = fnp.asarray({m})" for m in ("[True] * 3", "[False] * 3")]),
    (W.format("[2, 1, 1]"), "x[w]", ["w = fnp.asarray([0, 1, 1])"]),
    ("key = fg.random.key(0)", "x + fg.random.normal(key, (3,))", ["key = fg.random.key(1)"]),
    (
        "keys = fg.random.split(fg.random.key(0), 3)",
        "x + fg.random.normal(keys[0], (3,)) + sum(fg.random.uniform(key) for key in keys)",
        ["keys = fg.random.split(fg.random.key(1), 3)"],
    ),
    (NUMPY, "x * view * a", ["a[0] = 3.0"]),
    (NUMPY, "x * wide", ["a[0] = 3.0"]),
    (NUMPY, "x * still", ["still.flags.writeable = True; still[0] = 3.0"]),
    (NUMPY, "x * scalar", ["scalar = np.float32(3.0)"]),
    (NUMPY, "x * np.asarray(masked.filled(7.0))", ["masked.mask = [1, 0, 0]"]),
]


def module_of(around: str, result: str) -> dict[str, Any]:
    """The namespace of a user's module that defines f."""
    source = f"{IMPORTS}\n{around}\ndef f(x):\n    return {result}\n"
    name = f"<row {abs(hash(source))}>"
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    namespace: dict[str, Any] = {"__name__": "a_users_module"}
    exec(compile(source, name, "exec", dont_inherit=True), namespace)
    return namespace


def assert_follows(jitted: Any, f: Any) -> None:
    for found, expected in zip(fg.tree.leaves(jitted(ROW)), fg.tree.leaves(f(ROW)), strict=True):
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-6)


@pytest.mark.parametrize("calls", [1, 3, 7])
@pytest.mark.parametrize(("around", "result", "changes"), ROWS, ids=[f"{i}-{row[1]}" for i, row in enumerate(ROWS)])
def test_a_change_is_seen(around: str, result: str, changes: list[str], calls: int) -> None:
    namespace = module_of(around, result)
    jitted = fg.jit(namespace["f"])
    for change in ["", *changes, ""]:
        exec(change, namespace)
        for _ in range(calls):
            assert_follows(jitted, namespace["f"])
    assert not any(unit.eager for unit in jitted.units.values())


def test_a_builtin_that_is_replaced(monkeypatch):
    jitted = fg.jit(lambda x: abs(x))
    for _ in range(3):
        assert_follows(jitted, abs)
    monkeypatch.setattr("builtins.abs", lambda x: x * 3)
    assert_follows(jitted, lambda x: x * 3)


def test_another_array_in_the_same_place_is_no_new_program():
    namespace = module_of("w, c = fnp.ones(3), types.SimpleNamespace(v=[fnp.ones(3)])", "x * w + c.v[0]")
    jitted = fg.jit(namespace["f"])
    for k in range(5):
        namespace["w"] = fnp.ones(3) * k
        namespace["c"].v[0] = fnp.ones(3) * k
        assert_follows(jitted, namespace["f"])
    assert sum(tree.traces for unit in jitted.units.values() for tree in unit.trees.values()) == 2


def test_a_memo_that_fills_is_not_taken_for_impure():
    memo: dict[int, float] = {}

    def factor(n):
        if n not in memo:
            memo[n] = n * 0.5
        return memo[n]

    jitted = fg.jit(lambda x: x * factor(3) + factor(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            assert_follows(jitted, lambda x: x * 1.5 + 2.0)
    assert not any(unit.eager for unit in jitted.units.values())


@pytest.mark.parametrize("state", [0, 1, 2])
def test_random_numbers_without_a_key_are_found_though_runs_agree(state):
    generator = np.random.default_rng(state)
    jitted = fg.jit(lambda x: x * 2 if generator.random() < 2.0 else x)
    for _ in range(3):
        jitted(ROW)
    with pytest.warns(JitWarning, match="without a key"):
        jitted(ROW)


def test_what_changes_at_every_call_is_named_and_does_not_pile_up(monkeypatch):
    monkeypatch.setattr("funcgrad.transforms.unit.MOST_KINDS", 40)
    namespace = module_of("step = 0", "x * step")
    jitted = fg.jit(namespace["f"])
    with pytest.warns(JitWarning, match=r"\(step\): pass what changes") as caught:  # noqa: PT031  # one of them warns
        for k in range(60):
            namespace["step"] = k
            assert_follows(jitted, namespace["f"])
    assert len(caught) == 1
    (unit,) = jitted.units.values()
    assert len(unit.trees) == 40


class Odd:
    """Says something else to every question."""

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None
    __len__ = __bool__ = __iter__ = property(lambda self: 1 / 0)


def test_odd_objects_are_no_trouble():
    loop: list[Any] = []
    loop.append(loop)
    chain: Any = None
    for _ in range(3000):
        chain = (chain,)
    around = Odd(), loop, chain, np.random.default_rng(0), types.ModuleType("m"), object(), iter([1]), (_ for _ in "a")
    jitted = fg.jit(lambda x: x * len(around))
    for _ in range(3):
        assert_follows(jitted, lambda x: x * 8)
    assert not any(unit.eager for unit in jitted.units.values())


def test_too_many_things_to_look_at():
    table = list(map(float, range(20_000)))
    jitted = fg.jit(lambda x: x * table[3])
    with pytest.warns(JitWarning, match="10000"):
        assert_follows(jitted, lambda x: x * 3)
    table[3] = 7.0
    assert_follows(jitted, lambda x: x * 7)
