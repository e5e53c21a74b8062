"""The model card: what the bundle was made from, how well it does, and what nobody may conclude from it."""
from __future__ import annotations


def model_card(version: str, report: dict) -> str:
    any_figures, plan = report["any"], report["experiment"]
    by_class = "\n".join(
        f"| {name} | {report['positivePatientsByClass'][name]} | {report['sliceAucByClass'][name]} |" for name in report["sliceAucByClass"]
    )
    return f"""# Model card: ichor {plan['backbone'].replace('_', '-')} {version}

**For research and demonstration. Not a medical device; not for patients.** A study without a flag is not a negative read.

| | |
|---|---|
| design | Burduja, Ionescu, Verga, Sensors 2020, 20(19), 5611: three windows, CNN per slice, PCA to {plan['selector']['count']}, bidirectional LSTM over the slices |
| CNN | {plan['backbone']}, 256 × 256, pre-trained on synthetic phantoms, fine-tuned on CT-ICH and phantoms |
| real data | CT-ICH 1.0.0, PhysioNet (Hssayeni et al. 2020, doi 10.13026/w8q8-ky94; Data 2020, 5(1), 14), CC BY 4.0; 8-bit renderings turned back into Hounsfield units |
| synthetic data | `ichor phantom`, {plan['seed']} and the seeds named in training/README.md |
| classes | epidural, intraparenchymal, intraventricular, subarachnoid, subdural, any |

## Measured

Patient-wise cross-validation on CT-ICH, folds {plan['folds']} of 5: {report['patients']} patients ({report['positivePatients']} with hemorrhage), {report['slices']} slices, each judged by
networks that never saw that patient. Any hemorrhage:

| | per slice, AUC | per patient, AUC (maximum over slices) |
|---|---|---|
| CNN alone | {any_figures['cnn']['slice']} | {any_figures['cnn']['patient']} |
| with the sequence model | {any_figures['sequence']['slice']} (95 % interval {report['anySequenceSliceInterval'][0]}–{report['anySequenceSliceInterval'][1]}) | {any_figures['sequence']['patient']} (95 % interval {report['anySequencePatientInterval'][0]}–{report['anySequencePatientInterval'][1]}) |

At the balanced threshold, chosen on these same predictions and therefore optimistic: sensitivity {report['sensitivityBalanced']}, specificity {report['specificityBalanced']} per patient.

| class | patients with it | per slice, AUC |
|---|---|---|
{by_class}

## What cannot be concluded

- Anything about another hospital, scanner or kernel: one source of real images, rendered to 8 bits, is all it was tuned on.
- Anything about subdural, intraventricular and subarachnoid hemorrhage in patients: the numbers above say how few there were.
- That scores are probabilities: the temperatures come from the same few patients.
- The thresholds come from the cross-validation's networks; the shipped network was trained on all patients and is a little different.
"""
