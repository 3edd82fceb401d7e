"""Sockets, TLS and HTTP: who may connect, before anything is known of what they want."""

__all__ = ["callers", "free_addresses", "http_server", "listening", "places", "tls"]
