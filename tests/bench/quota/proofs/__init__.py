"""The proofs. Each has a NAME, and run(settings), which yields its rows."""

from proofs import consistency, flush, kill, neighbour, overshoot, plans, restart

BY_NAME = {proof.NAME: proof for proof in (overshoot, consistency, neighbour, restart, flush, kill, plans)}
