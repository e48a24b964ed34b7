"""Sans-IO SIP: messages, transactions, dialogs, digest, SDP."""
