"""
Workers: processes that answer HTTP requests for the gateway.

A worker reads requests, authenticates, parses, stages and answers. The gateway's own
process keeps what there is one of: the store, the binds to operators, the limits that
hold for all. Each side has one end of a ``line``.
"""
