"""Functions of math, cmath, statistics, fractions, decimal, NumPy, pandas and Python, of one number x: what people apply to one.

Each is run on floats, which gives its derivative by differences, and inside a transform on Values.
"""

import bisect
import cmath
import decimal
import fractions
import functools
import itertools
import json
import math
import operator
import statistics
import struct

import numpy as np
import pandas as pd

XS = [0.0, 1.0, 2.0, 4.0]
YS = [3.0, 4.0, 6.5, 5.0]


def stored(x):
    y = np.zeros(2)
    y[0] = x
    return y[0]


def stored_in_a_slice(x):
    y = np.zeros(3)
    y[1:] = x
    return y[2]


def added_in_place(x):
    y = np.ones(2)
    y += x
    return y[0]


def filled(x):
    y = np.zeros(2)
    y.fill(x)
    return y[1]


def put(x):
    y = np.zeros(2)
    np.put(y, [0], [x])
    return y[0]


def copied_to(x):
    y = np.zeros(1)
    np.copyto(y, [x])
    return y[0]


def packed(x):
    return struct.unpack("<d", struct.pack("<d", x))[0]


def array_of_floats(x):
    import array

    return array.array("d", [x])[0]


FUNCTIONS = {
    # math
    **{
        f"math.{name}": getattr(math, name)
        for name in """acosh asinh atan cbrt ceil cosh degrees erf erfc exp exp2 expm1 fabs floor gamma lgamma log log10
        log1p log2 radians sin sinh cos sqrt tan tanh trunc ulp""".split()
    },
    "math.acos": lambda x: math.acos(x / 4),
    "math.asin": lambda x: math.asin(x / 4),
    "math.atanh": lambda x: math.atanh(x / 4),
    "math.atan2": lambda x: math.atan2(x, 2.0),
    "math.atan2, second": lambda x: math.atan2(2.0, x),
    "math.copysign": lambda x: math.copysign(x, -1.0),
    "math.dist": lambda x: math.dist([x, 1.0], [0.0, 0.0]),
    "math.fmod": lambda x: math.fmod(x, 1.0),
    "math.frexp": lambda x: math.frexp(x)[0],
    "math.fsum": lambda x: math.fsum([x, 1.0, x]),
    "math.hypot": lambda x: math.hypot(x, 2.0),
    "math.ldexp": lambda x: math.ldexp(x, 3),
    "math.log, to a base": lambda x: math.log(x, 3.0),
    "math.modf": lambda x: math.modf(x)[0],
    "math.nextafter": lambda x: math.nextafter(x, 9.0),
    "math.pow": lambda x: math.pow(x, 3.0),
    "math.pow, exponent": lambda x: math.pow(2.0, x),
    "math.prod": lambda x: math.prod([x, 2.0, x]),
    "math.remainder": lambda x: math.remainder(x, 2.0),
    "math.isclose": lambda x: float(math.isclose(x, 2.0)) + x,
    # cmath
    "cmath.exp": lambda x: cmath.exp(x).real,
    "cmath.phase": lambda x: cmath.phase(complex(x, 1.0)),
    "cmath.sqrt": lambda x: cmath.sqrt(x).real,
    "complex": lambda x: complex(x).real,
    "complex, imaginary": lambda x: (complex(0.0, x) ** 2).real,
    # statistics, fractions, decimal
    "statistics.fmean": lambda x: statistics.fmean([x, 1.0]),
    "statistics.geometric_mean": lambda x: statistics.geometric_mean([x, 1.0]),
    "statistics.harmonic_mean": lambda x: statistics.harmonic_mean([x, 1.0]),
    "statistics.linear_regression": lambda x: statistics.linear_regression([1.0, 2.0], [x, 3.0]).slope,
    "statistics.correlation": lambda x: statistics.correlation([1.0, 2.0, 4.0], [x, 3.0, 0.0]),
    "statistics.covariance": lambda x: statistics.covariance([1.0, 2.0, 4.0], [x, 3.0, 0.0]),
    "statistics.mean": lambda x: statistics.mean([x, 1.0]),
    "statistics.median": lambda x: statistics.median([x, 1.0]),
    "statistics.NormalDist.cdf": lambda x: statistics.NormalDist().cdf(x),
    "statistics.NormalDist.pdf": lambda x: statistics.NormalDist().pdf(x),
    "statistics.NormalDist": lambda x: statistics.NormalDist(x).pdf(1.0),
    "statistics.pstdev": lambda x: statistics.pstdev([x, 1.0]),
    "statistics.stdev": lambda x: statistics.stdev([x, 1.0]),
    "statistics.variance": lambda x: statistics.variance([x, 1.0]),
    "fractions.Fraction": lambda x: float(fractions.Fraction(x)),
    "decimal.Decimal": lambda x: float(decimal.Decimal(x)),
    # Python
    "abs": abs,
    "array.array": array_of_floats,
    "bisect": lambda x: bisect.bisect(XS, x) * x,
    "divmod": lambda x: divmod(x, 1.0)[1],
    "f-string": lambda x: float(f"{x:.17g}"),
    "float": float,
    "format": lambda x: float(format(x, ".17e")),
    "str.format": lambda x: float("{:.17f}".format(x)),  # noqa: UP032
    "% formatting": lambda x: float("%.17g" % x),  # noqa: UP031
    "%d": lambda x: float("%d" % x) * x,  # noqa: UP031
    "functools.reduce": lambda x: functools.reduce(operator.mul, [x, x, x]),
    "int": lambda x: int(x) * x,
    "itertools.accumulate": lambda x: list(itertools.accumulate([x, 1.0, x]))[-1],
    "json.dumps": lambda x: json.loads(json.dumps(x)),
    "map of float": lambda x: sum(map(float, [x, x])),
    "max": lambda x: max(x, 1.0),
    "min": lambda x: min([x, 1.0, 9.0]),
    "modulo": lambda x: x % 1.0,
    "pow": lambda x: pow(x, 3),
    "round": lambda x: round(x) * x,
    "round to digits": lambda x: round(x, 17),
    "sorted": lambda x: sorted([x, 1.0, 3.0])[1],
    "struct.pack": packed,
    "sum": lambda x: sum([x, x, 1.0]),
    "a branch": lambda x: x if x > 1.0 else -x,
    "a branch on truth": lambda x: 3.0 * x if x else 0.0,
    "a table looked up": lambda x: YS[int(x)] * x,
    # NumPy: functions of one number
    **{
        f"np.{name}": getattr(np, name)
        for name in """abs absolute arccosh arcsinh arctan cbrt ceil cos cosh deg2rad degrees exp exp2 expm1 fabs fix
        floor i0 log log10 log1p log2 nan_to_num negative positive rad2deg radians reciprocal rint sign signbit sin sinc
        sinh spacing sqrt square tan tanh trunc""".split()
    },
    "np.add": lambda x: np.add(x, 1.0),
    "np.arctan2": lambda x: np.arctan2(x, 2.0),
    "np.clip": lambda x: np.clip(x, 0.0, 9.0),
    "np.copysign": lambda x: np.copysign(x, -1.0),
    "np.divide": lambda x: np.divide(1.0, x),
    "np.float_power": lambda x: np.float_power(x, 3.0),
    "np.floor_divide": lambda x: np.floor_divide(x, 1.0) + x,
    "np.fmax": lambda x: np.fmax(x, 1.0),
    "np.fmin": lambda x: np.fmin(x, 9.0),
    "np.fmod": lambda x: np.fmod(x, 1.0),
    "np.heaviside": lambda x: np.heaviside(x, 0.5) + x,
    "np.hypot": lambda x: np.hypot(x, 2.0),
    "np.ldexp": lambda x: np.ldexp(x, 3),
    "np.logaddexp": lambda x: np.logaddexp(x, 1.0),
    "np.logaddexp2": lambda x: np.logaddexp2(x, 1.0),
    "np.maximum": lambda x: np.maximum(x, 1.0),
    "np.minimum": lambda x: np.minimum(x, 9.0),
    "np.mod": lambda x: np.mod(x, 1.0),
    "np.modf": lambda x: np.modf(x)[0],
    "np.multiply": lambda x: np.multiply(x, x),
    "np.nextafter": lambda x: np.nextafter(x, 9.0),
    "np.power": lambda x: np.power(x, 3.0),
    "np.round": lambda x: np.round(x, 12),
    "np.subtract": lambda x: np.subtract(1.0, x),
    "np.true_divide": lambda x: np.true_divide(x, 2.0),
    "np.float64": np.float64,
    "np.float32": lambda x: float(np.float32(x)) + x,
    "np.int64": lambda x: np.int64(x) * x,
    # NumPy: on arrays of objects
    **{
        f"np.{name} of an array": (lambda f: lambda x: f(np.array([x, 2 * x]))[1])(getattr(np, name))
        for name in """abs cbrt ceil cos degrees exp exp2 expm1 fabs floor log log1p negative radians reciprocal rint
        sign sin sinh sqrt square tanh trunc cumsum cumprod""".split()
    },
    **{
        f"np.{name}, one of an array": (lambda f: lambda x: f(np.array([x, 2.0, x * x])))(getattr(np, name))
        for name in "amax amin max mean median min prod ptp std sum var nansum nanmean nanmax average".split()
    },
    "np.argmax": lambda x: np.argmax([x, 1.0]) + x,
    "np.array": lambda x: np.array([x])[0],
    "np.array of floats": lambda x: np.array([x], dtype=float)[0],
    "np.asarray": lambda x: np.asarray(x),
    "np.asarray of floats": lambda x: np.asarray(x, float),
    "np.asfarray": lambda x: np.asarray([x]).astype(float)[0],
    "np.atleast_1d": lambda x: np.atleast_1d(x)[0],
    "np.column_stack": lambda x: np.column_stack([[x], [1.0]])[0, 0],
    "np.concatenate": lambda x: np.concatenate([[x], [1.0]])[0],
    "np.convolve": lambda x: np.convolve([x, 1.0], [x, 2.0])[0],
    "np.corrcoef": lambda x: np.corrcoef([x, 1.0, 4.0], [1.0, 2.0, 0.0])[0, 1],
    "np.cov": lambda x: np.cov([x, 1.0, 4.0])[()],
    "np.cross": lambda x: np.cross([x, 1.0, 2.0], [1.0, x, 3.0])[2],
    "np.diff": lambda x: np.diff([1.0, x, 5.0])[0],
    "np.digitize": lambda x: np.digitize(x, XS) * x,
    "np.dot": lambda x: np.dot([x, 1.0], [x, 2.0]),
    "np.einsum": lambda x: np.einsum("i,i", [x, 1.0], [x, 2.0]),
    "np.fft.fft": lambda x: np.fft.fft([x, 1.0]).real[0],
    "np.full": lambda x: np.full(2, x)[0],
    "np.full_like": lambda x: np.full_like(np.zeros(2), x)[0],
    "np.full_like, of objects": lambda x: np.full_like(np.array([x]), x)[0],
    "np.geomspace": lambda x: np.geomspace(1.0, x, 3)[1],
    "np.gradient": lambda x: np.gradient([x, 2.0 * x, x * x])[0],
    "np.histogram": lambda x: np.histogram([x, 1.0], bins=2)[1][1],
    "np.inner": lambda x: np.inner([x, 1.0], [x, 2.0]),
    "np.interp": lambda x: np.interp(x, XS, YS),
    "np.interp, y": lambda x: np.interp(1.5, XS, [1.0, x, 3.0, 4.0]),
    "np.kron": lambda x: np.kron([x, 1.0], [x, 2.0])[0],
    "np.linalg.det": lambda x: np.linalg.det([[x, 1.0], [2.0, 3.0]]),
    "np.linalg.inv": lambda x: np.linalg.inv([[x, 1.0], [2.0, 3.0]])[0, 0],
    "np.linalg.norm": lambda x: np.linalg.norm([x, 1.0]),
    "np.linalg.solve": lambda x: np.linalg.solve([[x, 1.0], [2.0, 3.0]], [1.0, 2.0])[0],
    "np.linspace": lambda x: np.linspace(0.0, x, 3)[1],
    "np.arange": lambda x: np.arange(0.0, x, 1.0)[-1] + x,
    "np.logspace": lambda x: np.logspace(0.0, x, 3)[1],
    "np.matmul": lambda x: (np.array([[x, 1.0]]) @ np.array([[x], [2.0]]))[0, 0],
    "np.mean": lambda x: np.mean([x, 1.0]),
    "np.outer": lambda x: np.outer([x], [x])[0, 0],
    "np.percentile": lambda x: np.percentile([x, 1.0, 9.0], 30.0),
    "np.piecewise": lambda x: np.piecewise(np.array([x]), [np.array([True])], [lambda y: y * y])[0],
    "np.polyfit": lambda x: np.polyfit([1.0, 2.0], [x, 3.0], 1)[0],
    "np.polyval": lambda x: np.polyval([1.0, 2.0, 3.0], x),
    "np.polyval, a coefficient": lambda x: np.polyval([1.0, x, 3.0], 2.0),
    "np.poly1d": lambda x: np.poly1d([1.0, 2.0, 3.0])(x),
    "np.polynomial": lambda x: np.polynomial.Polynomial([3.0, 2.0, 1.0])(x),
    "np.prod": lambda x: np.prod([x, x, 2.0]),
    "np.put": put,
    "np.copyto": copied_to,
    "np.quantile": lambda x: np.quantile([x, 1.0, 9.0], 0.3),
    "np.real": lambda x: np.real(x),
    "np.repeat": lambda x: np.repeat(x, 2)[1],
    "np.searchsorted": lambda x: np.searchsorted(XS, x) * x,
    "np.select": lambda x: np.select([x > 1.0], [x * x], 0.0),
    "np.sort": lambda x: np.sort([x, 1.0, 9.0])[1],
    "np.squeeze": lambda x: np.squeeze(x),
    "np.std": lambda x: np.std([x, 1.0]),
    "np.sum": lambda x: np.sum([x, x, 1.0]),
    "np.trace": lambda x: np.trace(np.array([[x, 1.0], [2.0, x]])),
    "np.trapezoid": lambda x: np.trapezoid([x, 2.0 * x], [0.0, 1.0]),
    "np.unwrap": lambda x: np.unwrap([x, 1.0])[0],
    "np.vander": lambda x: np.vander([x, 2.0], 3)[0, 0],
    "np.var": lambda x: np.var([x, 1.0]),
    "np.vectorize": lambda x: np.vectorize(lambda y: y * y)(x),
    "np.vectorize of floats": lambda x: np.vectorize(lambda y: y * y, otypes=[float])(x),
    "np.frompyfunc": lambda x: np.frompyfunc(lambda y: y * y, 1, 1)(x),
    "np.where": lambda x: np.where(x > 1.0, x * x, 0.0),
    "array.item": lambda x: np.array([x]).item(),
    "array.tolist": lambda x: np.array([x]).tolist()[0],
    "array.fill": filled,
    "array[i] = x": stored,
    "array[i:] = x": stored_in_a_slice,
    "array += x": added_in_place,
    "array.astype": lambda x: np.array([x]).astype(np.float32)[0] + 0 * x,
    "np.fromiter": lambda x: np.fromiter([x], float)[0],
    "np.ma.array": lambda x: np.ma.array([x, 1.0], mask=[False, True]).sum(),
    "np.ma.mean": lambda x: np.ma.array([x, 1.0, 2.0], mask=[False, True, False]).mean(),
    "np.matrix": lambda x: (np.asmatrix([[x, 1.0]]) * np.asmatrix([[x], [2.0]]))[0, 0],
    "np.apply_along_axis": lambda x: np.apply_along_axis(lambda r: r[0] * r[1], 0, np.array([x, x * 2.0])),
    "np.char": lambda x: float(str(np.array([f"{x:.17g}"])[0])),
    "np.random.normal": lambda x: np.random.default_rng(0).normal(x, 1.0),
    # pandas
    "pd.Series.mean": lambda x: pd.Series([x, 1.0]).mean(),
    "pd.Series.sum": lambda x: pd.Series([x, x]).sum(),
    "pd.Series.std": lambda x: pd.Series([x, 1.0]).std(),
    "pd.Series.var": lambda x: pd.Series([x, 1.0]).var(),
    "pd.Series.max": lambda x: pd.Series([x, 1.0]).max(),
    "pd.Series.median": lambda x: pd.Series([x, 1.0, 9.0]).median(),
    "pd.Series.prod": lambda x: pd.Series([x, x]).prod(),
    "pd.Series.cumsum": lambda x: pd.Series([x, x]).cumsum().iloc[1],
    "pd.Series.diff": lambda x: pd.Series([1.0, x]).diff().iloc[1],
    "pd.Series.astype": lambda x: pd.Series([x]).astype(float).iloc[0],
    "pd.Series of floats": lambda x: pd.Series([x], dtype=float).iloc[0],
    "pd.Series.dot": lambda x: pd.Series([x, 1.0]).dot(pd.Series([x, 2.0])),
    "pd.Series.apply": lambda x: pd.Series([x, 1.0]).apply(lambda y: y * y).iloc[0],
    "pd.Series.rolling": lambda x: pd.Series([x, 1.0]).rolling(2).mean().iloc[1],
    "pd.Series.quantile": lambda x: pd.Series([x, 1.0]).quantile(0.3),
    "pd.Series, set": lambda x: set_in_series(x),
    "pd.DataFrame.mean": lambda x: pd.DataFrame({"a": [x, 1.0]}).mean().iloc[0],
    "pd.DataFrame.sum": lambda x: pd.DataFrame({"a": [x, x]}).sum().iloc[0],
    "pd.DataFrame.to_numpy": lambda x: pd.DataFrame({"a": [x, x]}).to_numpy(float)[0, 0],
    "pd.DataFrame.corr": lambda x: pd.DataFrame({"a": [x, 1.0, 4.0], "b": [1.0, 2.0, 0.0]}).corr().iloc[0, 1],
    "pd.to_numeric": lambda x: pd.to_numeric(pd.Series([x])).iloc[0],
    "pd.cut": lambda x: pd.cut([x, 1.0], 2, labels=False)[0] * x,
}


def set_in_series(x):
    s = pd.Series([0.0, 1.0])
    s.iloc[0] = x
    return s.iloc[0]
