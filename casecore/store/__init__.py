"""One module per aggregate: its SQL and its row dataclass."""
