"""One provider for each channel that has one."""


class UnsupportedChannel(Exception):
    """Nobody sends on this channel."""


def provider_for(channel):
    """The provider of CHANNEL; raises UnsupportedChannel."""
    if channel == "email":
        from .email import EmailProvider
        return EmailProvider()
    if channel in ("sms", "whatsapp", "push"):
        raise UnsupportedChannel(f"Provider for channel '{channel}' is not implemented yet.")
    raise UnsupportedChannel(f"Unsupported channel: {channel}")
