"""One synthetic person who signs: a stable hand, genuine signatures of it, and skilled forgeries by others."""
import dataclasses

import numpy as np

from models.signatures.hand import Hand, draw_hand, draw_pen
from models.signatures.motion import Manner, move, vary
from models.signatures.plan import Plan, make_plan
from models.signatures.render import render

HEIGHT = 160          # pixels, when neither height nor width is asked for
FORGERS = 3           # strangers who copy a writer; forgery k is by stranger k % FORGERS
OTHER_PEN = 0.25      # share of signatures, genuine and forged alike, that are not written with the usual pen


class SignatureWriter:
    """Signatures of writer `seed`; picture k is always the same, whatever was drawn before and in which process.

    `text` makes the writer sign that name; without it the writer has a name, or a sign, of its own.
    """

    def __init__(self, seed: int, text: str | None = None):
        if seed < 0:
            raise ValueError(f"seed is {seed}, 0 and up are allowed")
        self.seed = int(seed)
        self.hand = draw_hand(np.random.default_rng([self.seed, 0]), text)
        self.plan = make_plan(self.hand)

    def genuine(self, k: int, height: int | None = None, width: int | None = None) -> np.ndarray:
        """The k-th genuine signature, uint8 [h, w], 255 = paper; `height` or `width` in pixels, or both to fit in."""
        random = self._random(1, k)
        return self._sign(self.plan, self.hand, Manner(), random, height, width)

    def forgery(self, k: int, height: int | None = None, width: int | None = None) -> np.ndarray:
        """The k-th skilled forgery: the right letters by a stranger who draws slowly, in their own proportions."""
        stranger = np.random.default_rng([self.seed, 3, k % FORGERS])
        hand, plan, manner = _mistaken(self.hand, self.plan, stranger)
        return self._sign(plan, hand, manner, self._random(2, k), height, width)

    def _random(self, kind: int, k: int) -> np.random.Generator:
        if k < 0:
            raise ValueError(f"signature {k} is asked for, 0 and up exist")
        return np.random.default_rng([self.seed, kind, int(k)])

    def _sign(self, plan: Plan, hand: Hand, manner: Manner, random, height, width) -> np.ndarray:
        # Pens are drawn alike for both kinds: ink must not tell a forgery from a genuine signature.
        pen = draw_pen(random) if random.random() < OTHER_PEN else self.hand.pen
        points = vary(plan, hand, manner, random)
        path = move(points, plan.stroke, hand, manner, random)
        return render(path, pen, height or (None if width else HEIGHT), width, random)


def _mistaken(hand: Hand, plan: Plan, stranger) -> tuple[Hand, Plan, Manner]:
    """How one stranger sees and writes it: other proportions and slant, moved letters, slow and unsure movement."""
    skill = stranger.uniform(0.0, 1.0)
    wrong = 1.0 - 0.6 * skill
    letters = len(plan.origin)
    size = np.concatenate([np.maximum(0.5, 1 + stranger.normal(0, 0.21 * wrong, (letters, 2))), [[1.0, 1.0]]])
    moved = np.concatenate([np.cumsum(stranger.normal(0.03, 0.24 * wrong, (letters, 1)), axis=0), [[0.0]]])
    origin = np.concatenate([plan.origin, [[0.0, 0.0]]])[plan.letter]
    points = origin + (plan.points - origin) * size[plan.letter] + np.pad(moved, ((0, 0), (0, 1)))[plan.letter]
    points = points * np.maximum(0.5, 1 + stranger.normal(0, 0.22 * wrong, 2))
    points += stranger.normal(0, 0.09 * wrong, points.shape)
    theirs = dataclasses.replace(
        hand, slant=hand.slant + stranger.normal(-0.06, 0.27 * wrong),
        slope=hand.slope + stranger.normal(0, 0.09 * wrong),
        x_height=hand.x_height * (1 + stranger.normal(0.0, 0.15 * wrong)), arch=hand.arch + stranger.normal(0, 0.008),
        unsteady=stranger.uniform(0.8, 1.5), haste=max(0.01, 0.5 * hand.haste + 0.2 * stranger.uniform(0.02, 0.12)))
    manner = Manner(haste=0.8, letters=0.09, places=0.09, points=0.06, slant=0.07, scale=0.08,
                    tremor=stranger.uniform(0.015, 0.05) * (0.5 + wrong), stops=stranger.uniform(0.5, 4.0),
                    lifts=stranger.uniform(0.0, 2.0), taper=0.25, flow=0.45)
    return theirs, dataclasses.replace(plan, points=points), manner
