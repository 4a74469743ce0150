"""PGD (Madry et al., ICLR 2018, section 2.1): x_{t+1} = P(x_t - alpha sign(grad L(x_t))), with P onto the ball around
the photo, x_0 random inside it. Arguments: epsilon, alpha (`step_size`), steps."""

from __future__ import annotations

from math import inf

from privacy_faces_noise.attack import Iterative
from privacy_faces_noise.method import GoalNoise


class PgdAttack(Iterative):
    """Steps along the gradient, from anywhere in the ball."""

    start = inf


class Pgd(GoalNoise):
    """PGD against the ensemble of surrogates."""

    attack = PgdAttack
