"""What a server's time goes to, by purpose: call stacks are sampled by perf, and each sample belongs
to the first function of a list that is met on the way in from main. Of OpenSSL they are mostly
functions that it exports; a few of its own are known only where its debug symbols are (Debian:
libssl3-dbgsym), and without them some of key exchange and key schedule counts as all else of TLS.
Of countersign they are those of its own handshake, the inlined ones too, which it takes the debug
information for that a release is built with."""
import re
import shutil
import signal
import subprocess

HERTZ = 997  # odd against what a loop does at regular times
STACK_OCTETS = 16384  # deep enough to reach main from within a signature

# (part, functions of OpenSSL, functions of countersign); a name that ends with _ is the beginning of
# many. What calls others comes before them on a stack, so a ticket's copy of the certificate is the
# ticket's, and a signature in a chain is the chain's.
PARTS = (
    ("tickets made or read", ("i2d_SSL_SESSION", "d2i_SSL_SESSION"),
     ("psk_", "session_store_", "server_flight_write_ticket")),
    ("certificate chain verified", ("X509_verify_cert",), ("verify_chain",)),
    ("client's certificate read", ("d2i_X509", "ASN1_item_d2i_ex", "ASN1_item_d2i"), ("decoded_",)),
    ("client's signature verified", (
        "EVP_DigestVerifyInit", "EVP_DigestVerifyInit_ex", "EVP_DigestVerifyFinal",
        "EVP_DigestVerify"), ("proof_holds",)),
    ("own signature", (
        "EVP_DigestSignInit", "EVP_DigestSignInit_ex", "EVP_DigestSignFinal", "EVP_DigestSign"),
     ("proof_sign",)),
    ("key exchange", (
        "EVP_PKEY_generate", "EVP_PKEY_keygen", "EVP_PKEY_derive", "EVP_PKEY_derive_set_peer_ex",
        "EVP_PKEY_set1_encoded_public_key", "ecx_derive", "ecdh_derive", "ssl_derive",
        "ssl_generate_pkey", "ssl_generate_pkey_group", "ssl_generate_param_group"),
     ("key_share_",)),
    ("key schedule, Finished", (
        "EVP_KDF_fetch", "EVP_KDF_CTX_new", "EVP_KDF_derive", "EVP_KDF_CTX_free", "EVP_Q_mac",
        "kdf_tls1_3_derive", "tls13_setup_key_block", "tls13_change_cipher_state",
        "tls13_generate_secret", "tls13_generate_master_secret", "tls13_final_finish_mac",
        "tls1_PRF", "tls1_change_cipher_state"), ("schedule_", "hkdf_")),
)
# What else of countersign is TLS's, as whatever passes through libssl is.
OWN_TLS = ("handshake_", "server_flight_", "client_hello_", "proof_")
TLS, KERNEL, ELSE = "all else of TLS", "kernel", "all else: connection, request, log line"
UNKNOWN = "not told: the stack could not be followed"
ORDER = (*(part for part, _, _ in PARTS), TLS, KERNEL, ELSE, UNKNOWN)
PART_OF = {function: part for part, functions, _ in PARTS for function in functions}
OWN_PART_OF = {function: part for part, _, functions in PARTS for function in functions}
INLINED = "inlined"
FRAME = re.compile(r"^\s+([0-9a-f]+) (\S+).*? \(([^()]*)\)$")


def can_be_told():
    return shutil.which("perf") is not None


def record(file, pids, run):
    """Sample these processes into a file while run() goes."""
    recorder = subprocess.Popen(
        ["perf", "record", "-q", "-F", str(HERTZ), "--call-graph", f"dwarf,{STACK_OCTETS}",
         "-o", str(file), "-p", ",".join(map(str, pids))],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        run()
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait()


def with_programs(stack):
    """(function, where it is) from main to the innermost: an inlined function is where it was
    inlined, and none has the endings that a compiler gives to copies."""
    where = ""
    for _, function, library in reversed(stack):
        where = where if library == INLINED else library
        yield function.partition(".")[0], where


def is_program(where):
    return "/" in where and ".so" not in where


def named(function, names):
    """That of the names which the function has or begins with."""
    return next((name for name in names
                 if function == name or (name.endswith("_") and function.startswith(name))), None)


def part_of(stack):
    """The part that a stack belongs to: (address, function, library) from the innermost to main."""
    if int(stack[0][0], 16) >= 1 << 63:
        return KERNEL
    frames = list(with_programs(stack))
    for function, where in frames:
        if function in PART_OF:
            return PART_OF[function]
        own = is_program(where) and named(function, OWN_PART_OF)
        if own:
            return OWN_PART_OF[own]
    if any("/libssl.so" in where or (is_program(where) and named(function, OWN_TLS))
           for function, where in frames):
        return TLS
    return ELSE if any(is_program(where) for _, where in frames) else UNKNOWN


def stacks(text):
    """Of perf's script, samples parted by empty lines: lists of (address, function, library)."""
    stack = []
    for line in [*text.splitlines(), ""]:
        frame = FRAME.match(line)
        if frame:
            stack.append(frame.groups())
        elif stack:
            yield stack
            stack = []


def shares(text):
    """Share of each part in all samples, those in the order of PARTS that have any; empty where
    nothing was sampled."""
    counted = {}
    for stack in stacks(text):
        part = part_of(stack)
        counted[part] = counted.get(part, 0) + 1
    samples = sum(counted.values())
    return {part: counted[part] / samples for part in ORDER if part in counted}


def report(*arguments):
    return subprocess.run(["perf", *map(str, arguments)], capture_output=True, text=True,
                          check=False).stdout


def of_file(file):
    """Shares by purpose of what was recorded, and perf's own table of functions as text."""
    by_function = report("report", "-i", file, "--stdio", "--no-children", "-g", "none", "--sort",
                         "dso,symbol", "--percent-limit", "0.4")
    return shares(report("script", "-i", file, "-F", "ip,sym,dso")), by_function
