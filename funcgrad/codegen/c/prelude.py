"""What stands above a program in C: the functions that it calls, those of the C library declared, the others defined.

The C library's functions are declared one by one, with the versions for vectors that it has. Its header would not do:
gcc finds those versions by it only with flags that give up NaN and infinities.

    __attribute__((simd("notinbranch"), const)) float expf(float);
"""

from __future__ import annotations

import re
from collections.abc import Container

import numpy as np

from ...kernels.error_function import CENTRE, INVERSE_CENTRE, Fits, fits_of
from .expressions import CTYPES
from .toolchain import VECTOR_FUNCTIONS

__all__ = ["prelude"]

_TWO_OPERANDS = frozenset({"atan2", "hypot", "pow", "copysign", "nextafter", "fmod"})
_DECLARED = frozenset(
    {*VECTOR_FUNCTIONS, "sqrt", "fabs", "floor", "ceil", "trunc", "rint", "copysign", "nextafter", "fmod"}
)


def prelude(text: str, vector_functions: Container[str] = ()) -> str:
    """The declarations and definitions that a text in C needs.

    Args:
        text: which calls functions by the names that `expressions` uses.
        vector_functions: those that the C library has for vectors (`Toolchain.vector_functions`).

    Returns:
        Text to be put above it.
    """
    defined: dict[str, str] = {}  # in an order in which each stands behind those that it calls
    declared: set[str] = set()

    def add(text: str) -> None:
        for name in re.findall(r"\b([a-z]\w*)\(", text):
            if name in defined or name in declared:
                continue
            if name.removesuffix("f") in _DECLARED or name in _DECLARED:
                declared.add(name)
                continue
            definition = _definition(name)
            if definition is not None:
                add(definition.partition("{")[2])
                defined[name] = definition

    add(text)
    declarations = [_declaration(name, name in vector_functions) for name in sorted(declared)]
    return "\n".join([*declarations, *defined.values(), ""])


def _declaration(name: str, for_vectors: bool) -> str:
    is_double = name in _DECLARED  # no double function is named as a float one's
    number = "double" if is_double else "float"
    base = name if is_double else name.removesuffix("f")
    operands = f"{number}, {number}" if base in _TWO_OPERANDS else number
    attributes = '__attribute__((simd("notinbranch"), const))' if for_vectors else "__attribute__((const))"
    return f"{attributes} {number} {name}({operands});"


def _definition(name: str) -> str | None:
    """The function of a name such as `maximum_float32`; None for others."""
    base, _, dtype = name.rpartition("_")
    if dtype not in CTYPES:
        return None
    is_float = dtype.startswith("float")
    template = (_FLOATS if is_float else _INTEGERS).get(base) or _NUMBERS.get(base)
    if base in ("erf", "erfc", "erfinv") and is_float:
        template = _error_function(base, fits_of(np.dtype(dtype)))
    if template is None:
        return None
    bits = np.dtype(dtype).itemsize * 8
    suffix = "f" if dtype == "float32" else ""
    names = {"T": CTYPES[dtype], "D": dtype, "F": suffix, "U": suffix.upper(), "BITS": str(bits)}
    names["I"] = "int" if bits == 32 else "long long"
    # a number with a point is of the function's own type
    text = re.sub(r"\b(?:0x[\da-f.]+p[-+]?\d+|\d+\.\d+(?:e[-+]?\d+)?)", lambda m: m[0] + names["F"], template.strip())
    text = re.sub(r"\$(T|D|F|U|I|BITS)", lambda m: names[m[1]], text)
    return f"\nstatic inline {text}"


_NUMBERS = {
    "square": "$T square_$D($T x) { return ($T)(x * x); }",
    "cube": "$T cube_$D($T x) { return ($T)(x * x * x); }",
    "fourth_power": "$T fourth_power_$D($T x) { return square_$D(square_$D(x)); }",
    "relu6": "$T relu6_$D($T x) { return minimum_$D(maximum_$D(x, 0), 6); }",
}

_INTEGERS = {
    "abs": "$T abs_$D($T x) { return ($T)(x < 0 ? -x : x); }",
    "sign": "$T sign_$D($T x) { return ($T)((x > 0) - (x < 0)); }",
    "maximum": "$T maximum_$D($T x, $T y) { return x > y ? x : y; }",
    "minimum": "$T minimum_$D($T x, $T y) { return x < y ? x : y; }",
    # by 0 it is 0; the least number by -1 would be an error of the processor's
    "floor_divide": """
$T floor_divide_$D($T x, $T y)
{
    if (y == 0)
        return 0;
    if (y == ($T)-1 && ($T)-1 < 0)
        return ($T)-x;
    return ($T)(x / y - ((x % y != 0) & ((x < 0) != (y < 0))));
}""",
    "remainder": """
$T remainder_$D($T x, $T y)
{
    if (y == 0 || (y == ($T)-1 && ($T)-1 < 0))
        return 0;
    $T r = x % y;
    return ($T)(r + ((r != 0) & ((r < 0) != (y < 0)) ? y : 0));
}""",
    "power": """
$T power_$D($T x, $T n)
{
    $T result = 1;
    for (; n > 0; n >>= 1) {
        if (n & 1)
            result = ($T)(result * x);
        x = ($T)(x * x);
    }
    return result;
}""",
    # by as many bits as there are, or by less than none, all are shifted out
    "left_shift": """
$T left_shift_$D($T x, $T n)
{
    int inside = (n >= 0) & (n < $BITS);
    return inside ? ($T)(x << (n & ($BITS - 1))) : 0;
}""",
    "right_shift": """
$T right_shift_$D($T x, $T n)
{
    int inside = (n >= 0) & (n < $BITS);
    return inside ? ($T)(x >> (n & ($BITS - 1))) : x < 0 ? ($T)-1 : 0;
}""",
    # the stream's words from that of element `from` on, as far as whole blocks go (`kernels/philox.py`)
    "philox": """
void philox_$D(const unsigned long long *key, long from, long to, $T *out)
{
    const long block = 256 / $BITS;
    for (long b = from / block; b * block < to; b++) {
        unsigned long long x0 = b + 1, x1 = 0, x2 = 0, x3 = 0, k0 = key[0], k1 = key[1];
        for (int round = 0; round < 10; round++) {
            const unsigned __int128 p = (unsigned __int128)0xD2E7470EE14C6C93ULL * x0;
            const unsigned __int128 q = (unsigned __int128)0xCA5A826395121157ULL * x2;
            x0 = (unsigned long long)(q >> 64) ^ x1 ^ k0;
            x1 = (unsigned long long)q;
            x2 = (unsigned long long)(p >> 64) ^ x3 ^ k1;
            x3 = (unsigned long long)p;
            k0 += 0x9E3779B97F4A7C15ULL;
            k1 += 0xBB67AE8584CAA73BULL;
        }
        for (int low = 0; low < 64; low += $BITS, out++) {
            out[0 * (block / 4)] = ($T)(x0 >> low);
            out[1 * (block / 4)] = ($T)(x1 >> low);
            out[2 * (block / 4)] = ($T)(x2 >> low);
            out[3 * (block / 4)] = ($T)(x3 >> low);
        }
        out += block - block / 4;
    }
}""",
    "multiply_high": "$T multiply_high_$D($T x, $T y) { return ($T)(((unsigned __int128)x * y) >> 64); }",
}

_FLOATS = {
    # x != x is NaN: of two operands the one that is NaN. In one condition gcc would make branches, and no vectors, of a
    # maximum of maxima.
    "maximum": "$T maximum_$D($T x, $T y) { const $T m = x > y ? x : y; return x != x ? x : m; }",
    "minimum": "$T minimum_$D($T x, $T y) { const $T m = x < y ? x : y; return x != x ? x : m; }",
    "isnan": "int isnan_$D($T x) { return x != x; }",
    "isinf": "int isinf_$D($T x) { return fabs$F(x) == __builtin_inf$F(); }",
    "isfinite": "int isfinite_$D($T x) { return fabs$F(x) < __builtin_inf$F(); }",
    "signbit": "int signbit_$D($T x) { return copysign$F(1.0, x) < 0; }",
    "sign": "$T sign_$D($T x) { return x != x ? x : ($T)((x > 0) - (x < 0)); }",
    # A vector with numbers of which nothing remains, as the minus infinity that a softmax has masked, would be taken
    # apart by the C library. Bits, as gcc would make choices one branch, and then nothing of it.
    "exp": """
$T exp_$D($T x)
{
    union { $T number; $I bits; } given = {x}, result;
    const $I keep = -(($I)(x >= (sizeof(x) == 4 ? -104.0 : -746.0)) | (x != x));
    given.bits &= keep;
    result.number = exp$F(given.number);
    result.bits &= keep;
    return result.number;
}""",
    "sigmoid": "$T sigmoid_$D($T x) { return 1.0 / (1.0 + exp$F(-x)); }",
    "softplus": "$T softplus_$D($T x) { return log1p$F(exp$F(-fabs$F(x))) + maximum_$D(x, 0.0); }",
    # of two equal infinities the difference would be NaN
    "logaddexp": """
$T logaddexp_$D($T x, $T y)
{
    $T distance = x == y ? 0.0 : fabs$F(x - y);
    return maximum_$D(x, y) + log1p$F(exp$F(-distance));
}""",
    # Python's: towards minus infinity, and the remainder has the divisor's sign
    "remainder": """
$T remainder_$D($T x, $T y)
{
    $T r = fmod$F(x, y);
    $T shifted = r + y;
    $T signed_zero = copysign$F(0.0, y);
    $T nonzero = (r < 0) != (y < 0) ? shifted : r;
    return y == 0 ? r : r == 0 ? signed_zero : nonzero;
}""",
    "floor_divide": """
$T floor_divide_$D($T x, $T y)
{
    $T quotient = x / y;
    $T r = fmod$F(x, y);
    $T whole = (x - r) / y - ((r != 0) & ((r < 0) != (y < 0)) ? 1.0 : 0.0);
    $T below = floor$F(whole);
    $T nearest = below + (whole - below > 0.5 ? 1.0 : 0.0); /* it is whole but for rounding */
    $T signed_zero = copysign$F(0.0, quotient);
    int infinite = (fabs$F(x) == __builtin_inf$F()) | (fabs$F(y) == __builtin_inf$F());
    return (y == 0) | infinite ? quotient : whole == 0 ? signed_zero : nearest;
}""",
    "multiply_add": """
$T multiply_add_$D($T x, $T y, $T z)
{
#ifdef __FP_FAST_FMA$U
    return __builtin_fma$F(x, y, z);
#else
    return x * y + z;
#endif
}""",
    # what NumPy's vectors do on x86, beyond the range as well
    "uint32_of": """
unsigned int uint32_of_$D($T x)
{
    int large = x >= 0x1p31;
    unsigned int low = (unsigned int)(int)(large ? x - 0x1p31 : x);
    return large ? low ^ 0x80000000u : low;
}""",
    "uint64_of": """
unsigned long long uint64_of_$D($T x)
{
    int large = x >= 0x1p63;
    unsigned long long low = (unsigned long long)(long long)(large ? x - 0x1p63 : x);
    return large ? low ^ 0x8000000000000000ull : low;
}""",
}


# ---- the error functions: the fits of `kernels/error_function.py` ------------------------------


def _error_function(name: str, fits: Fits) -> str:
    """erf, erfc or erfinv; each branch is computed, of an argument inside its range, and NaN goes through the last."""
    if name == "erf":
        return f"""
$T erf_$D($T x)
{{
    $T size = fabs$F(x);
    $T c = size < {CENTRE} ? x : {CENTRE};
    $T a = size < {CENTRE} ? {CENTRE} : size > {fits.erf_end} ? {fits.erf_end} : size;
    $T square = c * c;
    $T t = {fits.erf_scale} / ({fits.erf_scale} + a);
    $T centre = c + c * {_polynomial("square", fits.erf_centre)};
    $T tail = 1.0 - exp$F(-a * a) * {_polynomial("t", fits.erf_tail)};
    return size < {CENTRE} ? centre : copysign$F(tail, x);
}}"""
    if name == "erfc":
        return f"""
$T erfc_$D($T x)
{{
    $T size = fabs$F(x);
    $T c = size < {CENTRE} ? x : {CENTRE};
    $T a = size < {CENTRE} ? {CENTRE} : size > {fits.erfc_end} ? {fits.erfc_end} : size;
    $T square = c * c;
    $T scaled = a * {fits.splitter};
    $T high = scaled - (scaled - a); /* its square is exact */
    $T gaussian = exp$F(-high * high) * exp$F((high - a) * (a + high));
    $T t = (a - {fits.erfc_middle}) / (a + {fits.erfc_middle});
    $T centre = c + c * {_polynomial("square", fits.erf_centre)};
    $T tail = gaussian * ({_polynomial("t", fits.erfc_tail)} / (1.0 + 2.0 * a));
    $T sign = copysign$F(1.0, x);
    return size < {CENTRE} ? 1.0 - centre : (1.0 - sign) + sign * tail;
}}"""
    end, edge = 1.0 - INVERSE_CENTRE, INVERSE_CENTRE
    (p, q), (tail_p, tail_q) = fits.inverse_centre, fits.inverse_tail
    return f"""
$T erfinv_$D($T y)
{{
    $T size = fabs$F(y);
    $T c = size <= {edge} ? y : {edge};
    $T v = {edge**2} - c * c;
    $T centre = c + c * ({_polynomial("v", p)} / {_polynomial("v", q)});
    $T gap = 1.0 - size;
    gap = gap < {_number(fits.least_gap)} ? {_number(fits.least_gap)} : gap > {end} ? {end} : gap;
    $T r = sqrt$F(-log$F(gap));
    $T tail = r - {_polynomial("r", tail_p)} / {_polynomial("r", tail_q)};
    tail = size == 1.0 ? __builtin_inf$F() : size > 1.0 ? __builtin_nan$F("") : tail;
    return copysign$F(size <= {edge} ? centre : tail, y);
}}"""


def _polynomial(variable: str, coefficients: tuple[float, ...]) -> str:
    """Horner's rule."""
    text = _number(coefficients[0])
    for c in coefficients[1:]:
        text = f"multiply_add_$D({text}, {variable}, {_number(c)})"
    return text


def _number(value: float) -> str:
    return value.hex()
