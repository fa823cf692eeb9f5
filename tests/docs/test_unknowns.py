"""What the pages call unknown names the fact of `rekey probe` that finds it out, or says that none does."""

import re

import pytest
from pulumi_rekey.cli.probe import run
from pulumi_rekey.endpoints import KINDS
from pulumi_rekey.sandbox.server import VENDORS

from tests.pages import PAGES, ROOT, prose

FACTS = {fact.name for kind in KINDS for fact in run.facts(kind)}
SWITCHES = {name for vendor in VENDORS.values() for name in vendor.switches}
#: A fact of the probe, linked to where it stands.
NAMED = re.compile(rf"\[`({'|'.join(KINDS)})\.(\w+)`\]\([./]*probe\.md#[\w-]+\)")
UNSEEN = re.compile(r"\[and no probe (?:sees|looks for) it\]\(\.\./probe\.md#probe\)")
#: How a page says that the vendor's pages do not tell.
SILENT = re.compile(r"\bunknown\b|\bis silent\b|does not say so", re.IGNORECASE)


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/resources/*.md")), ids=lambda page: page.stem)
def test_unknown_names_the_fact_of_the_probe(page: object) -> None:
    text = next(prose(each) for each in PAGES if each == page)
    for said in SILENT.finditer(text):
        # Up to the end of the cell or paragraph.
        rest = re.split(r"\n\n| \|", text[said.start() :], maxsplit=1)[0]
        assert NAMED.search(rest) or UNSEEN.search(rest), rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_facts_that_pages_name_exist(page: object) -> None:
    text = next(prose(each) for each in PAGES if each == page)
    assert {f"{kind}.{name}" for kind, name in NAMED.findall(text)} <= FACTS


def test_switches_of_the_sandbox_are_named_like_facts() -> None:
    assert SWITCHES <= FACTS
