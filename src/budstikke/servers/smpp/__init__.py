"""
The SMPP server for customers.

``listener`` takes connections, ``session`` handles one, ``requests`` answers what a
bound customer asks, ``segments`` joins long texts, and ``receivers`` sends deliver_sm
to bound customers.
"""
