"""The asyncio shells around the sans-IO SIP layers."""
