"""Programs that were written for NumPy: they import nothing else, and know of no derivative.

`test_plain_numpy.py` differentiates, batches and compiles them as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import special

__all__ = ["PROGRAMS", "Program"]


class Program(NamedTuple):
    """A function of arrays and a place to look at it."""

    f: Any
    args: tuple[Any, ...]


PROGRAMS: list[Program] = []


def program(*args: Any) -> Any:
    """Put the function into the list, with arguments for it."""

    def add(f: Any) -> Any:
        PROGRAMS.append(Program(f, args))
        return f

    return add


rng = np.random.default_rng(7)
X = rng.normal(size=(12, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=12)
LABELS = (Y > 0).astype(int)
CLASSES = rng.integers(0, 3, size=12)
NOISE = rng.normal(size=(50, 4))
SERIES = np.cumsum(rng.normal(size=10)) / 3

# ---- fitting -----------------------------------------------------------------------------------


@program(np.array([0.7, 1.3, -0.4, 0.9]))
def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@program(np.array([0.3, -0.5, 0.2]), np.array(0.1))
def logistic_regression(w, b):
    margin = (2 * LABELS - 1) * (X @ w + b)
    return np.mean(np.log1p(np.exp(-margin))) + 0.01 * np.sum(w**2)


@program(np.array([0.3, -0.5, 0.2]))
def ridge(w):
    residual = Y - np.dot(X, w)
    return residual.dot(residual) / len(Y) + 0.1 * np.linalg.norm(w) ** 2


@program(np.array([0.3, -0.5, 0.2]))
def lasso_by_proximal_steps(w):
    step = 0.05
    for _ in range(5):
        w = w - step * X.T @ (X @ w - Y) / len(Y)
        w = np.sign(w) * np.maximum(np.abs(w) - 0.02, 0.0)
    return 0.5 * np.mean((X @ w - Y) ** 2) + 0.02 * np.sum(np.abs(w))


@program(rng.normal(size=(3, 3)), np.zeros(3))
def softmax_classifier(w, b):
    logits = X @ w + b
    logits = logits - logits.max(axis=1, keepdims=True)
    probabilities = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    onehot = np.eye(3)[CLASSES]
    return -np.mean(np.sum(onehot * np.log(probabilities), axis=-1))


@program(np.array([0.1, -0.2, -1.5]))
def gaussian_process(theta):
    length, variance, noise = np.exp(theta)
    inputs = X[:, 0]
    squares = (inputs[:, None] - inputs[None, :]) ** 2
    k = variance * np.exp(-0.5 * squares / length**2) + noise * np.eye(len(inputs))
    chol = np.linalg.cholesky(k)
    alpha = np.linalg.solve(chol.T, np.linalg.solve(chol, Y))
    return 0.5 * Y @ alpha + np.sum(np.log(np.diag(chol))) + 0.5 * len(Y) * np.log(2 * np.pi)


@program(np.array([0.4, -0.7]))
def gaussian_process_by_slogdet(theta):
    k = np.exp(-np.abs(np.subtract.outer(X[:, 1], X[:, 1])) / np.exp(theta[0])) + np.exp(theta[1]) * np.identity(12)
    sign, logdet = np.linalg.slogdet(k)
    return sign * 0.5 * np.dot(Y, np.linalg.solve(k, Y)) + 0.5 * logdet


@program(np.array([0.2, -1.0, -0.5, 0.9]))
def kalman_filter(params):
    q, r = np.exp(params[0]), np.exp(params[1])
    transition = np.stack([np.stack([np.ones_like(q), params[2]]), np.stack([np.zeros_like(q), params[3]])])
    observe = np.array([[1.0, 0.0]])
    mean, covariance = np.zeros(2), np.eye(2)
    loglik = 0.0
    for value in SERIES:
        mean = transition @ mean
        covariance = transition @ covariance @ transition.T + q * np.eye(2)
        innovation = value - observe @ mean
        s = observe @ covariance @ observe.T + r
        gain = covariance @ observe.T @ np.linalg.inv(s)
        mean = mean + gain @ innovation
        covariance = (np.eye(2) - gain @ observe) @ covariance
        loglik = loglik - 0.5 * (np.log(np.linalg.det(s)) + innovation @ np.linalg.solve(s, innovation))
    return loglik


@program(X)
def pca_by_svd(data):
    centred = data - data.mean(axis=0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    explained = s**2 / np.sum(s**2)
    scores = centred @ vt[0]
    return explained[0] + np.var(scores, ddof=1) + np.sum(u[:, 0] ** 4)


@program(X)
def pca_by_eigh(data):
    covariance = np.cov(data, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    first = vectors[:, -1]
    return values[-1] / np.trace(covariance) + np.sum((data @ first) ** 4) / len(data)


@program(np.linspace(-1, 1, 8) ** 3 + 0.1 * SERIES[:8])
def polynomial_fit(y):
    t = np.linspace(-1.0, 1.0, 8)
    vander = np.vander(t, 3)
    coefficients = np.linalg.lstsq(vander, y, rcond=None)[0]
    return np.polyval(coefficients, 0.3) + np.sum((y - vander @ coefficients) ** 2)


@program(np.linspace(-1, 1, 8) ** 3 + 0.1 * SERIES[:8])
def polynomial_fit_by_polyfit(y):
    t = np.linspace(-1.0, 1.0, 8)
    return np.sum(np.polyval(np.polyfit(t, y, 2), t + 0.1) ** 2)


@program(X, np.array([[0.5, 0.2, 0.1], [-0.6, -0.1, 0.3]]))
def k_means_step(data, centres):
    distances = np.sum((data[:, None, :] - centres[None, :, :]) ** 2, axis=-1)
    nearest = np.argmin(distances, axis=1)
    moved = np.stack([data[nearest == k].mean(axis=0) for k in range(2)])
    return np.sum((data - moved[nearest]) ** 2)


# ---- dynamics ----------------------------------------------------------------------------------


@program(np.array([0.5, -0.3]), np.array(9.8))
def pendulum_by_runge_kutta(state, gravity):
    def slope(s):
        return np.stack([s[1], -gravity * np.sin(s[0]) - 0.1 * s[1]])

    dt = 0.05
    for _ in range(10):
        k1 = slope(state)
        k2 = slope(state + 0.5 * dt * k1)
        k3 = slope(state + 0.5 * dt * k2)
        k4 = slope(state + dt * k3)
        state = state + dt / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


@program(rng.normal(size=(4, 3)))
def n_body_energy(positions):
    masses = np.array([1.0, 2.0, 0.5, 1.5])
    difference = positions[:, np.newaxis] - positions[np.newaxis, :]
    distance = np.sqrt(np.sum(difference**2, axis=-1) + 1e-3)
    i, j = np.triu_indices(4, k=1)
    return -np.sum((masses[:, None] * masses)[i, j] / distance[i, j])


@program(np.sin(np.linspace(0.1, 3, 9)), np.array(0.2))
def heat_equation(u, rate):
    for _ in range(6):
        inner = u[1:-1] + rate * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = np.concatenate([u[:1], inner, u[-1:]])
    return np.sum(u**2)


@program(np.array(1.1), np.array(0.6))
def kepler_by_newton(anomaly, eccentricity):
    e = anomaly
    while np.abs(e - eccentricity * np.sin(e) - anomaly) > 1e-12:
        e = e - (e - eccentricity * np.sin(e) - anomaly) / (1 - eccentricity * np.cos(e))
    return np.array([1.0, 2.0]) * np.cos(e)


@program(rng.normal(size=(4, 4)))
def power_iteration(a):
    a = a @ a.T + np.eye(4)
    v = np.ones(4) / 2
    for _ in range(50):
        v = a @ v
        v = v / np.linalg.norm(v)
    return v @ a @ v


@program(np.array([0.3, 0.9]))
def descent_with_a_break(start):
    x, rate = start, 0.1
    for step in range(100):
        gradient = np.array([2.0, 20.0]) * x
        if np.max(np.abs(gradient)) < 1.0:
            break
        x = x - rate / (1 + step) * gradient / 10
    return np.sum(x * x) + step


@program(np.full(5, 2.5), np.array([1.0, -2.0, 0.5, 3.0, 1.5]))
def tridiagonal_solve(diagonal, right):
    n = len(right)
    c, d = [-1.0 / diagonal[0]], [right[0] / diagonal[0]]
    for i in range(1, n):
        pivot = diagonal[i] + c[-1]
        c.append(-1.0 / pivot)
        d.append((right[i] + d[-1]) / pivot)
    x = [d[-1]]
    for i in range(n - 2, -1, -1):
        x.insert(0, d[i] - c[i] * x[0])
    return np.stack(x)


@program(rng.normal(size=(2, 2)) / 3)
def matrix_exponential(a):
    term = result = np.eye(2)
    for n in range(1, 12):
        term = term @ a / n
        result = result + term
    return result + np.linalg.matrix_power(a, 3)


# ---- signals and images ------------------------------------------------------------------------


@program(SERIES)
def low_pass_filter(signal):
    spectrum = np.fft.rfft(signal)
    keep = np.fft.rfftfreq(len(signal)) < 0.25
    smooth = np.fft.irfft(spectrum * keep, n=len(signal))
    return np.sum((signal - smooth) ** 2) + np.sum(np.abs(np.fft.fft(signal)) ** 2) / 100


@program(SERIES, np.array([0.3, 0.5, 0.1]))
def smoothing_by_convolve(signal, kernel):
    return np.convolve(signal, kernel, mode="valid") - np.correlate(signal, kernel, "same")[1:-1]


@program(SERIES)
def moving_average(signal):
    total = np.cumsum(np.concatenate([np.zeros(1), signal]))
    average = (total[3:] - total[:-3]) / 3
    return np.diff(average) ** 2


@program(rng.normal(size=(5, 6)))
def image_gradients(image):
    vertical, horizontal = np.gradient(image)
    laplacian = sum(np.roll(image, shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4 * image
    padded = np.pad(image, 1, mode="edge")
    return np.sum(np.hypot(vertical, horizontal)) + np.mean(laplacian**2) + np.sum(padded[::2, ::-1] ** 2)


@program(SERIES)
def drawdown(returns):
    wealth = np.cumprod(1 + 0.1 * returns)
    peak = np.maximum.accumulate(wealth)
    return np.max((peak - wealth) / peak) + np.prod(1 + 0.1 * returns) - np.ptp(wealth)


@program(np.array([0.13, 0.42, 0.77]), np.array([0.0, 0.3, 0.4, 1.0]))
def table_lookup(x, values):
    return np.interp(x, np.array([0.0, 0.2, 0.5, 1.0]), values) ** 2


# ---- networks ----------------------------------------------------------------------------------


@program(rng.normal(size=(3, 4)) / 2, rng.normal(size=(4, 4)) / 2, rng.normal(size=4))
def recurrent_network(w_in, w, readout):
    h = np.zeros(4)
    outputs = []
    for x in X[:6]:
        h = np.tanh(x @ w_in + h @ w)
        outputs.append(h @ readout)
    return np.mean((np.array(Y[:6]) - np.stack(outputs)) ** 2)


@program(rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4)))
def attention(wq, wk, wv):
    q, k, v = X[:5] @ wq, X[:5] @ wk, X[:5] @ wv
    scores = np.einsum("id,jd->ij", q, k) / np.sqrt(q.shape[-1])
    mask = np.tril(np.ones((5, 5), dtype=bool))
    scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.sum((weights @ v) ** 2, axis=0)


@program(X)
def batch_normalisation(x):
    normal = (x - np.mean(x, axis=0)) / np.sqrt(np.var(x, axis=0) + 1e-5)
    gelu = 0.5 * normal * (1 + np.tanh(np.sqrt(2 / np.pi) * (normal + 0.044715 * np.power(normal, 3))))
    return np.sum(np.clip(gelu, -0.1, 1.5) * np.arange(3.0), axis=-1)


# ---- statistics and finance --------------------------------------------------------------------


@program(np.log(np.array([[0.7, 0.3], [0.2, 0.8]])), np.array([0.5, -0.5]))
def hidden_markov_model(log_transition, means):
    def logsumexp(a, axis):
        top = np.max(a, axis=axis, keepdims=True)
        return np.squeeze(top, axis) + np.log(np.sum(np.exp(a - top), axis=axis))

    log_transition = log_transition - logsumexp(log_transition, 1)[:, None]
    alpha = np.log(np.array([0.5, 0.5])) - 0.5 * (SERIES[0] - means) ** 2
    for value in SERIES[1:]:
        alpha = logsumexp(alpha[:, None] + log_transition, 0) - 0.5 * (value - means) ** 2
    return logsumexp(alpha, 0)


@program(np.array([100.0, 110.0]), np.array(0.2), np.array(0.5))
def black_scholes(strike, volatility, time):
    spot, rate = 105.0, 0.03
    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * time) / (volatility * np.sqrt(time))
    d2 = d1 - volatility * np.sqrt(time)
    return spot * special.ndtr(d1) - strike * np.exp(-rate * time) * (0.5 + 0.5 * special.erf(d2 / np.sqrt(2)))


@program(np.array([1.2, 0.4]))
def negative_binomial(theta):
    counts = np.array([0, 1, 3, 2, 7])
    r, p = np.exp(theta[0]), 1 / (1 + np.exp(-theta[1]))
    terms = special.gammaln(counts + r) - special.gammaln(r) - special.gammaln(counts + 1.0)
    return np.sum(terms + r * np.log(p) + counts * np.log1p(-p))


@program(np.array([0.1, 0.2, 0.3, 0.4]))
def option_by_monte_carlo(weights):
    prices = np.exp(0.2 * NOISE - 0.02)
    basket = np.average(prices, axis=1, weights=np.ones(4)) + prices @ weights
    return np.mean(np.maximum(basket - 1.9, 0.0)) + np.quantile(basket, 0.1)


@program(SERIES)
def robust_loss(x):
    spread = np.median(np.abs(x - np.median(x)))
    z = (x - np.mean(x)) / spread
    huber = np.where(np.abs(z) < 1, 0.5 * z**2, np.abs(z) - 0.5)
    trimmed = np.sort(x)[1:-1]
    return huber.sum() + trimmed.mean() + x[np.argsort(x)[2]]


@program(SERIES)
def pieces(x):
    positive = x[x > 0]
    chosen = np.select([x < -0.5, x < 0.5], [x**2, np.sin(x)], default=-x)
    return np.sum(positive**3) + np.sum(chosen) + np.count_nonzero(x > 0) * x[0] + np.sum(np.delete(x, 2))


@program(np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.5, 0.3]))
def divergences(p, q):
    p, q = p**2 / np.sum(p**2), np.square(q) / np.sum(np.square(q))
    kl = np.sum(p * np.log(np.divide(p, q)))
    entropy = -np.sum(np.where(p > 0, p * np.log(p), 0.0))
    total = np.max(np.abs(np.cumsum(p) - np.cumsum(q)))
    return np.array([1.0, 2.0, 3.0]) @ np.stack([kl, entropy, total])


@program(rng.normal(size=(3, 2)), rng.normal(size=(4, 2)))
def pairwise_distances(a, b):
    squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
    distances = np.sqrt(np.maximum(squares, 1e-12))
    return np.min(distances, axis=1) + np.max(distances, axis=1)


@program(rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 3)), rng.normal(size=(5, 4)))
def bilinear_form(w, x, y):
    return np.einsum("kij,bi,bj->bk", w, x, y)


@program(np.array([1.5, 0.2, 0.7]), rng.normal(size=2))
def gaussian_density(entries, mean):
    covariance = np.array([[1.0, 0.0], [0.0, 0.0]]) * entries[0] + np.array([[0.0, 1.0], [1.0, 0.0]]) * entries[1]
    covariance = covariance + np.diag(np.array([0.0, 1.0])) * entries[2]
    shifted = X[:, :2] - mean
    quadratic = np.sum((shifted @ np.linalg.inv(covariance)) * shifted, axis=1)
    return -0.5 * (quadratic + np.log(np.linalg.det(2 * np.pi * covariance)))


@program(np.array([0.5, 1.5]))
def quadrature(bounds):
    t = np.linspace(bounds[0], bounds[1], 21)
    return np.trapezoid(np.exp(-(t**2)) * np.cos(t), t)


@program(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))
def pieces_put_together(a, b):
    blocks = np.hstack([a, b]), np.vstack([a, b]).T, np.column_stack([a[:, 0], b[:, 1]])
    tiled = np.tile(a, (2, 1)) * np.repeat(b, 2, axis=0)
    swapped = np.moveaxis(np.stack([a, b], axis=-1), 0, -1)
    first, second = np.split(blocks[0], 2, axis=1)
    flipped = np.flip(first, axis=1) * np.rot90(second, 2) + np.broadcast_to(a[0], (2, 3)) + np.transpose(b.T)
    total = np.sum(tiled) + np.prod(swapped + 2) + np.sum(np.kron(a, b)) + np.trace(np.outer(a[0], b[1]))
    return (
        np.sum(flipped**2) + total + np.sum(blocks[1][1:] ** 2) + blocks[2].ravel()[1] + np.expand_dims(b, 0)[0, 1, 2]
    )
