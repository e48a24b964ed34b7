"""Legs to browsers: ICE, DTLS, what joins them to secure media, and how a session is described."""
