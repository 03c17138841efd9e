# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nkeys, JWTs and certificates, made anew for each test run: nothing here opens anything else."""

from __future__ import annotations

import base64
import binascii
import datetime
import ipaddress
import json
import os
import time
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Json = dict[str, Any]


def seed(kind: int = nkeys.PREFIX_BYTE_USER) -> str:
    """A fresh seed, of a user if nothing else is said."""
    data = bytes([nkeys.PREFIX_BYTE_SEED | kind >> 5, (kind & 31) << 3]) + os.urandom(32)
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


class Key:
    """A pair of keys, by its ``seed`` and what it is known by to others, ``public``."""

    def __init__(self, kind: int = nkeys.PREFIX_BYTE_USER) -> None:
        self.seed = seed(kind)
        self._pair = nkeys.from_seed(bytearray(self.seed.encode()))
        self.public = self._pair.public_key.decode()

    def jwt(self, subject: Key, name: str, claims: Json) -> str:
        """A JWT about the subject, signed with this key."""
        payload = {"iat": int(time.time()), "iss": self.public, "name": name, "sub": subject.public, "jti": name}
        parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, {**payload, "nats": {"version": 2, **claims}}]
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64(self._pair.sign(text.encode()))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Operator:
    """An operator with an account that has JetStream. ``config`` is what a server needs to know of them."""

    def __init__(self) -> None:
        operator, system = Key(nkeys.PREFIX_BYTE_OPERATOR), Key(nkeys.PREFIX_BYTE_ACCOUNT)
        self.account = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        limits = dict.fromkeys(["subs", "data", "payload", "imports", "exports", "conn", "leaf"], -1)
        storage = dict.fromkeys(["mem_storage", "disk_storage", "streams", "consumer"], -1)
        about: Json = {"type": "account", "limits": {**limits, "wildcards": True}}
        accounts = {
            system.public: operator.jwt(system, "SYS", about),
            self.account.public: operator.jwt(self.account, "A", {**about, "limits": {**about["limits"], **storage}}),
        }
        preload = ", ".join(f'{public}: "{jwt}"' for public, jwt in accounts.items())
        self.config = (
            f'operator: "{operator.jwt(operator, "O", {"type": "operator"})}"\nsystem_account: {system.public}\n'
            f"resolver: MEMORY\nresolver_preload: {{ {preload} }}\n"
        )

    def user(self, name: str, bearer: bool = False) -> tuple[str, str]:
        """The JWT and the seed of a new user."""
        key = Key()
        limits = {"subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}}
        return self.account.jwt(key, name, {"type": "user", "bearer_token": bearer, **limits}), key.seed


class Authority:
    """Signs certificates, which are in ``folder``: its own, ``ca.pem``, and those of ``issue``."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.path = folder / f"{name}.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self._write(self.path, self._signed(self._name, self._key, []))

    def issue(self, name: str, hosts: tuple[str, ...] = ()) -> tuple[str, str]:
        """The paths of a certificate and its key, for hosts by their names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, path = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        self._write(certificate, self._signed(_name(name), key, [_host(host) for host in hosts]))
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return str(certificate), str(path)

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, hosts: list[x509.GeneralName]
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        authority = name == self._name
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False),
                critical=True,
            )
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    @staticmethod
    def _write(path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
