"""The timer values of RFC 3261 table 4, in seconds."""

T1 = 0.5
"""Estimate of the round trip; every other interval derives from it."""
T2 = 4.0
"""Longest interval between repeats of a non-INVITE request or of a response to INVITE."""
T4 = 5.0
"""How long a message may linger in the network."""
GIVE_UP = 64 * T1
"""Timers B, F, H, J, L and M."""
COMPLETED_INVITE = 32.0
"""Timer D over UDP: how long a repeated final response is acknowledged again."""
