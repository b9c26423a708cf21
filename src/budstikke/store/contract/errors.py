"""What the verbs of a store raise when they cannot be carried out."""


class StoreUnavailable(Exception):  # noqa: N818 - a state of affairs, not our error
    """Nothing can be stored now (disk full, database away); nothing was changed."""


class StoreDamaged(StoreUnavailable):
    """Stored data cannot be read (a corrupt page); nothing was changed."""
