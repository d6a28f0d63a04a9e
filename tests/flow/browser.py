"""Chromium as people use it: with a certificate in its store, and driven by chromedriver.

Chromium takes the choice of a certificate without asking from a policy alone, and policies from /etc
alone: chromedriver runs in a name space of its own, where a directory of the test stands there."""
import json
import os
import shutil
import subprocess
import urllib.parse
from pathlib import Path

from proxy import LIMIT_S, free_port, wait_until

AXE = Path(__file__).resolve().parents[1] / "browser/node_modules/axe-core/axe.min.js"
PROGRAMS = {"chromium": "chromium", "chromedriver": "chromium-driver", "certutil": "libnss3-tools",
            "pk12util": "libnss3-tools", "unshare": "util-linux"}
POLICIES = "/etc/chromium"


def lacking():
    """What is missing for tests in a browser, in words; None: nothing."""
    for program, package in PROGRAMS.items():
        if not shutil.which(program):
            return f"not installed: {program} (package {package})"
    if not Path("/usr/lib/python3/dist-packages/selenium").is_dir():
        return "not installed: selenium (package python3-selenium)"
    if not AXE.exists():
        return "not installed: axe-core (deploy/install-packages test, which takes npm)"
    if subprocess.run([*name_space(), "true"], capture_output=True, check=False).returncode != 0:
        return "no name spaces here, in which Chromium could have a policy (unshare)"
    if not Path(POLICIES).is_dir():
        return f"no {POLICIES} for a policy to stand in"
    return None


def name_space():
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *root, "--mount", "--propagation", "private"]


def run(*command, **options):
    subprocess.run([str(c) for c in command], check=True, capture_output=True, timeout=LIMIT_S,
                   **options)


class Chromium:
    """One browser of one user; its home is directory. certificate: a PEM file with the key beside
    it, or a PKCS#12 file with its password; None: it has none."""

    def __init__(self, directory, origin, ca, certificate=None, password="secret"):
        self.dir, self.origin = Path(directory), origin
        self.downloads = self.dir / "downloads"
        self.downloads.mkdir(parents=True)
        self.store(ca)
        if certificate:
            self.take(Path(certificate), password)
        self.choose()
        self.port = free_port()
        self.service = self.start_service()
        self.driver = self.start_driver()

    def store(self, ca):
        store = self.dir / ".pki/nssdb"
        store.mkdir(parents=True)
        run("certutil", "-N", "-d", f"sql:{store}", "--empty-password")
        run("certutil", "-A", "-d", f"sql:{store}", "-n", "server", "-t", "C,,", "-i", ca)

    def take(self, file, password):
        if file.suffix != ".p12":
            pem, file = file, self.dir / "own.p12"
            run("openssl", "pkcs12", "-export", "-in", pem, "-inkey", pem.with_suffix(".key"),
                "-out", file, "-passout", f"pass:{password}")
        run("pk12util", "-i", file, "-d", f"sql:{self.dir}/.pki/nssdb", "-W", password, "-K", "")

    def choose(self):
        policies = self.dir / "etc/policies/managed"
        policies.mkdir(parents=True)
        choice = json.dumps({"pattern": self.origin, "filter": {}})
        (policies / "test.json").write_text(json.dumps({
            "AutoSelectCertificateForUrls": [choice], "BackgroundModeEnabled": False,
            "ComponentUpdatesEnabled": False, "SafeBrowsingProtectionLevel": 0}))

    def start_service(self):
        command = f'mount --bind "$0" {POLICIES} && exec chromedriver --port={self.port} --silent'
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        home = {"HOME": str(self.dir), "XDG_CONFIG_HOME": str(self.dir / "config"),
                "XDG_CACHE_HOME": str(self.dir / "cache")}
        output = open(self.dir / "chromedriver.txt", "wb")
        service = subprocess.Popen([*name_space(), "sh", "-c", command, self.dir / "etc"],
                                   env={**clean, **home}, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=output)
        return service

    def start_driver(self):
        from selenium import webdriver  # lacking() has seen that it is there
        from selenium.webdriver.remote.file_detector import UselessFileDetector
        options = webdriver.ChromeOptions()
        for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu",
                     "no-first-run", "disable-background-networking", "window-size=1280,900",
                     "no-proxy-server", "lang=en"):
            options.add_argument(f"--{flag}")
        options.add_experimental_option("prefs", {
            "download.default_directory": str(self.downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})

        def connect():
            assert self.service.poll() is None, (self.dir / "chromedriver.txt").read_text()
            try:
                return webdriver.Remote(f"http://127.0.0.1:{self.port}", options=options)
            except Exception as error:  # its kinds differ with what is not ready yet
                if "refused" in str(error).lower():
                    return None
                raise
        driver = wait_until(connect)
        driver.command_executor._commands["devtools"] = (
            "POST", "/session/$sessionId/goog/cdp/execute")
        driver.file_detector = UselessFileDetector()  # it sees our files
        return driver

    def close(self):
        try:
            self.driver.quit()
        finally:
            self.service.terminate()
            self.service.wait(LIMIT_S)

    def devtools(self, command, **parameters):
        return self.driver.execute("devtools", {"cmd": command, "params": parameters})["value"]

    def sign_in(self, path, user, password):
        """Answer the challenge of the first page; Chromium answers later ones by itself."""
        who = ":".join(urllib.parse.quote(word, safe="") for word in (user, password))
        self.driver.get(f"https://{who}@{self.origin.removeprefix('https://')}{path}")

    def look(self, width=1280, height=900, dark=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def scripts(self, run_them):
        self.devtools("Emulation.setScriptExecutionDisabled", value=not run_them)

    def press(self, key):
        from selenium.webdriver import ActionChains, Keys
        ActionChains(self.driver).send_keys(getattr(Keys, key)).perform()

    def go(self, path):
        self.driver.get(self.origin + path)

    def axe(self, *rules):
        """What axe finds against the page as it is, one line each; rules: those alone."""
        if not self.driver.execute_script("return 'axe' in window"):
            self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script(
            "const [rules, done] = arguments; const options = {resultTypes: ['violations']};"
            "if (rules.length) options.runOnly = rules;"
            "axe.run(document, options).then(r => done(r.violations))", list(rules))
        return [f"{v['id']}: {v['help']}: {n['html']} {n['failureSummary']}"
                for v in found for n in v["nodes"]]

    def requested(self):
        """Addresses that were asked for since the last call."""
        messages = [json.loads(entry["message"])["message"]
                    for entry in self.driver.get_log("performance")]
        return [m["params"]["request"]["url"] for m in messages
                if m["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """Lines of the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
