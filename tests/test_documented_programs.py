"""Programs that JAX's public documentation shows, in funcgrad, with the numbers that JAX prints for them."""

import functools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp


def close(found, printed):
    """Equal to what is printed, to its last digit but one."""
    np.testing.assert_allclose(found, printed, rtol=3e-6, atol=1e-7)


class TestCustomDerivativeRules:
    def test_log1pexp(self):
        @fg.custom_jvp
        def log1pexp(x):
            return fnp.log(1.0 + fnp.exp(x))

        @log1pexp.defjvp
        def rule(primals, tangents):
            (x,), (t,) = primals, tangents
            return log1pexp(x), (1 - 1 / (1 + fnp.exp(x))) * t

        close(log1pexp(3.0), 3.0485873)
        close(fg.grad(log1pexp)(3.0), 0.95257413)
        close(fg.vmap(fg.grad(log1pexp))(fnp.arange(3.0)), [0.5, 0.7310586, 0.8807971])
        with np.errstate(over="ignore"):
            assert float(fg.grad(log1pexp)(100.0)) == 1.0

    def test_a_convention_at_the_edge_of_a_domain(self):
        @fg.custom_jvp
        def f(x):
            return x / (1 + fnp.sqrt(x))

        @f.defjvp
        def rule(primals, tangents):
            (x,), (t,) = primals, tangents
            return f(x), ((fnp.sqrt(x) + 2) / (2 * (fnp.sqrt(x) + 1) ** 2)) * t

        assert float(fg.grad(f)(0.0)) == 1.0

    def test_gradient_clipping(self):
        @fg.custom_vjp
        def clip_gradient(low, high, x):
            return x

        clip_gradient.defvjp(
            lambda low, high, x: (x, (low, high)), lambda bounds, g: (None, None, fnp.clip(g, *bounds))
        )
        t = fnp.linspace(0, 10, 1000)
        slopes = fg.vmap(fg.grad(fnp.sin))(t)
        clipped = fg.vmap(fg.grad(lambda x: fnp.sin(clip_gradient(-0.75, 0.75, x))))(t)
        close(clipped, np.clip(slopes, -0.75, 0.75))

    def test_sin_times_y_with_every_way_to_declare_a_rule(self):
        @fg.custom_jvp
        def f(x, y):
            return fnp.sin(x) * y

        @f.defjvp
        def rule(primals, tangents):
            (x, y), (tx, ty) = primals, tangents
            return f(x, y), fnp.cos(x) * tx * y + fnp.sin(x) * ty

        close(fg.grad(f)(2.0, 3.0), -1.2484405)
        f.defjvps(lambda tx, out, x, y: fnp.cos(x) * tx * y, lambda ty, out, x, y: fnp.sin(x) * ty)
        close(f(2.0, 3.0), 2.7278922)
        close(fg.grad(f, 0)(2.0, 3.0), -1.2484405)
        close(fg.grad(f, 1)(2.0, 3.0), 0.9092974)
        f.defjvps(lambda tx, out, x, y: fnp.cos(x) * tx * y, None)
        close(fg.grad(f, 1)(2.0, 3.0), 0.0)

        @fg.custom_vjp
        def g(x, y):
            return fnp.sin(x) * y

        g.defvjp(
            lambda x, y: (g(x, y), (fnp.cos(x), fnp.sin(x), y)),
            lambda res, ct: (res[0] * ct * res[2], res[1] * ct),
        )
        close(fg.grad(g)(2.0, 3.0), -1.2484405)

    def test_trees_and_untouched_arguments(self):
        @functools.partial(fg.custom_jvp, nondiff_argnums=(0,))
        def app(f, x):
            return f(x)

        @app.defjvp
        def rule(f, primals, tangents):
            (x,), (t,) = primals, tangents
            return f(x), 2.0 * t

        assert float(app(lambda x: x**3, 3.0)) == 27.0
        assert float(fg.grad(app, 1)(lambda x: x**3, 3.0)) == 2.0

    def test_a_fixed_point_by_its_equation(self):
        @functools.partial(fg.custom_vjp, nondiff_argnums=(0,))
        def fixed_point(f, a, guess):
            previous, x = guess, f(a, guess)
            while fnp.abs(previous - x) > 1e-6:
                previous, x = x, f(a, x)
            return x

        def forward(f, a, guess):
            x = fixed_point(f, a, guess)
            return x, (a, x)

        def backward(f, residuals, ct):
            a, x = residuals
            _, by_a = fg.vjp(lambda a: f(a, x), a)
            _, by_x = fg.vjp(lambda x: f(a, x), x)
            u = fixed_point(lambda _, u: ct + by_x(u)[0], 0.0, ct)
            return by_a(u)[0], fnp.zeros_like(x)

        fixed_point.defvjp(forward, backward)

        def newton_sqrt(a):
            return fixed_point(lambda a, x: 0.5 * (x + a / x), a, a)

        close(newton_sqrt(2.0), 1.4142135)
        close(fg.grad(newton_sqrt)(2.0), 0.35355338)
        close(fg.grad(fg.grad(newton_sqrt))(2.0), -0.088388346)
        close(fg.vmap(fg.grad(newton_sqrt))(fnp.asarray([1.0, 2.0, 3.0])), [0.5, 0.35355338, 0.2886751])


class TestAutodiff:
    INPUTS = np.array([[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]], np.float32)
    TARGETS = np.array([True, True, False, True])

    def loss(self, w, b):
        predictions = 0.5 * (fnp.tanh((fg.asarray(self.INPUTS) @ w + b) / 2) + 1)
        probabilities = predictions * self.TARGETS + (1 - predictions) * (1 - self.TARGETS)
        return -fnp.sum(fnp.log(probabilities))

    def test_derivatives_of_tanh(self):
        close(fg.grad(fnp.tanh)(2.0), 0.070650816)
        close(fg.grad(fg.grad(fnp.tanh))(2.0), -0.13621868)
        close(fg.grad(fg.grad(fg.grad(fnp.tanh)))(2.0), 0.25265405)

    def test_logistic_regression_by_grad_and_differences(self):
        w, b = fnp.asarray([-0.7, 0.3, 0.1]), fnp.asarray(0.2)
        slope_w, slope_b = fg.grad(self.loss, (0, 1))(w, b)
        z = self.INPUTS.astype(float) @ np.asarray(w, float) + 0.2
        residual = 1 / (1 + np.exp(-z)) - self.TARGETS
        np.testing.assert_allclose(slope_w, self.INPUTS.T @ residual, rtol=1e-5)
        np.testing.assert_allclose(slope_b, residual.sum(), rtol=1e-5)
        value, both = fg.value_and_grad(self.loss, (0, 1))(w, b)
        np.testing.assert_allclose(value, self.loss(w, b))
        np.testing.assert_array_equal(both[0], slope_w)

    def test_jacobians_agree_in_both_modes(self):
        f = lambda w: 1 / (1 + fnp.exp(-(fg.asarray(self.INPUTS) @ w)))  # noqa: E731
        w = fnp.asarray([-0.7, 0.3, 0.1])
        np.testing.assert_allclose(fg.jacfwd(f)(w), fg.jacrev(f)(w), rtol=1e-6)
        h = fg.hessian(lambda w: fnp.sum(f(w)))(w)
        product = fg.hvp(lambda w: fnp.sum(f(w)), (w,), (fnp.ones(3),))[0]
        np.testing.assert_allclose(product, np.asarray(h).sum(axis=1), rtol=1e-5, atol=1e-7)

    def test_hessian_of_a_cubic_and_a_vector_hessian_product(self):
        f = lambda x: fnp.sum(x**3 / 3 - 2 * x**2)  # noqa: E731
        close(fg.hessian(f)(fnp.asarray([1.0, 2.0, 3.0])), np.diag([-2.0, 0.0, 2.0]))

    def test_complex_numbers(self):
        f = lambda z: z**2  # noqa: E731
        assert complex(fg.grad(f, holomorphic=True)(3.0 + 4.0j)) == 6 + 8j
        u = lambda x, y: x**2 - y**2  # noqa: E731
        g = fg.grad(lambda z: u(fnp.real(z), fnp.imag(z)))(3.0 + 4.0j)
        assert complex(g) == 6 + 8j  # du/dx - i du/dy

    def test_gradients_stop_and_pass_straight_through(self):
        straight = lambda x: x + fg.stop_gradient(fnp.round(x) - x)  # noqa: E731
        assert float(fg.grad(lambda x: straight(x) * 3)(1.3)) == 3.0
        value = lambda theta, state: fnp.dot(theta, state)  # noqa: E731
        theta = fnp.asarray([0.1, -0.1, 0.0])
        before, after, reward = fnp.asarray([1.0, 2.0, -1.0]), fnp.asarray([2.0, 1.0, 0.0]), 1.0

        def td_loss(theta):
            target = fg.stop_gradient(reward + value(theta, after))
            return -0.5 * (target - value(theta, before)) ** 2

        close(fg.grad(td_loss)(theta), [1.2, 2.4, -1.2])


class TestVectorization:
    def test_a_convolution_of_windows(self):
        def convolve(x, w):
            return fnp.stack([fnp.dot(x[i - 1 : i + 2], w) for i in range(1, len(x) - 1)])

        x, w = fnp.arange(5.0), fnp.asarray([2.0, 3.0, 4.0])
        close(convolve(x, w), [11.0, 20.0, 29.0])
        xs, ws = fnp.stack([x, x]), fnp.stack([w, w])
        close(fg.vmap(convolve)(xs, ws), [[11.0, 20.0, 29.0]] * 2)
        close(fg.vmap(convolve, in_axes=1, out_axes=1)(xs.T, ws.T), [[11.0] * 2, [20.0] * 2, [29.0] * 2])
        close(fg.vmap(convolve, in_axes=(0, None))(xs, w), [[11.0, 20.0, 29.0]] * 2)

    def test_per_example_gradients(self):
        x = fnp.asarray([[1.0, 2.0], [3.0, -1.0]])
        w = fnp.asarray([0.5, 0.25])
        close(fg.vmap(fg.grad(lambda w, x: fnp.dot(w, x) ** 2), (None, 0))(w, x), 2 * (x @ w)[:, None] * x)


class TestControlFlow:
    def test_python_decides_where_jax_needs_cond(self):
        def f(x):
            if x < 3:
                return 3.0 * x**2
            return -4.0 * x

        assert [float(fg.grad(f)(x)) for x in (2.0, 4.0)] == [12.0, -4.0]
        assert fg.vmap(fg.grad(f))(fnp.asarray([2.0, 4.0])).tolist() == [12.0, -4.0]

    def test_cond_while_and_fori(self):
        operand = fnp.asarray([0.0])
        assert fg.cond(True, lambda x: x + 1, lambda x: x - 1, operand).tolist() == [1.0]
        assert fg.cond(False, lambda x: x + 1, lambda x: x - 1, operand).tolist() == [-1.0]
        assert int(fg.while_loop(lambda x: x < 10, lambda x: x + 1, 0)) == 10
        assert int(fg.fori_loop(0, 10, lambda i, x: x + i, 0)) == 45

    def test_reverse_mode_through_a_loop_that_jax_refuses(self):
        def powers(x, n):
            return fg.fori_loop(0, n, lambda i, y: y * x, fnp.ones(()))

        assert float(fg.grad(powers)(2.0, fnp.asarray(5))) == 80.0

    def test_scans(self):
        last, sums = fg.scan(lambda c, x: (c + x, c + x), 0.0, fnp.asarray([5.0, 3.0, 8.0, 1.0]))
        assert float(last) == 17.0
        assert sums.tolist() == [5.0, 8.0, 16.0, 17.0]


class TestCheckpoint:
    def test_what_is_saved(self, capsys):
        def g(w, x):
            return fnp.sin(fnp.dot(w, x))

        def f(w1, w2, x):
            return g(w2, fg.checkpoint(g)(w1, x))

        w1, w2, x = fnp.ones((5, 4)), fnp.ones((6, 5)), fnp.ones(4)
        plain = lambda w1, w2, x: g(w2, g(w1, x))  # noqa: E731
        kept, all_kept = (len(fg.saved_residuals(h, w1, w2, x)) for h in (f, plain))
        assert kept < all_kept
        for a, b in zip(*(fg.jacrev(h, (0, 1, 2))(w1, w2, x) for h in (f, plain)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)

    def test_recursive_checkpointing(self):
        def chain(functions):
            if len(functions) == 1:
                return functions[0]
            half = len(functions) // 2
            first, second = chain(functions[:half]), chain(functions[half:])
            return lambda x: second(fg.checkpoint(first)(x))

        found, expected = fg.grad(chain([fnp.sin] * 8))(3.0), 1.0
        x = 3.0
        for _ in range(8):
            expected, x = expected * np.cos(x), np.sin(x)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_numbers_above_are_those_of_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    close(jax.grad(lambda x: jnp.sin(x) * 3.0)(2.0), -1.2484405)
    close(jax.grad(jax.grad(jax.grad(jnp.tanh)))(2.0), 0.25265405)
    close(jax.grad(jax.grad(jnp.sqrt))(2.0), -0.088388346)
