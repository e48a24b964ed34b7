"""What the programs of the set-up say when they fail, and what a person can do about it."""

TROUBLES = (
    # The first that fits is told.
    (
        r"No space left|no space left|Disk quota exceeded",
        "the disk is full; make room and run this again",
    ),
    (
        r"SSLError|certificate verif|invalid peer certificate|CERT_IN_CHAIN|LOCALLY"
        r"|CERT_HAS_EXPIRED|ERR_TLS_CERT",
        "a server's certificate is not trusted here; if a proxy of your organisation signs them, "
        "install its authority with update-ca-certificates and run this again",
    ),
    (
        r"Temporary failure|Could not resolve|Could not connect|[Uu]nable to connect"
        r"|failed to lookup address|Name or service not known|Network is unreachable"
        r"|Failed to establish a new connection|error trying to connect|tcp connect error"
        r"|No route to host|[Cc]onnection (refused|reset|failed)|ProxyError|timed out"
        r"|error sending request|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET",
        "the network does not answer; connect this machine, or name its proxy in https_proxy and "
        "http_proxy, and run this again",
    ),
)
