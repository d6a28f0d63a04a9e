"""A certificate authority for the tests, made anew for each run."""
import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import (AuthorityInformationAccessOID, ExtendedKeyUsageOID,
                                   NameOID)

NOW = datetime.datetime.utcnow().replace(microsecond=0)
DAY = datetime.timedelta(days=1)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key, passphrase=None):
    encryption = (serialization.BestAvailableEncryption(passphrase) if passphrase
                  else serialization.NoEncryption())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             encryption)


def cert_pem(*certs):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certs)


def name(*attributes):
    """A subject of (oid, value) pairs, or of (oid, value, ASN.1 type) triples; a list is one RDN."""
    rdns = []
    for entry in attributes:
        group = entry if isinstance(entry, list) else [entry]
        rdns.append(x509.RelativeDistinguishedName(
            [x509.NameAttribute(a[0], a[1], *( [a[2]] if len(a) > 2 else []), _validate=False)
             for a in group]))
    return x509.Name(rdns)


class Authority:
    """A CA: its key, its certificate, and what it signs."""

    def __init__(self, common_name="Test CA", issuer=None, path_length=None,
                 not_after=NOW + 3650 * DAY):
        self.key = new_key()
        subject = name((NameOID.COMMON_NAME, common_name))
        signer = issuer or self
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(subject if issuer is None else issuer.cert.subject)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(NOW - DAY).not_valid_after(not_after)
                   .add_extension(x509.BasicConstraints(True, path_length), True)
                   .add_extension(x509.KeyUsage(False, False, False, False, False, True, True,
                                                False, False), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()),
                                  False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       signer.key.public_key()), False))
        self.cert = builder.sign(signer.key, hashes.SHA256())

    def leaf(self, subject, key=None, usage=ExtendedKeyUsageOID.CLIENT_AUTH, san=None,
             not_before=NOW - DAY, not_after=NOW + 365 * DAY, is_ca=False, serial=None,
             issuer_name=None, responder=None):
        key = key or new_key()
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(issuer_name or self.cert.subject)
                   .public_key(key.public_key())
                   .serial_number(serial or x509.random_serial_number())
                   .not_valid_before(not_before).not_valid_after(not_after)
                   .add_extension(x509.BasicConstraints(is_ca, None), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       self.key.public_key()), False))
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if san:
            builder = builder.add_extension(x509.SubjectAlternativeName(san), False)
        if responder:
            builder = builder.add_extension(x509.AuthorityInformationAccess([
                x509.AccessDescription(AuthorityInformationAccessOID.OCSP,
                                       x509.UniformResourceIdentifier(responder))]), False)
        return builder.sign(self.key, hashes.SHA256()), key

    def crl(self, *revoked, last=NOW - DAY, following=NOW + 30 * DAY):
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.cert.subject)
                   .last_update(last).next_update(following)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       self.key.public_key()), False)
                   .add_extension(x509.CRLNumber(1), False))
        for cert in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(cert.serial_number)
                .revocation_date(last).build())
        return builder.sign(self.key, hashes.SHA256())


def tlv(tag, body):
    """A DER value."""
    n = len(body)
    octets = n.to_bytes((n.bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (octets if n < 128 else bytes([128 | len(octets)]) + octets) + body


def long_crl(authority, count, *revoked, following=NOW + 30 * DAY):
    """DER of a CRL with count made-up serials of 20 octets before those of revoked. Put together by
    hand: a builder would take minutes."""
    when = tlv(0x17, b"260101000000Z")
    noise = os.urandom(20 * count)
    entries = [b"\x30\x25\x02\x14" + bytes([noise[i] & 0x3f | 0x40]) + noise[i + 1:i + 20] + when
               for i in range(0, 20 * count, 20)]
    for cert in revoked:
        serial = cert.serial_number
        entries.append(tlv(0x30, tlv(2, serial.to_bytes(serial.bit_length() // 8 + 1, "big")) + when))
    if isinstance(authority.key, rsa.RSAPrivateKey):
        algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")  # sha256WithRSAEncryption
        how = (padding.PKCS1v15(), hashes.SHA256())
    else:
        algorithm = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256
        how = (ec.ECDSA(hashes.SHA256()),)
    tbs = tlv(0x30, tlv(2, b"\1") + algorithm + authority.cert.subject.public_bytes() + when
              + tlv(0x17, following.strftime("%y%m%d%H%M%SZ").encode())
              + tlv(0x30, b"".join(entries)))
    signature = authority.key.sign(tbs, *how)
    return tlv(0x30, tbs + algorithm + tlv(3, b"\0" + signature))


def crl_pem(crl):
    return crl.public_bytes(serialization.Encoding.PEM)


class Pki:
    """Files for a run: one CA, a server certificate, alice and bob, and a few that must fail."""

    def __init__(self, directory):
        self.dir = Path(directory)
        self.dir.mkdir(exist_ok=True)
        self.ca = Authority()
        self.write("ca.crt", cert_pem(self.ca.cert))
        self.server("server", "localhost", "127.0.0.1")
        for user in ("alice", "bob", "carol"):
            self.client(user, self.subject(f"{user}@example.com"))
        self.write("empty.crl", crl_pem(self.ca.crl()))

    @staticmethod
    def subject(user):
        return name((NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, user))

    def write(self, file, data, mode=0o600):
        path = self.dir / file
        path.write_bytes(data)
        path.chmod(mode)
        return path

    def server(self, stem, *names, authority=None, **options):
        san = []
        for entry in names:
            try:
                san.append(x509.IPAddress(ipaddress.ip_address(entry)))
            except ValueError:
                san.append(x509.DNSName(entry))
        cert, key = (authority or self.ca).leaf(
            name((NameOID.COMMON_NAME, names[0])), usage=ExtendedKeyUsageOID.SERVER_AUTH, san=san,
            **options)
        self.write(f"{stem}.crt", cert_pem(cert))
        self.write(f"{stem}.key", key_pem(key))
        return cert

    def client(self, stem, subject, authority=None, chain=(), **options):
        cert, key = (authority or self.ca).leaf(subject, **options)
        self.write(f"{stem}.crt", cert_pem(cert, *chain))
        self.write(f"{stem}.key", key_pem(key))
        return cert

    def pair(self, stem):
        return str(self.dir / f"{stem}.crt"), str(self.dir / f"{stem}.key")

    def load(self, stem):
        return x509.load_pem_x509_certificate((self.dir / f"{stem}.crt").read_bytes())
