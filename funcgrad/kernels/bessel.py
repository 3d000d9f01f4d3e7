"""Modified Bessel functions of the first kind, of orders 0 and 1, for real arguments.

    I0(x) = 1/pi * integral over t from 0 to pi of exp(x cos t);    I1 = I0'

Both grow as exp(|x|) / sqrt(2 pi |x|), so exp(-|x|) I is a Chebyshev series in |x| up to 8, and that times sqrt(|x|)
one in 1 / |x| beyond. The coefficients are this project's own: interpolation at Chebyshev points in 50-digit
arithmetic, up to the first one that is below a tenth of a rounding.

Source: NIST Digital Library of Mathematical Functions, chapter 10 (10.25, 10.40).
"""

from __future__ import annotations

from typing import Any

from .in_double import Raw, in_double, series

_I0_SMALL = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764, 0.04930528423967071,
    -0.02373741480589947, 0.010546460394594998, -0.004324309995050576, 0.0016394756169413357,
    -0.0005763755745385824, 0.00018850288509584165, -5.754195010082104e-05, 1.6448448070728896e-05,
    -4.4167383584587505e-06, 1.1173875391201037e-06, -2.670793853940612e-07, 6.046995022541919e-08,
    -1.300025009986248e-08, 2.6598237246823866e-09, -5.189795601635263e-10, 9.675809035373236e-11,
    -1.7268262914415413e-11, 2.9550526631282743e-12, -4.85644678298545e-13, 7.676185487201674e-14,
    -1.1685331877940562e-14, 1.715382761005715e-15, -2.430574136478709e-16, 3.274102738753023e-17,
)  # fmt: skip
_I0_LARGE = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06,
    2.0489185894690638e-07, 2.266668990498178e-08, 3.396232025708386e-09, 4.940602388224957e-10,
    1.1889147107849741e-11, -3.1499165279630827e-11, -1.3215811840464323e-11, -1.794178531494118e-12,
    7.180124451993766e-13, 3.852778381476947e-13, 1.5400862025000743e-14, -4.150569271788972e-14,
    -9.554846711511285e-15, 3.811676982420339e-15, 1.772563403871537e-15, -3.425325424186502e-16,
    -2.827912585676212e-16, 3.4547782110000875e-17, 4.4850056848383685e-17, -4.581633502229098e-18,
    -8.426831378720737e-18,
)  # fmt: skip
_I1_SMALL = (
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499, 0.024726449030626516,
    -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532, 0.0005122859561685758,
    -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05, 3.4702513081376785e-06,
    -8.568720264695455e-07, 2.0032947535521353e-07, -4.445059128796328e-08, 9.381537386495773e-09,
    -1.8872497517228294e-09, 3.625590281552117e-10, -6.663489723502027e-11, 1.1736186298890901e-11,
    -1.9839743977649348e-12, 3.2237933659447124e-13, -5.042185504645533e-14, 7.600684287066731e-15,
    -1.1055968782256856e-15, 1.5536258274081601e-16, -2.1108955413599085e-17, 2.7341210851944957e-18,
)  # fmt: skip
_I1_LARGE = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.882564808877691e-06,
    -2.512236237870209e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.58974346219657e-10,
    -1.897495812350882e-11, 3.252603583015345e-11, 1.4125807436630689e-11, 2.0356285441333268e-12,
    -7.198551776857574e-13, -4.083551109773972e-13, -2.1015418282447554e-14, 4.2724399391119764e-14,
    1.0420277041999177e-14, -3.81439932041906e-15, -1.8803583364247466e-15, 3.3080410267357634e-16,
    2.962933978891187e-16, -3.203131654805155e-17, -4.670574812329891e-17, 4.172920651126219e-18,
    8.759489586036996e-18,
)  # fmt: skip
_JOIN = 8.0


def _scaled(xp: Any, size: Raw, small: tuple[float, ...], large: tuple[float, ...]) -> tuple[Raw, Raw]:
    """The two series, for |x| up to the join and from there on."""
    near = series(xp.clip(size, 0.0, _JOIN) / 4 - 1, small)
    w = xp.where(size < _JOIN, xp.full_like(size, _JOIN), size)
    return near, series(2 * _JOIN / w - 1, large) / xp.sqrt(w)


def _i0e(xp: Any, x: Raw) -> Raw:
    size = xp.abs(x)
    near, far = _scaled(xp, size, _I0_SMALL, _I0_LARGE)
    return xp.where(size < _JOIN, near, far)


def _i1e(xp: Any, x: Raw) -> Raw:
    size = xp.abs(x)
    near, far = _scaled(xp, size, _I1_SMALL, _I1_LARGE)
    return xp.where(size < _JOIN, x * near, xp.where(x < 0, -far, far))


def _unscaled(xp: Any, x: Raw, scaled: Raw, odd: bool) -> Raw:
    half = xp.exp(0.5 * xp.abs(x))  # twice the half of the power: the whole would overflow first
    out = half * scaled * half
    return xp.where(xp.isinf(x), x if odd else half, out)  # where it is infinity times 0


i0e, i1e = in_double(_i0e), in_double(_i1e)
i0 = in_double(lambda xp, x: _unscaled(xp, x, _i0e(xp, x), False))
i1 = in_double(lambda xp, x: _unscaled(xp, x, _i1e(xp, x), True))
