"""The model card of a bundle that an experiment's run folder gave (the default bundle has its own, model_card.py)."""

from __future__ import annotations

from ..models.start_weights import ATTRIBUTION
from .precision import Precision


def experiment_card(report: dict, precision: Precision) -> str:
    plan = report["experiment"]
    data = "\n".join(
        f"| {one['name']} | {one['licence']} | {one['patients']} | {one['slices']} | {one['attribution']} |"
        for one in report["training"]
    )
    stored = f"{precision.weights} weights{', 8-bit convolutions' if precision.quantised else ''}"
    return f"""# Model card: {plan["name"] or plan["backbone"]} {plan["version"]}

**For research and demonstration. Not a medical device; not for patients.** A study without a flag is not a negative \
read.

| | |
|---|---|
| design | Burduja, Ionescu, Verga, Sensors 2020, 20(19), 5611 |
| CNN | {plan["backbone"]}, 256 × 256, start weights: {plan["start"]} |
| features to the sequence model | {plan["selector"]["kind"]}, {plan["selector"]["count"]} |
| graphs | {stored} |
| seed | {plan["seed"]} |

## Data

| data | licence | patients | slices | attribution |
|---|---|---|---|---|
{data}

{start_weights(plan)}
## Measured

{measured(report)}

## What cannot be concluded

- Anything about another hospital, scanner or kernel.
- That scores are probabilities elsewhere: temperatures and thresholds come from {report["thresholdSource"]}.
"""


def start_weights(plan: dict) -> str:
    """Whom ImageNet weights are due to."""
    if plan["start"] != "imagenet":
        return ""
    due = ATTRIBUTION[plan["backbone"]]
    return f"{due['name']}: {due['attribution']}; {due['licence']}.\n"


def measured(report: dict) -> str:
    if "sequence" not in report:
        return "No patient was held out: no figure can be given."
    rows = "\n".join(
        f"| {name} | {one['challengeLogLoss']} | {shown(one['anySliceAuc'])} | {shown(one['anyPatientAuc'])} |"
        for name, one in (("CNN alone", report["cnn"]), ("with the sequence model", report["sequence"]))
    )
    return f"""{report["patients"]} held-out patients ({report["positivePatients"]} with hemorrhage), \
{report["slices"]} slices, of one split. Any hemorrhage:

| | log loss (challenge) | AUC per slice | AUC per patient |
|---|---|---|---|
{rows}"""


def shown(value: float | None) -> str:
    return "one kind only" if value is None else str(value)
