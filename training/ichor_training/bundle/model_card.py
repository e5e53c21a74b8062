"""The model card: what the bundle was made from, how well it does, and what nobody may conclude from it."""

from __future__ import annotations


def model_card(version: str, report: dict) -> str:
    plan = report["experiment"]
    return f"""# Model card: ichor {plan["backbone"].replace("_", "-")} {version}

**For research and demonstration. Not a medical device; not for patients.** A study without a flag is not a negative \
read.

| | |
|---|---|
| design | Burduja, Ionescu, Verga, Sensors 2020, 20(19), 5611: three windows, CNN per slice, \
{plan["selector"]["kind"]} to {plan["selector"]["count"]}, bidirectional LSTM over the slices |
| CNN | {plan["backbone"]}, 256 × 256, pre-trained on synthetic phantoms, fine-tuned on CT-ICH and phantoms |
| real data | CT-ICH 1.0.0, PhysioNet (Hssayeni et al. 2020, doi 10.13026/w8q8-ky94; Data 2020, 5(1), 14), CC BY 4.0; \
8-bit renderings turned back into Hounsfield units |
| synthetic data | `ichor phantom`; the seeds are in training/README.md |
| classes | epidural, intraparenchymal, intraventricular, subarachnoid, subdural, any |

## Measured

{measured(report)}

## On studies that it was not trained on

{unseen(report.get("sanity"))}

## What cannot be concluded

- Anything about another hospital, scanner or kernel: one source of real images, rendered to 8 bits, is all it was \
trained on.
- Anything about a subtype in patients: the numbers above say how few there were.
- That scores are probabilities: the temperatures come from the same few patients.
- The thresholds come from the cross-validation's networks; the shipped network was trained on all patients and is a \
little different.
- How good another run of the training would be: steps and settings were chosen by these same figures, and runs \
differ by more than one run
  shows (`training/README.md`, Rebuild).
"""


def measured(report: dict) -> str:
    """The cross-validation; with no held-out patient, that sentence and no figures."""
    if report["patients"] == 0:
        return (
            "Not cross-validated: no patient was held out, and no figure can be given. "
            "Thresholds and temperatures are the defaults."
        )
    figures, folds = report["any"], report["experiment"]["folds"]
    slice_interval, patient_interval = (
        interval(report["anySequenceSliceInterval"]),
        interval(report["anySequencePatientInterval"]),
    )
    rows = "\n".join(
        f"| {name} | {report['positivePatientsByClass'][name]} | {shown(value)} |"
        for name, value in report["sliceAucByClass"].items()
    )
    return f"""Patient-wise, {len(folds)} of 5 folds of CT-ICH (number {", ".join(str(fold) for fold in folds)}): \
{report["patients"]} patients ({report["positivePatients"]} with hemorrhage), {report["slices"]} slices,
each judged by networks that never saw that patient. Any hemorrhage:

| | per slice, AUC | per patient, AUC (maximum over slices) |
|---|---|---|
| CNN alone | {figures["cnn"]["slice"]} | {figures["cnn"]["patient"]} |
| with the sequence model | {figures["sequence"]["slice"]} ({slice_interval}) | {figures["sequence"]["patient"]} \
({patient_interval}) |

A study is flagged when `any` reaches its threshold. At the balanced one, chosen on these same predictions and \
therefore optimistic: sensitivity {report["sensitivityBalanced"]},
specificity {report["specificityBalanced"]} per patient; at the high-sensitivity one \
{report["sensitivityHighSensitivity"]} and {report["specificityHighSensitivity"]}.

| class | held-out patients with it | per slice, AUC |
|---|---|---|
{rows}

Default thresholds (0.5 balanced, 0.3 high-sensitivity), for classes that the cross-validation cannot tell (among \
patients with hemorrhage, for a kind): {", ".join(report["defaultThresholds"]) or "none"}."""


def unseen(sanity: dict | None) -> str:
    if sanity is None:
        return "Not measured."
    bleed, none, real = sanity["phantomsWithBleed"], sanity["phantomsWithoutBleed"], sanity["realNegative"]
    return f"""Flagged at the balanced thresholds:

| studies | flagged |
|---|---|
| phantoms with a bleed, other seeds | {bleed["flagged"]} of {bleed["studies"]} |
| phantoms without a bleed, most with hard negatives, other seeds | {none["flagged"]} of {none["studies"]} |
| one real head CT of another scanner without hemorrhage (dcm_qa_ct, GE) | {
        "**yes: a false alarm**" if real["flagged"] else "no"
    }, score of any hemorrhage {real["scores"]["any"]} |"""


def interval(bounds: list[float]) -> str:
    return f"95 % interval {bounds[0]}–{bounds[1]}"


def shown(value: float | None) -> str:
    return "no patient with it" if value is None else str(value)
