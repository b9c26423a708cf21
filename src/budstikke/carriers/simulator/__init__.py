"""
The simulator: a carrier whose operator and phones live in this process.

``phones`` holds what phones got, ``fates`` says what becomes of a message by the last
four digits of its recipient, ``centre`` is the operator that plays it, ``carrier``
offers it to the gateway as any other link, and ``listener`` to anyone over SMPP.
"""
