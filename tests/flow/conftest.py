import pytest

from pki import Pki
from proxy import Proxy
from upstream import Upstream


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def upstream():
    u = Upstream()
    yield u
    u.close()


@pytest.fixture
def make_proxy(tmp_path, pki, upstream):
    """make_proxy(changes) gives a Proxy that is stopped after the test; start it yourself."""
    made = []

    def make(changes=None, address=None, **options):
        directory = tmp_path / f"proxy{len(made)}"
        directory.mkdir()
        p = Proxy(directory, options.pop("pki", pki), address or upstream.address, changes)
        made.append(p)
        return p

    yield make
    for p in made:
        p.stop()


@pytest.fixture
def proxy(make_proxy):
    return make_proxy().start()
