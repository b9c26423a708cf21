"""Bind leases of a database with one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class BindLeases:
    """The bind leases; see ``store.contract.NodeStore``. There is no other node."""

    async def bind(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """Return all carriers."""
        del now
        return {carrier_id for carrier_id, _, _ in carriers}

    async def unbind(self, carrier_ids: Sequence[int]) -> None:
        """Do nothing: no other node wants them."""

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Return none."""
        del now
        return set()
