"""The special cases of the array API standard 2024.12, as its text lists them.

A row is a condition for each operand (of a complex function: for real and imaginary part) and the result. In conditions
"+0" is the positive zero, "0" either zero; ">0" and "<0" hold for infinities, too. In results "+-inf" is an infinity of
either sign, "pi/2" a number near it, "x1", "|x2|" an operand or its magnitude, "cis" stands for cos(b) + i sin(b).
"""

from __future__ import annotations

import math
from collections.abc import Callable

CONDITIONS: dict[str, Callable[[float], bool]] = {
    "any": lambda v: True,
    "nan": math.isnan,
    "not nan": lambda v: not math.isnan(v),
    "+0": lambda v: v == 0 and math.copysign(1, v) > 0,
    "-0": lambda v: v == 0 and math.copysign(1, v) < 0,
    "0": lambda v: v == 0,
    "not 0": lambda v: v != 0,
    "1": lambda v: v == 1,
    "-1": lambda v: v == -1,
    "not 1": lambda v: v != 1,
    ">0": lambda v: v > 0,
    "<0": lambda v: v < 0,
    ">1": lambda v: v > 1,
    "<1": lambda v: v < 1,
    "<-1": lambda v: v < -1,
    "+inf": lambda v: v == math.inf,
    "-inf": lambda v: v == -math.inf,
    "inf": math.isinf,
    "finite": math.isfinite,
    "finite or nan": lambda v: not math.isinf(v),
    "nonzero finite": lambda v: math.isfinite(v) and v != 0,
    "nonzero": lambda v: v != 0 and not math.isnan(v),
    "finite>0": lambda v: math.isfinite(v) and v > 0,
    "finite<0": lambda v: math.isfinite(v) and v < 0,
    "|v|>1": lambda v: abs(v) > 1,
    "|v|=1": lambda v: abs(v) == 1,
    "|v|<1": lambda v: abs(v) < 1,
    "odd>0": lambda v: math.isfinite(v) and v > 0 and v % 2 == 1,
    "not odd>0": lambda v: v > 0 and v % 2 != 1,
    "odd<0": lambda v: math.isfinite(v) and v < 0 and v % 2 == 1,
    "not odd<0": lambda v: v < 0 and v % 2 != 1,
    "fraction": lambda v: math.isfinite(v) and v != int(v),
}

_ODD = {"nan": "nan", "+0": "+0", "-0": "-0"}
_EVEN_ENDS = {"+inf": "+inf", "-inf": "-inf"}
_LOG = {"nan": "nan", "<0": "nan", "0": "-inf", "1": "+0", "+inf": "+inf"}
_WHOLE = {**_ODD, **_EVEN_ENDS}

UNARY: dict[str, dict[str, str]] = {
    "abs": {"nan": "nan", "-0": "+0", "-inf": "+inf"},
    "acos": {"nan": "nan", ">1": "nan", "<-1": "nan", "1": "+0"},
    "acosh": {"nan": "nan", "<1": "nan", "1": "+0", "+inf": "+inf"},
    "asin": {**_ODD, ">1": "nan", "<-1": "nan"},
    "asinh": {**_ODD, **_EVEN_ENDS},
    "atan": {**_ODD, "+inf": "pi/2", "-inf": "-pi/2"},
    "atanh": {**_ODD, "<-1": "nan", ">1": "nan", "-1": "-inf", "1": "+inf"},
    "ceil": _WHOLE,
    "cos": {"nan": "nan", "0": "1", "inf": "nan"},
    "cosh": {"nan": "nan", "0": "1", "inf": "+inf"},
    "exp": {"nan": "nan", "0": "1", "+inf": "+inf", "-inf": "+0"},
    "expm1": {**_ODD, "+inf": "+inf", "-inf": "-1"},
    "floor": _WHOLE,
    "log": _LOG,
    "log1p": {**_ODD, "<-1": "nan", "-1": "-inf", "+inf": "+inf"},
    "log2": _LOG,
    "log10": _LOG,
    "negative": {"nan": "nan", "+0": "-0", "-0": "+0", "+inf": "-inf", "-inf": "+inf"},
    "positive": _WHOLE,
    "reciprocal": {"nan": "nan", "+0": "+inf", "-0": "-inf", "+inf": "+0", "-inf": "-0"},
    "round": _WHOLE,
    "sign": {"nan": "nan", "<0": "-1", "0": "0", ">0": "1"},
    "sin": {**_ODD, "inf": "nan"},
    "sinh": {**_ODD, **_EVEN_ENDS},
    "sqrt": {**_ODD, "<0": "nan", "+inf": "+inf"},
    "square": {"nan": "nan", "0": "+0", "inf": "+inf"},
    "tan": {**_ODD, "inf": "nan"},
    "tanh": {**_ODD, "+inf": "1", "-inf": "-1"},
    "trunc": _WHOLE,
}

TESTS: dict[str, dict[str, bool]] = {
    "isfinite": {"inf": False, "nan": False, "finite": True},
    "isinf": {"inf": True, "finite or nan": False},
    "isnan": {"nan": True, "not nan": False},
    "signbit": {"+0": False, "-0": True, "+inf": False, "-inf": True, "finite>0": False, "finite<0": True},
}

Rows = list[tuple[str, str, str]]

_ADD: Rows = [
    ("nan", "any", "nan"), ("any", "nan", "nan"), ("+inf", "-inf", "nan"), ("-inf", "+inf", "nan"),
    ("+inf", "+inf", "+inf"), ("-inf", "-inf", "-inf"), ("+inf", "finite", "+inf"), ("-inf", "finite", "-inf"),
    ("finite", "+inf", "+inf"), ("finite", "-inf", "-inf"), ("-0", "-0", "-0"), ("-0", "+0", "+0"), ("+0", "-0", "+0"),
    ("+0", "+0", "+0"), ("0", "nonzero finite", "x2"), ("nonzero finite", "0", "x1"),
]  # fmt: skip
_DIVIDE: Rows = [
    ("nan", "any", "nan"), ("any", "nan", "nan"), ("inf", "inf", "nan"), ("0", "0", "nan"), ("+0", ">0", "+0"),
    ("-0", ">0", "-0"), ("+0", "<0", "-0"), ("-0", "<0", "+0"), (">0", "+0", "+inf"), (">0", "-0", "-inf"),
    ("<0", "+0", "-inf"), ("<0", "-0", "+inf"), ("+inf", "finite>0", "+inf"), ("+inf", "finite<0", "-inf"),
    ("-inf", "finite>0", "-inf"), ("-inf", "finite<0", "+inf"), ("finite>0", "+inf", "+0"), ("finite>0", "-inf", "-0"),
    ("finite<0", "+inf", "-0"), ("finite<0", "-inf", "+0"), ("finite>0", "finite>0", "sign +"),
    ("finite<0", "finite<0", "sign +"), ("finite>0", "finite<0", "sign -"), ("finite<0", "finite>0", "sign -"),
]  # fmt: skip

BINARY: dict[str, Rows] = {
    "add": _ADD,
    "atan2": [
        ("nan", "any", "nan"), ("any", "nan", "nan"), (">0", "0", "pi/2"), ("+0", ">0", "+0"), ("+0", "+0", "+0"),
        ("+0", "-0", "pi"), ("+0", "<0", "pi"), ("-0", ">0", "-0"), ("-0", "+0", "-0"), ("-0", "-0", "-pi"),
        ("-0", "<0", "-pi"), ("<0", "0", "-pi/2"), ("finite>0", "+inf", "+0"), ("finite>0", "-inf", "pi"),
        ("finite<0", "+inf", "-0"), ("finite<0", "-inf", "-pi"), ("+inf", "finite", "pi/2"),
        ("-inf", "finite", "-pi/2"), ("+inf", "+inf", "pi/4"), ("+inf", "-inf", "3pi/4"), ("-inf", "+inf", "-pi/4"),
        ("-inf", "-inf", "-3pi/4"),
    ],
    "copysign": [
        ("not nan", "<0", "-|x1|"), ("not nan", "-0", "-|x1|"), ("not nan", "+0", "|x1|"), ("not nan", ">0", "|x1|"),
        ("nan", "<0", "nan"), ("nan", ">0", "nan"),
    ],
    "divide": _DIVIDE,
    "floor_divide": _DIVIDE,
    "hypot": [
        ("inf", "any", "+inf"), ("any", "inf", "+inf"), ("0", "any", "|x2|"), ("any", "0", "|x1|"),
        ("finite or nan", "nan", "nan"), ("nan", "finite or nan", "nan"),
    ],
    "logaddexp": [
        ("nan", "any", "nan"), ("any", "nan", "nan"), ("+inf", "not nan", "+inf"), ("not nan", "+inf", "+inf"),
    ],
    "maximum": [("nan", "any", "nan"), ("any", "nan", "nan"), ("+inf", "not nan", "+inf"), ("-inf", "nonzero", "x2")],
    "minimum": [("nan", "any", "nan"), ("any", "nan", "nan"), ("-inf", "not nan", "-inf"), ("+inf", "nonzero", "x2")],
    "multiply": [
        ("nan", "any", "nan"), ("any", "nan", "nan"), ("inf", "0", "nan"), ("0", "inf", "nan"),
        ("finite>0", "finite>0", "sign +"), ("finite<0", "finite<0", "sign +"), ("finite>0", "finite<0", "sign -"),
        ("finite<0", "finite>0", "sign -"), ("+0", "finite<0", "-0"), ("-0", "finite<0", "+0"),
        ("+0", "finite>0", "+0"),
        ("+inf", ">0", "+inf"), ("+inf", "<0", "-inf"), ("-inf", ">0", "-inf"), ("-inf", "<0", "+inf"),
        (">0", "+inf", "+inf"), ("<0", "+inf", "-inf"), (">0", "-inf", "-inf"), ("<0", "-inf", "+inf"),
    ],
    "nextafter": [("nan", "any", "nan"), ("any", "nan", "nan"), ("-0", "+0", "+0"), ("+0", "-0", "-0")],
    "pow": [
        ("not 1", "nan", "nan"), ("any", "0", "1"), ("nan", "not 0", "nan"), ("|v|>1", "+inf", "+inf"),
        ("|v|>1", "-inf", "+0"), ("|v|=1", "inf", "1"), ("1", "not nan", "1"), ("|v|<1", "+inf", "+0"),
        ("|v|<1", "-inf", "+inf"), ("+inf", ">0", "+inf"), ("+inf", "<0", "+0"), ("-inf", "odd>0", "-inf"),
        ("-inf", "not odd>0", "+inf"), ("-inf", "odd<0", "-0"), ("-inf", "not odd<0", "+0"), ("+0", ">0", "+0"),
        ("+0", "<0", "+inf"), ("-0", "odd>0", "-0"), ("-0", "not odd>0", "+0"), ("-0", "odd<0", "-inf"),
        ("-0", "not odd<0", "+inf"), ("finite<0", "fraction", "nan"),
    ],
    "remainder": [
        ("nan", "any", "nan"), ("any", "nan", "nan"), ("inf", "inf", "nan"), ("0", "0", "nan"), ("0", ">0", "+0"),
        ("0", "<0", "-0"), (">0", "0", "nan"), ("<0", "0", "nan"), ("inf", "finite", "nan"), ("finite>0", "+inf", "x1"),
        ("finite>0", "-inf", "x2"), ("finite<0", "+inf", "x2"), ("finite<0", "-inf", "x1"),
    ],
}  # fmt: skip

COMPARED: dict[str, list[tuple[str, str, bool]]] = {
    "equal": [
        ("nan", "any", False), ("any", "nan", False), ("+inf", "+inf", True), ("-inf", "-inf", True), ("0", "0", True),
        ("+inf", "-inf", False), ("inf", "finite", False),
    ],
    "not_equal": [
        ("nan", "any", True), ("any", "nan", True), ("+inf", "-inf", True), ("-inf", "+inf", True), ("0", "0", False),
        ("+inf", "+inf", False),
    ],
    "less": [("nan", "any", False), ("any", "nan", False), ("0", "0", False), ("-inf", "finite", True)],
    "less_equal": [("nan", "any", False), ("any", "nan", False), ("0", "0", True), ("-inf", "finite", True)],
    "greater": [("nan", "any", False), ("any", "nan", False), ("0", "0", False), ("+inf", "finite", True)],
    "greater_equal": [("nan", "any", False), ("any", "nan", False), ("0", "0", True), ("+inf", "finite", True)],
}  # fmt: skip

ComplexRows = list[tuple[str, str, str, str]]

COMPLEX: dict[str, ComplexRows] = {
    "acos": [
        ("0", "+0", "pi/2", "-0"), ("0", "nan", "pi/2", "nan"), ("finite", "+inf", "pi/2", "-inf"),
        ("nonzero finite", "nan", "nan", "nan"), ("-inf", "finite>0", "pi", "-inf"), ("+inf", "finite>0", "+0", "-inf"),
        ("-inf", "+inf", "3pi/4", "-inf"), ("+inf", "+inf", "pi/4", "-inf"), ("inf", "nan", "nan", "+-inf"),
        ("nan", "finite", "nan", "nan"), ("nan", "+inf", "nan", "-inf"), ("nan", "nan", "nan", "nan"),
    ],
    "acosh": [
        ("0", "+0", "+0", "pi/2"), ("finite", "+inf", "+inf", "pi/2"), ("nonzero finite", "nan", "nan", "nan"),
        ("+0", "nan", "nan", "+-pi/2"), ("-inf", "finite>0", "+inf", "pi"), ("+inf", "finite>0", "+inf", "+0"),
        ("-inf", "+inf", "+inf", "3pi/4"), ("+inf", "+inf", "+inf", "pi/4"), ("inf", "nan", "+inf", "nan"),
        ("nan", "finite", "nan", "nan"), ("nan", "+inf", "+inf", "nan"), ("nan", "nan", "nan", "nan"),
    ],
    "asinh": [
        ("+0", "+0", "+0", "+0"), ("finite>0", "+inf", "+inf", "pi/2"), ("finite", "nan", "nan", "nan"),
        ("+inf", "finite>0", "+inf", "+0"), ("+inf", "+inf", "+inf", "pi/4"), ("nan", "+0", "nan", "+0"),
        ("nan", "nonzero finite", "nan", "nan"), ("nan", "+inf", "+-inf", "nan"), ("nan", "nan", "nan", "nan"),
    ],
    "atanh": [
        ("+0", "+0", "+0", "+0"), ("+0", "nan", "+0", "nan"), ("1", "+0", "+inf", "+0"),
        ("finite>0", "+inf", "+0", "pi/2"), ("nonzero finite", "nan", "nan", "nan"), ("+inf", "finite>0", "+0", "pi/2"),
        ("+inf", "+inf", "+0", "pi/2"), ("+inf", "nan", "+0", "nan"), ("nan", "finite", "nan", "nan"),
        ("nan", "+inf", "+-0", "pi/2"), ("nan", "nan", "nan", "nan"),
    ],
    "cosh": [
        ("+0", "+0", "1", "+0"), ("+0", "+inf", "nan", "+-0"), ("+0", "nan", "nan", "+-0"),
        ("nonzero finite", "+inf", "nan", "nan"), ("nonzero finite", "nan", "nan", "nan"), ("+inf", "+0", "+inf", "+0"),
        ("+inf", "nonzero finite", "inf cis", "inf cis"), ("+inf", "+inf", "+-inf", "nan"),
        ("+inf", "nan", "+inf", "nan"), ("nan", "0", "nan", "+-0"), ("nan", "nonzero finite", "nan", "nan"),
        ("nan", "nan", "nan", "nan"),
    ],
    "exp": [
        ("0", "+0", "1", "+0"), ("finite", "+inf", "nan", "nan"), ("finite", "nan", "nan", "nan"),
        ("+inf", "+0", "+inf", "+0"), ("-inf", "finite", "0 cis", "0 cis"),
        ("+inf", "nonzero finite", "inf cis", "inf cis"),
        ("-inf", "+inf", "+-0", "+-0"), ("+inf", "+inf", "+-inf", "nan"), ("-inf", "nan", "+-0", "+-0"),
        ("+inf", "nan", "+-inf", "nan"), ("nan", "+0", "nan", "+0"), ("nan", "nonzero", "nan", "nan"),
        ("nan", "nan", "nan", "nan"),
    ],
    "expm1": [
        ("0", "+0", "+-0", "+0"), ("finite", "+inf", "nan", "nan"), ("finite", "nan", "nan", "nan"),
        ("+inf", "+0", "+inf", "+0"), ("-inf", "finite", "-1", "0 cis"),
        ("+inf", "nonzero finite", "inf cis", "inf cis"),
        ("-inf", "+inf", "-1", "+-0"), ("+inf", "+inf", "+-inf", "nan"), ("-inf", "nan", "-1", "+-0"),
        ("+inf", "nan", "+-inf", "nan"), ("nan", "+0", "nan", "+0"), ("nan", "nonzero", "nan", "nan"),
        ("nan", "nan", "nan", "nan"),
    ],
    "log": [
        ("-0", "+0", "-inf", "pi"), ("+0", "+0", "-inf", "+0"), ("finite", "+inf", "+inf", "pi/2"),
        ("finite", "nan", "nan", "nan"), ("-inf", "finite>0", "+inf", "pi"), ("+inf", "finite>0", "+inf", "+0"),
        ("-inf", "+inf", "+inf", "3pi/4"), ("+inf", "+inf", "+inf", "pi/4"), ("inf", "nan", "+inf", "nan"),
        ("nan", "finite", "nan", "nan"), ("nan", "+inf", "+inf", "nan"), ("nan", "nan", "nan", "nan"),
    ],
    "log1p": [
        ("-1", "+0", "-inf", "+0"), ("finite", "+inf", "+inf", "pi/2"), ("finite", "nan", "nan", "nan"),
        ("-inf", "finite>0", "+inf", "pi"), ("+inf", "finite>0", "+inf", "+0"), ("-inf", "+inf", "+inf", "3pi/4"),
        ("+inf", "+inf", "+inf", "pi/4"), ("inf", "nan", "+inf", "nan"), ("nan", "finite", "nan", "nan"),
        ("nan", "+inf", "+inf", "nan"), ("nan", "nan", "nan", "nan"),
    ],
    "sinh": [
        ("+0", "+0", "+0", "+0"), ("+0", "+inf", "+-0", "nan"), ("+0", "nan", "+-0", "nan"),
        ("finite>0", "+inf", "nan", "nan"), ("finite>0", "nan", "nan", "nan"), ("+inf", "+0", "+inf", "+0"),
        ("+inf", "finite>0", "inf cis", "inf cis"), ("+inf", "+inf", "+-inf", "nan"), ("+inf", "nan", "+-inf", "nan"),
        ("nan", "+0", "nan", "+0"), ("nan", "nonzero finite", "nan", "nan"), ("nan", "nan", "nan", "nan"),
    ],
    # of infinite real parts the standard's text has NaN and the two results exchanged; these are C99's, as everywhere
    "sqrt": [
        ("0", "+0", "+0", "+0"), ("any", "+inf", "+inf", "+inf"), ("finite", "nan", "nan", "nan"),
        ("-inf", "finite>0", "+0", "+inf"), ("+inf", "finite>0", "+inf", "+0"), ("-inf", "nan", "nan", "+-inf"),
        ("+inf", "nan", "+inf", "nan"), ("nan", "finite", "nan", "nan"), ("nan", "nan", "nan", "nan"),
    ],
    "tanh": [
        ("+0", "+0", "+0", "+0"), ("nonzero finite", "+inf", "nan", "nan"), ("+0", "+inf", "+0", "nan"),
        ("nonzero finite", "nan", "nan", "nan"), ("+0", "nan", "+0", "nan"), ("+inf", "finite>0", "1", "+-0"),
        ("+inf", "+inf", "1", "+-0"), ("+inf", "nan", "1", "+-0"), ("nan", "+0", "nan", "+0"),
        ("nan", "nonzero finite", "nan", "nan"), ("nan", "nan", "nan", "nan"),
    ],
    "sign": [("0", "0", "0", "0"), ("nan", "any", "nan", "nan"), ("any", "nan", "nan", "nan")],
}  # fmt: skip

COMPLEX_ABS: Rows = BINARY["hypot"]
