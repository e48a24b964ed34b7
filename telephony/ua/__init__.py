"""The SIP user agent: legs over dialogs over transactions, without sockets."""
