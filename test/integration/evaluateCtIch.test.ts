/**
 * Real heads: what `ichor evaluate` finds on CT-ICH studies wrapped as DICOM is what the training package's own import and the
 * bundle's graphs give in Python (issue 3: the same AUC to 1e-3).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Evaluation } from '../../apps/cli/src/evaluate/evaluation.ts';
import { ROOT, runIchor } from '../support/ichor.ts';
import { runPython } from '../support/python.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { openWorkFolder } from '../support/workFolder.ts';

/** Wraps every sixth patient as DICOM with labels.csv, and prints the AUCs of the training path. */
const PROGRAM = `
import csv, hashlib, json, sys
from pathlib import Path
root, data, out, bundle = map(Path, sys.argv[1:])
sys.path.insert(0, str(root / "training"))
import numpy as np, onnxruntime, pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from sklearn.metrics import roc_auc_score
from ichor_training import CLASSES, ct_ich

rows = sorted(csv.DictReader((data / "labels.csv").open()), key=lambda row: (int(row["patient"]), int(row["slice"])))
patients = sorted({row["patient"] for row in rows}, key=int)
bleeding = [p for p in patients if any(row["any"] == "1" for row in rows if row["patient"] == p)]
chosen = bleeding[::6] + [p for p in patients if p not in bleeding][::8]
slope_offset = ct_ich.calibrate_bone(data, rows)
uid = lambda *key: "2.25." + str(int(hashlib.sha256(" ".join(key).encode()).hexdigest()[:32], 16))

def wrap(row, hu, index):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", uid(row["image"])
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    one = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    one.ImageType, one.Modality, one.BodyPartExamined = ["DERIVED", "PRIMARY", "AXIAL"], "CT", "HEAD"
    one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = (uid(role, row["patient"]) for role in "sef")
    one.PatientID, one.InstanceNumber, one.SliceThickness = "CT-ICH " + row["patient"], index + 1, 5
    one.ImagePositionPatient, one.ImageOrientationPatient = [-110, -110, 5.0 * index], [1, 0, 0, 0, 1, 0]
    one.Rows, one.Columns = hu.shape
    one.PixelSpacing = [220 / hu.shape[0], 220 / hu.shape[1]]
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
    one.RescaleIntercept, one.RescaleSlope, one.PixelData = 0, 1, hu.tobytes()
    folder = out / row["patient"]
    folder.mkdir(parents=True, exist_ok=True)
    one.save_as(folder / f"{index:04d}.dcm", enforce_file_format=True)
    return one.SOPInstanceUID

manifest = json.loads((bundle / "manifest.json").read_text())
session = lambda name: onnxruntime.InferenceSession(bundle / manifest["files"][name]["path"])
cnn, sequence, temperature = session("cnn"), session("sequence"), np.array(manifest["calibration"]["temperature"])
sigmoid = lambda logit: 1 / (1 + np.exp(-logit))
table, truth, score, alone, scan_truth, scan_score = [], [], [], [], [], []
for patient in chosen:
    own = [row for row in rows if row["patient"] == patient]
    hu = np.stack([ct_ich.slice_hu(data, row["image"], *slope_offset) for row in own])
    for index, (row, image) in enumerate(zip(own, hu)):
        table.append([wrap(row, image, index), patient, *(row[c] for c in CLASSES)])
    features, logits = cnn.run(["features", "logits"], {"hu": hu})
    labels = np.array([[int(row[c]) for c in CLASSES] for row in own])
    own_score = sigmoid(sequence.run(["sequence_logits"], {"features": features, "logits": logits})[0] / temperature)
    truth.append(labels); score.append(own_score); alone.append(sigmoid(logits))
    scan_truth.append(labels.max(0)); scan_score.append(own_score.max(0))
writer = csv.writer((out / "labels.csv").open("w"))
writer.writerows([["SOPInstanceUID", "patient", *CLASSES], *table])
any_auc = lambda t, s: roc_auc_score(np.concatenate(t)[:, 5], np.concatenate(s)[:, 5])
print(json.dumps({"slices": len(table), "patients": len(chosen), "slice": any_auc(truth, score), "cnn": any_auc(truth, alone),
  "scan": any_auc([np.array(scan_truth)], [np.array(scan_score)])}))`;

describeWithSharedData('CT-ICH wrapped as DICOM', () => {
  test('production path and training path give the same AUC; derived images are taken only when accepted', async () => {
    const folder = await openWorkFolder('ct-ich');
    try {
      const bundle = join(ROOT, 'models', 'default');
      const images = join(folder.path, 'images');
      const theirs = JSON.parse(await runPython(PROGRAM, [ROOT, sharedData('ct-ich-1.0.0'), images, bundle]));
      const labels = join(images, 'labels.csv');
      const accepted = await runIchor(['evaluate', images, '--labels', labels, '--accept-derived', '--json']);
      const { bundles, data } = JSON.parse(accepted.stdout) as Evaluation;
      const [{ coverage, scan, slice }] = bundles;
      expect(data).toMatchObject({
        patients: theirs.patients,
        patientFrom: 'label file',
        acceptedReasons: ['derived'],
      });
      expect([coverage.analysed, slice?.cases]).toEqual([theirs.patients, theirs.slices]);
      expect(Math.abs(slice!.classes.any.sequence.auc.value! - theirs.slice)).toBeLessThan(1e-3);
      expect(Math.abs(slice!.classes.any.cnn.auc.value! - theirs.cnn)).toBeLessThan(1e-3);
      expect(Math.abs(scan.classes.any.sequence.auc.value! - theirs.scan)).toBeLessThan(1e-3);
      const [header, ...rows] = (await readFile(labels, 'utf8')).trim().split(/\r?\n/);
      const patient = rows[0]!.split(',')[1]!;
      const own = rows.filter((row) => row.split(',')[1] === patient);
      await writeFile(join(folder.path, 'one.csv'), [header, ...own, ''].join('\n'));
      const refused = await runIchor(['evaluate', join(images, patient), '--labels', join(folder.path, 'one.csv')]);
      expect([refused.code, refused.stdout]).toEqual([3, expect.stringMatching(/1 +derived/)]);
    } finally {
      await folder.remove();
    }
  });
});
