/**
 * Real heads: what `ichor evaluate` finds on CT-ICH studies wrapped as DICOM is what the training package's own import and the
 * bundle's graphs give in Python (the same AUC to 1e-3).
 */
import { join } from 'node:path';
import type { Evaluation } from '@ichor/evaluation/evaluation';
import { expect, test } from '@jest/globals';
import { ROOT, runIchor } from '../support/ichor.ts';
import { runPython } from '../support/python.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { openWorkFolder } from '../support/workFolder.ts';

/** Writes every sixth or eighth patient as `fold-dicom` does, and prints the AUCs of the training path. */
const PROGRAM = `
import csv, json, sys
from pathlib import Path
root, data, out, bundle = map(Path, sys.argv[1:])
sys.path.insert(0, str(root / "training"))
import numpy as np, onnxruntime
from sklearn.metrics import roc_auc_score
from ichor_training import CLASSES
from ichor_training.data import ct_ich
from ichor_training.data.fold_dicom import write_fold
from ichor_training.data.studies import SIDE, Studies

rows = sorted(csv.DictReader((data / "labels.csv").open()), key=lambda row: (int(row["patient"]), int(row["slice"])))
patients = sorted({row["patient"] for row in rows}, key=int)
bleeding = [p for p in patients if any(row["any"] == "1" for row in rows if row["patient"] == p)]
chosen = bleeding[::6] + [p for p in patients if p not in bleeding][::8]
slope_offset = ct_ich.calibrate_bone(data, rows)
rows = [row for patient in chosen for row in rows if row["patient"] == patient]
names = np.array([row["patient"] for row in rows])
studies = Studies(
    hu=np.stack([ct_ich.slice_hu(data, row["image"], *slope_offset, SIDE) for row in rows]),
    labels=np.array([[int(row[c]) for c in CLASSES] for row in rows], np.float32),
    study=np.array([chosen.index(name) for name in names]), patient=names, source="CT-ICH 1.0.0",
)
write_fold(studies, out)

manifest = json.loads((bundle / "manifest.json").read_text())
session = lambda name: onnxruntime.InferenceSession(bundle / manifest["files"][name]["path"])
cnn, sequence, temperature = session("cnn"), session("sequence"), np.array(manifest["calibration"]["temperature"])
sigmoid = lambda logit: 1 / (1 + np.exp(-logit))
score, alone, scan_truth, scan_score = [], [], [], []
for own in studies.ranges():
    features, logits = cnn.run(["features", "logits"], {"hu": studies.hu[own]})
    own_score = sigmoid(sequence.run(["sequence_logits"], {"features": features, "logits": logits})[0] / temperature)
    score.append(own_score); alone.append(sigmoid(logits))
    scan_truth.append(studies.labels[own].max(0)); scan_score.append(own_score.max(0))
any_auc = lambda truth, scores: roc_auc_score(truth[:, 5], scores[:, 5])
print("\\n" + json.dumps({
  "slices": len(rows), "patients": len(chosen), "slice": any_auc(studies.labels, np.concatenate(score)),
  "cnn": any_auc(studies.labels, np.concatenate(alone)), "scan": any_auc(np.array(scan_truth), np.array(scan_score))}))`;

async function auc(images: string): Promise<Record<'slices' | 'patients' | 'slice' | 'scan' | 'cnn', number>> {
  const bundle = join(ROOT, 'models', 'default');
  const printed = await runPython(PROGRAM, [ROOT, sharedData('ct-ich-1.0.0'), images, bundle]);
  return JSON.parse(printed.trim().split('\n').at(-1)!);
}

describeWithSharedData('CT-ICH wrapped as DICOM', () => {
  test('production path and training path give the same AUC; derived images are taken only when accepted', async () => {
    const folder = await openWorkFolder('ct-ich');
    try {
      const images = join(folder.path, 'images');
      const theirs = await auc(images);
      const labels = join(images, 'labels.csv');
      const accepted = await runIchor(['evaluate', images, '--labels', labels, '--accept-derived', '--json']);
      const { bundles, data } = JSON.parse(accepted.stdout) as Evaluation;
      const [{ coverage, scan, slice }] = bundles;
      expect(data).toMatchObject({
        patients: theirs.patients,
        patientFrom: 'label file',
        accepted: ['derived'],
      });
      expect([coverage.analysed, slice?.cases]).toEqual([theirs.patients, theirs.slices]);
      expect(Math.abs(slice!.classes.any.sequence.auc.value! - theirs.slice)).toBeLessThan(1e-3);
      expect(Math.abs(slice!.classes.any.cnn.auc.value! - theirs.cnn)).toBeLessThan(1e-3);
      expect(Math.abs(scan.classes.any.sequence.auc.value! - theirs.scan)).toBeLessThan(1e-3);
      const refused = await runIchor(['evaluate', images, '--labels', labels, '--json']);
      const reasons = (JSON.parse(refused.stdout) as Evaluation).bundles[0].coverage.reasons;
      expect([refused.code, reasons.map(({ code }) => code)]).toEqual([3, ['derived']]);
    } finally {
      await folder.remove();
    }
  });
});
