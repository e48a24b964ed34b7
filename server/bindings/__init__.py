"""Which event has which effect, as readable tables."""
