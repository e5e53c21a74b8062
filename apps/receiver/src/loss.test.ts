import type { StoreRequest } from '@ichor/dimse/acceptor/storeRequest';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { datasetOf, plainCt, writerFor } from '../../../test/support/rawDataset.ts';
import { notStored } from './loss.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const DOSE_SR = '1.2.840.10008.5.1.4.1.1.88.67';
const EXPLICIT = '1.2.840.10008.1.2.1';
const IDENTITY = { study: '1.2.3', series: '1.2.3.1', instance: '1.2.3.1.29', sopClass: CT };

const requestOf = (chunks: readonly Buffer[], more: Partial<StoreRequest> = {}): StoreRequest => ({
  sopClassUid: CT,
  sopInstanceUid: IDENTITY.instance,
  abstractSyntaxUid: CT,
  transferSyntaxUid: EXPLICIT,
  callingAeTitle: 'CTSCANNER',
  chunks,
  ...more,
});

test('a whole dataset tells its study, its series and its own name', () => {
  expect(notStored(requestOf([plainCt(IDENTITY)]))).toEqual({
    studyInstanceUid: '1.2.3',
    seriesInstanceUid: '1.2.3.1',
    sopInstanceUid: '1.2.3.1.29',
    commandUid: '1.2.3.1.29',
    hasName: true,
    isCertain: true,
    canBeCtSlice: true,
    callingAeTitle: 'CTSCANNER',
  });
});

test('a dataset that is cut anywhere behind its Study Instance UID tells the study, in every coding', () => {
  const codings = [
    ['implicit', '1.2.840.10008.1.2'],
    ['explicit', EXPLICIT],
    ['big-endian', '1.2.840.10008.1.2.2'],
  ] as const;
  for (const [coding, transferSyntaxUid] of codings) {
    const pixels = writerFor(coding).element(0x7fe00010, 'OW', Buffer.alloc(400, 7));
    const whole = datasetOf(coding, IDENTITY, [[0x7fe00010, pixels]]);
    const behind = whole.indexOf('1.2.3\0') + 6;
    fc.assert(
      fc.property(fc.integer({ min: behind, max: whole.length }), (length) => {
        const lost = notStored(requestOf([whole.subarray(0, length)], { transferSyntaxUid }));
        expect(lost.studyInstanceUid).toBe('1.2.3');
      }),
    );
  }
});

test('nothing that may come in place of a dataset makes it throw, and what it names is a UID', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom('implicit', 'explicit'), (noise, coding) => {
      const transferSyntaxUid = coding === 'implicit' ? '1.2.840.10008.1.2' : EXPLICIT;
      const { studyInstanceUid } = notStored(requestOf([Buffer.from(noise)], { transferSyntaxUid }));
      expect(studyInstanceUid ?? '1.2').toMatch(/^\d+(\.\d+)+$/);
    }),
    { numRuns: 300 },
  );
});

test('where command and dataset name it differently, the dataset counts and the name is not certain', () => {
  const lost = notStored(requestOf([plainCt(IDENTITY)], { sopInstanceUid: '1.2.3.1.28' }));
  expect(lost).toMatchObject({
    sopInstanceUid: '1.2.3.1.29',
    commandUid: '1.2.3.1.28',
    hasName: true,
    isCertain: false,
  });
});

test('without a dataset the command names it; without a usable name it has none', () => {
  expect(notStored(requestOf([]))).toMatchObject({
    studyInstanceUid: null,
    sopInstanceUid: IDENTITY.instance,
    hasName: true,
    isCertain: false,
  });
  expect(notStored(requestOf([], { sopInstanceUid: 'no\0uid' }))).toMatchObject({
    sopInstanceUid: 'no?uid',
    hasName: false,
  });
});

test('only what can be a CT slice counts: by command or dataset, and by the presentation context when both are silent', () => {
  const doseSr = { ...IDENTITY, sopClass: DOSE_SR };
  const can = (chunks: readonly Buffer[], more: Partial<StoreRequest> = {}) =>
    notStored(requestOf(chunks, more)).canBeCtSlice;
  expect(can([plainCt(doseSr)], { sopClassUid: DOSE_SR, abstractSyntaxUid: DOSE_SR })).toBe(false);
  expect(can([plainCt(doseSr)], { sopClassUid: DOSE_SR })).toBe(false);
  expect(can([plainCt(IDENTITY)], { sopClassUid: DOSE_SR, abstractSyntaxUid: DOSE_SR })).toBe(true);
  expect(can([], { sopClassUid: '1.2.840.10008.5.1.4.1.1.2.2' })).toBe(true);
  expect(can([], { sopClassUid: '' })).toBe(true);
  expect(can([], { sopClassUid: '', abstractSyntaxUid: DOSE_SR })).toBe(false);
});
