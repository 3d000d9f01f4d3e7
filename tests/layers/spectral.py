"""Convolution by the spectrum of its window, against the same in PyTorch's transforms."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from . import Row, Settings


def _twin(rank: int) -> Any:
    def twin(torch: Any, s: Settings) -> Any:
        class Spectral(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                modes = (s["modes"],) * rank if isinstance(s["modes"], int) else s["modes"]
                shape = (*(2 * m for m in modes[:-1]), modes[-1], s["in_channels"], s["out_channels"], 2)
                self.weight = torch.nn.Parameter(torch.empty(shape))

            def forward(self, x: Any) -> Any:
                axes, kept = tuple(range(2, rank + 2)), self.weight.shape[:rank]
                seen = torch.fft.rfftn(x, dim=axes)
                out = torch.zeros((x.shape[0], s["out_channels"], *seen.shape[2:]), dtype=seen.dtype)
                r = torch.view_as_complex(self.weight)
                for at in torch.cartesian_prod(*[torch.arange(k) for k in kept]).reshape(-1, rank).tolist():
                    place = [i if k == rank - 1 or i < kept[k] // 2 else i - kept[k] for k, i in enumerate(at)]
                    out[(..., *place)] = seen[(..., *place)] @ r[tuple(at)]
                return torch.fft.irfftn(out, s=x.shape[2:], dim=axes)

        return Spectral()

    return twin


def _spectral(rank: int) -> Row:
    modes, channels = st.integers(1, 2), st.integers(1, 3)
    return Row(
        f"SpectralConv{rank}d",
        lambda s: ((2, s["in_channels"], *(4, 5, 4)[:rank]),),
        examples=({"in_channels": 2, "out_channels": 3, "modes": 2},),
        settings=st.fixed_dictionaries(
            {
                "in_channels": channels,
                "out_channels": channels,
                "modes": st.one_of(modes, st.tuples(*[modes] * rank)),
            }
        ),
        torch=_twin(rank),
        spatial=rank,
        wrong=(2, 3, *(4,) * rank),
    )


ROWS = [_spectral(rank) for rank in (1, 2, 3)]
