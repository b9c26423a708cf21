"""
SMPP for customers: programs that bind to this gateway as to an operator.

``request`` makes an order of a submit_sm and its kind, ``statuses`` has the
command_status of each refusal, ``submission`` is what a delivery report needs of its
message, and ``settings`` are those of one system_id. ``servers.smpp`` has the
connections.
"""
