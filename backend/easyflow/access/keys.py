"""The API key: one secret shared by everybody who may do everything."""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr


class ApiKey:
    """Tells the right key from others in a time that says nothing about it; its repr shows nothing."""

    __slots__ = ("_digest", "_secret")

    def __init__(self, secret: str) -> None:
        """Hold `secret`."""
        self._secret = secret.encode()
        self._digest = hashlib.sha256(self._secret).digest()

    @classmethod
    def of(cls, setting: SecretStr | None) -> ApiKey | None:
        """Return the key that is set, None when none is."""
        return None if setting is None else cls(setting.get_secret_value())

    def matches(self, offered: str) -> bool:
        """Whether this is the key; digests are compared, so its length does not show either."""
        return hmac.compare_digest(hashlib.sha256(offered.encode(errors="surrogatepass")).digest(), self._digest)

    def derived(self, label: str) -> bytes:
        """Return a key for one other use, 32 bytes; it dies with this key and does not reveal it."""
        return hmac.digest(self._secret, label.encode(), "sha256")
