"""Voice in and out: SIP, registrar, trunks, calls."""
