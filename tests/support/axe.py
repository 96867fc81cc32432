"""What axe-core finds on a page, by the rules of WCAG 2.2 AA."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from playwright.async_api import Page

from tests.support.project import ROOT

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
# Colours that are on their way to others have no contrast of their own.
AT_REST = """async () => { await Promise.all(document.getAnimations()
    .filter((each) => each.effect?.getComputedTiming().endTime !== Infinity)
    .map((each) => each.finished.catch(() => 0))) }"""


async def findings(page: Page) -> list[str]:
    """Every violation on the page as it stands: the rule, what it asks for, and where; sorted, none is best.

    axe works in a world of its own beside the page's scripts, so the page's Content-Security-Policy stays as it is.
    """
    await page.evaluate(AT_REST)
    session = await page.context.new_cdp_session(page)
    try:
        tree = await session.send("Page.getFrameTree")
        frame = {"frameId": tree["frameTree"]["frame"]["id"], "worldName": "axe"}
        world = (await session.send("Page.createIsolatedWorld", frame))["executionContextId"]
        await _evaluate(session, world, _source())
        asked = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
        found = await _evaluate(session, world, f"axe.run(document, {json.dumps(asked)}).then(JSON.stringify)")
    finally:
        await session.detach()
    violations = json.loads(found)
    assert violations["passes"], "axe found nothing to look at"
    return sorted(_sentence(rule, node) for rule in violations["violations"] for node in rule["nodes"])


async def _evaluate(session: Any, world: int, expression: str) -> Any:
    done = await session.send(
        "Runtime.evaluate",
        {"contextId": world, "expression": expression, "awaitPromise": True, "returnByValue": True},
    )
    assert "exceptionDetails" not in done, done
    return done["result"].get("value")


def _sentence(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(node.get("failureSummary", "").split())[:300]
    return f"{rule['id']} at {' '.join(map(str, node['target']))}: {rule['help']}. {why}"


@cache
def _source() -> str:
    return (ROOT / "frontend/node_modules/axe-core/axe.min.js").read_text()
