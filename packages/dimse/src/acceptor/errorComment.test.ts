import { type ERRORS, type Facts, receivedError } from '@ichor/shared/errors';
import { expect, test } from '@jest/globals';
import { errorComment } from './errorComment.ts';

const UID = `1.2.840.${'9'.repeat(56)}`;
const facts = { path: '/data/spool', freeBytes: 1_048_576, floorBytes: 2 ** 30, limitBytes: 1_073_741_824 };

test.each<[keyof typeof ERRORS, Facts, string]>([
  ['UID_INVALID', { name: 'Series Instance UID', uid: '../../etc' }, 'Series Instance UID is no valid UID: ../../etc'],
  ['UID_MISSING', { name: 'Study Instance UID' }, 'no Study Instance UID in the dataset'],
  [
    'IDENTITY_MISMATCH',
    { name: 'SOP Instance UID', dataset: UID, command: UID },
    'SOP Instance UID: dataset and command differ',
  ],
  ['SOP_CLASS_MISMATCH', { sopClassUid: UID, abstractSyntaxUid: UID }, "SOP Class is not the presentation context's"],
  [
    'DATASET_UNREADABLE',
    { reason: 'element x00100010 ends beyond the data' },
    'element x00100010 ends beyond the data',
  ],
  ['INSTANCE_TOO_LARGE', facts, 'larger than 1073741824 bytes'],
  ['MEMORY_EXHAUSTED', {}, 'too much is being received at once; send again later'],
  ['DISK_BELOW_FLOOR', facts, 'disk full: 1048576 bytes free'],
  ['SPOOL_WRITE_FAILED', { reason: 'EIO: i/o error, write' }, 'EIO: i/o error, write'],
  ['INTERNAL', { reason: 'something nobody thought of' }, 'something nobody thought of'],
])('the comment of %s holds the reason within 64 characters', (code, given, comment) => {
  expect(errorComment(receivedError(code, given))).toBe(comment);
  expect(comment).toMatch(/^[\x20-\x5b\x5d-\x7e]{1,64}$/);
});
