"""The sans-IO matcher of waiting work and agents."""
