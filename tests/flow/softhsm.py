"""Tokens of SoftHSM, and how OpenSSL gets at them."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pki import key_pem

PIN = "2468"

MODULES = [Path("/usr/lib/softhsm/libsofthsm2.so"),
           Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
           Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so")]


def bridge():
    """How OpenSSL gets at PKCS#11 on this machine, or None."""
    found = subprocess.run(["openssl", "version", "-e", "-m"], capture_output=True, text=True,
                           check=False).stdout
    for line in found.splitlines():
        directory = Path(line.split('"')[1]) if '"' in line else None
        for file in ("pkcs11.so", "libpkcs11.so"):
            if directory and (directory / file).exists():
                return directory / file
    return None


class Token:
    """A token of SoftHSM in a directory of the test's own."""

    def __init__(self, directory):
        module = next((m for m in MODULES if m.exists()), None)
        if module is None or shutil.which("softhsm2-util") is None:
            pytest.skip("SoftHSM is not installed (package softhsm2)")
        if bridge() is None:
            pytest.skip("OpenSSL has no bridge to PKCS#11 (package pkcs11-provider or "
                        "libengine-pkcs11-openssl)")
        self.dir = directory / "hsm"
        (self.dir / "tokens").mkdir(parents=True)
        self.module = module
        conf = self.dir / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.dir}/tokens\nobjectstore.backend = file\n"
                        "log.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(conf), "PKCS11_PROVIDER_MODULE": str(module)}
        self.make("web", PIN)

    def util(self, *arguments):
        subprocess.run(["softhsm2-util", "--module", str(self.module), *arguments], check=True,
                       capture_output=True, env={**os.environ, **self.environment})

    def make(self, label, pin):
        self.util("--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "13579")

    def put(self, key, label, number="01", token="web", pin=PIN):
        path = self.dir / "import.pem"
        path.write_bytes(key_pem(key))
        self.util("--import", str(path), "--token", token, "--label", label, "--id", number,
                  "--pin", pin)
        path.unlink()

    def uri(self, label, token="web"):
        return f"pkcs11:token={token};object={label};type=private?module-path={self.module}"
