"""The optimisers of `optim.contrib` for the tests that every optimiser goes through."""

from __future__ import annotations

from funcgrad import optim, random

contrib = optim.contrib

CONTRIB = {
    "muon": contrib.muon(0.1, weight_decay=0.1),
    "muon_stack": contrib.muon(
        0.1, adam_learning_rate=0.05, preconditioning="schatten", consistent_rms=0.2, mu_dtype="float64"
    ),
    "adopt": contrib.adopt(0.1, nesterov=True),
    "prodigy": contrib.prodigy(estim_lr0=0.1, weight_decay=0.1),
    "prodigy_beta3": contrib.prodigy(beta3=0.9, estim_lr0=0.1, safeguard_warmup=True),
    "madgrad": contrib.madgrad(0.1, weight_decay=0.1),
    "dadapt_adamw": contrib.dadapt_adamw(estim_lr0=0.1, weight_decay=0.1),
    "ademamix": contrib.ademamix(0.1, b3=0.99, weight_decay=0.1),
    "simplified_ademamix": contrib.simplified_ademamix(0.1, b1=0.9, alpha=1.0),
    "sophia": contrib.sophia(0.1, gamma=1.0, update_interval=2),
    "dog": contrib.dog(init_step=("distance", 0.1), weight_decay=0.1),
    "dog_rate": contrib.dog(init_step=("learning_rate", 0.1)),
    "dowg": contrib.dowg(init_estim_sq_dist=0.1),
    "momo": contrib.momo(0.1, weight_decay=0.1),
    "momo_adapts": contrib.momo(0.1, adapt_lower_bound=True),
    "momo_adam": contrib.momo_adam(0.1, weight_decay=0.1),
    "cocob": contrib.cocob(alpha=10.0, weight_decay=0.1),
    "mechanize": contrib.mechanize(optim.sgd(0.1), s_init=0.1),
    "acprop": contrib.acprop(0.1, eps=1e-2, weight_decay=0.1),
    "galore": contrib.galore(0.1, rank=1, update_proj_gap=2, base_optimizer=optim.trace(0.9)),
    "split": contrib.split_real_and_imaginary(optim.adam(0.1)),
}
CONTRIB_BRANCHES = {"sophia", "galore"}
CONTRIB_ORDERED = {"adopt", "madgrad", "sophia", "cocob"}

PRIVATE = contrib.dpsgd(0.1, 1.0, 0.5, random.key(0), momentum=0.9)
"""Not among them, for it takes a gradient of each example."""
