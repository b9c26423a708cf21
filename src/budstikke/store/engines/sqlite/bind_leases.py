"""Leases of binds to operators, where one process has the database to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class BindLeases:
    """The leases of ``store.contract.NodeStore``: there is no other node."""

    async def bind(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """Hold all of them."""
        del now
        return {carrier_id for carrier_id, _, _ in carriers}

    async def unbind(self, carrier_ids: Sequence[int]) -> None:
        """Forget nothing: nobody else wants them."""

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Find none."""
        del now
        return set()
