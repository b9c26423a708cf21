"""
The simulator: a carrier whose operator and phones are in this process.

``phones`` keeps what phones received; ``fates`` decides by the last four digits of the
recipient how a message ends; ``message_centre`` is the operator that plays that;
``carrier`` connects the gateway to it, and ``listener`` anyone by SMPP.
"""
