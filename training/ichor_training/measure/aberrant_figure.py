"""The figure and the model card's section on aberrant slices."""

from __future__ import annotations

from .aberrant import COUNTS

TITLE = "One aberrant slice"
COLOURS = {"cnn": "#b45309", "sequence": "#1d4ed8"}
NAMES = {"cnn": "CNN alone", "sequence": "with the sequence model"}
PANEL_WIDTH, PANEL_HEIGHT, LEFT, TOP = 300, 200, 58, 64


def kinds_of(judged: dict) -> list[str]:
    return sorted({name.rpartition("/")[0] for name in judged["flagged"]})


def svg(judged: dict, model: str) -> str:
    """One panel per kind of negative study: share flagged over the number of adjacent slices that look positive, and
    with an artefact."""
    kinds = kinds_of(judged)
    width = LEFT + len(kinds) * (PANEL_WIDTH + 60)
    panels = "".join(panel(judged, kind, LEFT + index * (PANEL_WIDTH + 60)) for index, kind in enumerate(kinds))
    legend = "".join(
        f'<rect x="{LEFT + index * 150}" y="30" width="18" height="4" fill="{COLOURS[key]}"/>'
        f'<text x="{LEFT + 24 + index * 150}" y="36">{name}</text>'
        for index, (key, name) in enumerate(NAMES.items())
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {TOP + PANEL_HEIGHT + 52}" \
font-family="sans-serif" font-size="12" fill="#111">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="18" font-size="14" font-weight="bold">Studies without hemorrhage flagged when adjacent slices \
look positive</text>
<text x="{width - 12}" y="18" text-anchor="end" fill="#555">{model}</text>
{legend}
{panels}
</svg>
"""


def panel(judged: dict, kind: str, left: float) -> str:
    def x(count: float) -> float:
        return left + PANEL_WIDTH * 0.72 * count / max(COUNTS)

    def y(share: float) -> float:
        return TOP + PANEL_HEIGHT * (1 - share)

    beside = left + PANEL_WIDTH * 0.9
    grid = "".join(
        f'<line x1="{left}" x2="{left + PANEL_WIDTH}" y1="{y(share)}" y2="{y(share)}" stroke="#ddd"/>'
        f'<text x="{left - 6}" y="{y(share) + 4}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    ticks = "".join(f'<text x="{x(count)}" y="{y(0) + 18}" text-anchor="middle">{count}</text>' for count in COUNTS)
    lines = ""
    for key, colour in COLOURS.items():
        points = [(x(count), y(judged["flagged"][f"{kind}/{count}"][key])) for count in COUNTS]
        through = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        lines += f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{through}"/>'
        points.append((beside, y(judged["flagged"][f"{kind}/patch"][key])))
        lines += "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4.5" fill="{colour}"/>' for a, b in points)
    studies = judged["flagged"][f"{kind}/0"]["cases"]
    title = f'<text x="{left}" y="{TOP - 10}" font-weight="bold">{kind}, {studies} studies</text>'
    axis = centred(left + PANEL_WIDTH * 0.36, y(0) + 36, "adjacent slices of another patient's bleed")
    axis += centred(beside, y(0) + 18, "one bright") + centred(beside, y(0) + 32, "artefact")
    return title + grid + ticks + lines + axis


def centred(x: float, y: float, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle">{text}</text>'


def section(judged: dict) -> str:
    def share(value):
        return f"{100 * value:.1f} %"

    def shown(name):
        return "bright artefact painted into one" if name == "patch" else name

    rows = "\n".join(
        f"| {kind} | {shown(name)} | {rate['cases']} | {share(rate['cnn'])} | {share(rate['sequence'])} |"
        for kind in kinds_of(judged)
        for name, rate in ((one, judged["flagged"][f"{kind}/{one}"]) for one in [*map(str, COUNTS), "patch"])
    )
    return f"""Held-out studies without hemorrhage whose CNN outputs were replaced, on adjacent slices, by those of \
the most positive slices of another
patient, and such studies with one artefact as bright as blood. Flagged for any hemorrhage, by the CNN alone (threshold
{judged["thresholds"]["cnn"]}, chosen by the same rule on the same patients) and with the sequence model \
({judged["thresholds"]["sequence"]}); drawn in `docs/aberrant-slice.svg`:

| studies | slices replaced | cases | CNN alone | with the sequence model |
|---|---|---|---|---|
{rows}"""
