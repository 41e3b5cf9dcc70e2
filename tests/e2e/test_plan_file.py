"""A plan as a file: shown with diffs, saved, carried out exactly or refused."""

import json

import pytest

from tests.e2e.site import Site

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

PATH, KEY = "/etc/kb-plan/motd", "/etc/kb-plan/key"
HIDDEN = "only its owner may read"


def write(site: Site, text: str, disk: str) -> None:
    """A file that all may read, one that only root may, and a label, on node2."""
    files = [
        {"path": PATH, "content": text, "nodes": ["node2"]},
        {"path": KEY, "content": text, "mode": "0600", "nodes": ["node2"]},
    ]
    site.write_inventory(files=files)
    data = site.inventory_data()
    data["nodes"][1]["labels"] = {"disk": disk}
    site.save(data)


def test_a_saved_plan_is_carried_out_or_refused(pair: Site) -> None:
    site, saved = pair, pair.folder / "plan.json"
    write(site, "welcome\n", "ssd")
    site.ok("up")
    write(site, "welcome\nmaintenance\n", "hdd")

    plan = site.ok("plan", "--diff", "--save", str(saved))

    shown = {event["path"]: event["text"] for event in plan.events if event["event"] == "diff"}
    assert shown[PATH].splitlines()[2:] == ["@@ -1 +1,2 @@", " welcome", "+maintenance"]
    assert HIDDEN in shown[KEY]
    assert "maintenance" not in shown[KEY]
    assert saved.stat().st_mode & 0o777 == 0o600
    assert site.node("node2").exec(f"cat {PATH}").stdout == "welcome\n"
    texts = [(a["node"], a["phase"], a["text"]) for a in json.loads(saved.read_text())["actions"]]
    assert texts == plan.plan

    site.node("node2").exec(f"rm {PATH}")  # needs the same action still
    site.kubectl("label", "node", "node2", "disk-")
    write(site, "welcome\nmaintenance\n", "nvme")
    refused = site.run("up", "--plan", str(saved))
    assert (refused.status, refused.actions) == (7, [])
    assert {error["code"] for error in refused.errors()} == {"KB413"}
    said = " ".join(error["message"] for error in refused.errors())
    assert "the sha256" in said
    assert "disk=hdd: set on the node: disk=nvme" in said

    write(site, "welcome\nmaintenance\n", "hdd")
    done = site.ok("up", "--plan", str(saved))
    assert done.actions == plan.plan
    again = site.ok("up", "--plan", str(saved))
    assert again.actions == []

    site.write_inventory()
    site.ok("up")
