"""
The SMPP server for customers.

``listener`` takes connections, ``session`` handles one, ``bind`` checks logins,
``submit`` takes a session's requests, and ``receivers`` sends deliver_sm to bound
customers.
"""
