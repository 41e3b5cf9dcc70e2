"""The table of certificates stays short with many nodes, and what expires first comes first."""

from collections.abc import Iterable

from kbootstrap import pki
from kbootstrap.console import certificate_table as table
from kbootstrap.console.certificate_table import Entry
from phases.certificates import Found

NOW, DAY = 1_800_000_000, 24 * 3600
SOON = 30 * DAY
API, KUBELET = "/etc/kubernetes/pki/apiserver.crt", "/var/lib/kubelet/pki/kubelet.crt"


def entry(
    days: int, node: str = "n1", path: str = API, issuer: str = "ca", begins: int = 1
) -> Entry:
    read = pki.Certificate(
        subject="CN=x", issuer=issuer, sans=("a", "10.0.0.1"), begins=begins, ends=NOW + days * DAY
    )
    return Entry(node=node, found=Found(path, read), now=NOW, within=SOON)


def states(entries: Iterable[Entry]) -> list[str]:
    return [entry.state for entry in entries]


def test_the_state_of_a_certificate() -> None:
    unreadable = Entry(node="n", found=Found("/x", pki.Certificate()), now=NOW, within=SOON)
    assert states([entry(0), entry(29), entry(30), unreadable]) == [
        "expired",
        "expires soon",
        "ok",
        "unreadable",
    ]
    assert entry(90, begins=NOW + 1).state == "not valid yet"
    assert (entry(-1).days, entry(29).days) == (-1, 29)


def test_three_hundred_nodes_are_a_few_rows() -> None:
    names = [f"n{number:03}" for number in range(300)]
    entries = [entry(200, name, KUBELET, issuer=f"{name}-ca") for name in names]
    entries += [entry(5, "n007"), entry(-2, "n009", KUBELET, issuer="n009-ca")]

    head, *rows = table.short(entries)

    assert head[-1] == "nodes"
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("-2", "expired", KUBELET),
        ("5", "expires soon", API),
        ("200", "ok", KUBELET),
    ]
    assert rows[2][4:] == ["300 issuers", "n000, n001, n002 and 297 more"]
    assert table.summary("demo", entries, SOON) == (
        "cluster demo: 302 certificates on 300 nodes: 1 expired, 1 expires soon, 300 ok"
        " (soon: within 30 days)"
    )


def test_the_long_table_has_a_row_for_each_with_its_sans() -> None:
    _, *rows = table.long([entry(50, "n2"), entry(40, "n1")])
    assert [row[5:] for row in rows] == [
        ["n1", "CN=x", "a, 10.0.0.1"],
        ["n2", "CN=x", "a, 10.0.0.1"],
    ]


def test_the_record_for_scripts() -> None:
    assert entry(40).record == {
        "event": "certificate",
        "node": "n1",
        "file": API,
        "subject": "CN=x",
        "issuer": "ca",
        "sans": ["a", "10.0.0.1"],
        "authority": False,
        "begins": "1970-01-01T00:00:01Z",
        "ends": "2027-02-24T08:00:00Z",
        "days": 40,
        "state": "ok",
    }
