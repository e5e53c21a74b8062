import { describe, expect, test } from '@jest/globals';
import { BOOTSTRAP, type Evaluation } from '../evaluation.ts';
import { methodSection } from './methodSection.ts';
import { leftovers, units, whoWasStudied } from './words.ts';

const dataFrom = (patientFrom: Evaluation['data']['patientFrom']) =>
  ({
    studies: 9,
    patients: patientFrom === 'study' ? 9 : 4,
    patientFrom,
    labelsWithoutImage: 0,
    studiesWithoutLabel: [],
    instancesWithoutLabel: 0,
    inconsistentLabels: 0,
    accepted: ['derived', 'missing-sop-class', 'missing-image-type'],
    missing: { 'missing-sop-class': 70, 'missing-image-type': 1 },
  }) as unknown as Evaluation['data'];
const methodOf = (data: Evaluation['data'], resampled: Evaluation['bootstrap']['resampled']): string =>
  methodSection({ bootstrap: { ...BOOTSTRAP, resampled }, data, notice: '' }).html;

describe('what the intervals rest on is said as it is', () => {
  test('patients, where something tells them apart', () => {
    const data = dataFrom('Patient ID');
    expect([whoWasStudied(data), units(1, data)]).toEqual([
      '9 labelled studies of 4 patients (Patient ID)',
      '1 patient',
    ]);
    expect(methodOf(data, 'patients')).toContain('Patients are drawn, told apart by Patient ID');
  });

  test('studies, where nothing does, and that a patient may have several', () => {
    const data = dataFrom('study');
    expect([whoWasStudied(data), units(2, data)]).toEqual([
      '9 labelled studies, whose patients are not known',
      '2 studies',
    ]);
    expect(methodOf(data, 'studies')).toMatch(/Studies are drawn.*too narrow/);
    expect(methodOf(data, 'studies')).toContain('over the studies concerned');
  });
});

test('what was taken against the rules of production is told with how many images lack what', () => {
  expect(leftovers(dataFrom('study'))).toEqual([
    'accepted here, refused in production: derived images',
    'accepted here, refused in production: 70 images without a SOP Class UID, taken for CT images',
    '1 image without an Image Type: original or derived is not known',
  ]);
});
