"""A throwaway certificate authority, and certificates with every fault."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
import ssl

import trustme


class Certificate(StrEnum):
    """What the server shows."""

    VALID = "valid"
    WRONG_NAME = "wrong_name"
    EXPIRED = "expired"
    UNTRUSTED = "untrusted"


class Certificates:
    """One authority to trust, and a TLS context for each kind of certificate."""

    def __init__(self) -> None:
        """Make the authorities and the certificates, which takes a moment."""
        trusted, other = trustme.CA(), trustme.CA()
        names = ("127.0.0.1", "localhost", "smtp.qq.com")
        self.ca_pem = trusted.cert_pem.bytes()
        self.contexts = {
            kind: _context(certificate)
            for kind, certificate in {
                Certificate.VALID: trusted.issue_cert(*names),
                Certificate.WRONG_NAME: trusted.issue_cert("smtp.example.com"),
                Certificate.EXPIRED: trusted.issue_cert(
                    *names, not_after=datetime.now(UTC) - timedelta(days=1)
                ),
                Certificate.UNTRUSTED: other.issue_cert(*names),
            }.items()
        }

    def write_ca(self, path: Path) -> None:
        """Write the authority's certificate, for REQUESTS_CA_BUNDLE."""
        path.write_bytes(self.ca_pem)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
