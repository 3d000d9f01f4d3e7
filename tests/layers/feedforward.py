"""Networks on the last axis, and low-rank additions."""

from __future__ import annotations

from typing import Any

from funcgrad import layers

from . import Row, Settings


def _mlp(torch: Any, s: Settings) -> Any:
    class Twin(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            pairs = zip(s["sizes"][:-1], s["sizes"][1:], strict=True)
            self.layers = torch.nn.ModuleList(torch.nn.Linear(n, m, s.get("bias", True)) for n, m in pairs)

        def forward(self, x: Any) -> Any:
            for linear in self.layers[:-1]:
                x = torch.relu(linear(x))
            return torch.sigmoid(self.layers[-1](x)) if "last_activation" in s else self.layers[-1](x)

    return Twin()


def _gated(name: str) -> Any:
    def twin(torch: Any, s: Settings) -> Any:
        function = torch.nn.functional.silu if name == "SwiGLU" else torch.nn.functional.gelu

        class Twin(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                bias, out = s.get("bias", False), s.get("out_features") or 4
                self.gate_proj = torch.nn.Linear(4, s["hidden_features"], bias)
                self.up_proj = torch.nn.Linear(4, s["hidden_features"], bias)
                self.down_proj = torch.nn.Linear(s["hidden_features"], out, bias)

            def forward(self, x: Any) -> Any:
                return self.down_proj(function(self.gate_proj(x)) * self.up_proj(x))

        return Twin()

    return twin


def _lora(torch: Any, s: Settings) -> Any:
    class Twin(torch.nn.Linear):
        def __init__(self) -> None:
            super().__init__(3, 4, s.get("bias", True))
            self.lora_A = torch.nn.Parameter(torch.zeros(s["rank"], 3))
            self.lora_B = torch.nn.Parameter(torch.zeros(4, s["rank"]))

        def forward(self, x: Any) -> Any:
            scale = s.get("alpha", s["rank"]) / s["rank"]
            return super().forward(x) + scale * x @ self.lora_A.T @ self.lora_B.T

    return Twin()


def _mixture(torch: Any, s: Settings) -> Any:
    class Twin(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = torch.nn.Linear(3, len(s["experts"]), bias=False)
            self.experts = torch.nn.ModuleList(torch.nn.Linear(3, 2) for _ in s["experts"])

        def forward(self, x: Any) -> Any:
            weights, chosen = self.gate(x).softmax(-1).topk(s["top_k"])
            if s.get("normalize", True):
                weights = weights / weights.sum(-1, keepdim=True)
            every = torch.stack([expert(x) for expert in self.experts], -2)
            index = chosen[..., None].expand(*chosen.shape, 2)
            return (weights[..., None] * every.gather(-2, index)).sum(-2)

    return Twin()


ROWS = [
    Row(
        "MLP",
        lambda s: ((4, 3),),
        examples=(
            {"sizes": (3, 5, 4, 2), "dropout": 0.2},
            {"sizes": (3, 2), "bias": False, "last_activation": layers.sigmoid},
        ),
        torch=_mlp,
        random=True,
        wrong=(4, 2),
        kinks=True,
    ),
    *[
        Row(
            name,
            lambda s: ((5, 4),),
            examples=(
                {"in_features": 4, "hidden_features": 3} | extra,
                {"in_features": 4, "hidden_features": 2, "out_features": 3, "bias": True} | extra,
            ),
            torch=_gated(name),
            wrong=(5, 3),
        )
        for name, extra in (("SwiGLU", {}), ("GEGLU", {"approximate": False}))
    ],
    Row(
        "LoRALinear",
        lambda s: ((5, 3),),
        examples=(
            {"in_features": 3, "out_features": 4, "rank": 2, "alpha": 6.0, "dropout": 0.3},
            {"in_features": 3, "out_features": 4, "rank": 1, "bias": False},
        ),
        torch=_lora,
        random=True,
        wrong=(5, 2),
    ),
    Row(
        "LoRA",
        lambda s: ((2, 5, 4),),
        examples=(
            {"inner": layers.Linear(4, 3), "rank": 2, "alpha": 3.0, "dropout": 0.2},
            {"inner": layers.MultiheadAttention(4, 2, batch_first=True), "rank": 1, "weight": "in_proj_weight"},
        ),
        torch=None,
        wrong=(2, 5, 3),
        why="PyTorch has none: tests/test_lora.py says what is right",
    ),
    Row(
        "MoE",
        lambda s: ((2, 5, 3),),
        examples=(
            {
                "in_features": 3,
                "experts": (layers.Linear(3, 2),) * 4,
                "top_k": 2,
                "gate": layers.Linear(3, 4, bias=False),
            },
            {
                "in_features": 3,
                "experts": (layers.Linear(3, 2),) * 3,
                "top_k": 1,
                "gate": layers.Linear(3, 3, False),
                "normalize": False,
                "capacity_factor": 2.9,
            },
        ),
        torch=_mixture,
        wrong=(2, 5, 2),
        batch=None,
        why="the room that an expert has is the batch's",
    ),
]
